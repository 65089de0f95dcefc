"""What licences have spent, as the database has it: the truth behind the counters. Blocks."""

from collections.abc import Iterable
from datetime import date

from licences.limits.terms import BUDGETS, BudgetWindow, Spent
from licences.models import Licence, LicenceSpend


def spent(licences: Iterable[int], day: date) -> dict[int, Spent]:
    """In total, on this day and in its month, by licence; what is booked with a second's lag."""
    ids = set(licences)
    found = {id: {"total": 0, "day": 0, "month": 0} for id in ids}
    starts = {"day": day, "month": day.replace(day=1)}
    rows = LicenceSpend.objects.filter(licence_id__in=ids).values_list(
        "licence_id", "window", "starts_on", "cost_micros"
    )
    for id, window, starts_on, cost in rows.exclude(window="day", starts_on__lt=day).exclude(
        window="month", starts_on__lt=starts["month"]
    ):
        if starts.get(window, starts_on) == starts_on:
            found[id][window] = cost
    return {id: Spent(sums["total"], sums["day"], sums["month"], day) for id, sums in found.items()}


def budgets_of(licence: Licence, spent: Spent) -> dict[BudgetWindow, tuple[int | None, int]]:
    """For each window what may be spent in it (None: no bound) and what was, in micro-units."""
    return {
        window: (getattr(licence, f"budget_{window}_micros"), getattr(spent, window))
        for window in BUDGETS
    }
