"""The explorer's table and chart, worked out: sorted groups, shares, and the largest over time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from gateway.console.explorer.asked import Asked
from gateway.usage import groups, largest
from gateway.usage.groups import Amounts, Key, Sums
from gateway.usage.prices import MICROS
from gateway.usage.report import key_of

PAGE = 100
"""Rows of a page."""
SHOWN = 7
"""Groups that the chart tells apart; the others are one."""
MOST_DAYS = 120
"""Longer periods are drawn by months: more bars cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the table."""

    name: str
    sums: Sums
    share: float | None
    """Of the total of what is measured; None where there is none, such as for means."""
    key: Key


@dataclass(frozen=True, slots=True)
class Table:
    """All groups, sorted; a page of them."""

    lines: Sequence[Line]
    total: Sums
    page: int
    pages: int
    count: int
    """Groups on all pages."""
    largest: tuple[Key, ...]
    """Those that the chart tells apart."""
    times: dict[date, Sums]
    """By day or month, where that is what they are grouped by."""


def table(asked: Asked) -> Table:
    """The groups: days and months as they came, others by what is measured."""
    scope = asked.scope
    ordered: list[tuple[Key, Sums]]
    if asked.by == "licence" and scope.is_of_all_licences:
        ordered, count = largest.licences(scope, asked.measure, asked.page * PAGE)
        whole = groups.total(groups.grouped(scope, "platform").values())
    else:
        sums = groups.grouped(scope, asked.by)
        ordered, count = ordered_groups(asked, sums), len(sums)
        whole = groups.total(sums.values())
    pages = -(-count // PAGE) or 1
    page = min(asked.page, pages)
    base = 0.0 if asked.measure == "latency" else whole.value(asked.measure)
    shown = [
        Line(name(asked, key), group, group.value(asked.measure) / base if base else None, key)
        for key, group in ordered[(page - 1) * PAGE : page * PAGE]
    ]
    is_time = asked.by in ("day", "month")
    return Table(
        shown,
        whole,
        page,
        pages,
        count,
        () if is_time else tuple(key for key, _group in ordered[:SHOWN]),
        {key[0]: group for key, group in ordered} if is_time else {},
    )


def ordered_groups(asked: Asked, sums: dict[Key, Sums]) -> list[tuple[Key, Sums]]:
    """Times in their order, others with the largest first."""
    if asked.by in ("day", "month"):
        return sorted(sums.items())
    measure = asked.measure
    return sorted(
        sums.items(),
        key=lambda item: (-item[1].value(measure), -item[1].requests, tuple(map(str, item[0]))),
    )


def name(asked: Asked, key: Key) -> str:
    """A group as it is called."""
    if asked.by == "licence" and key[0]:
        return str(key[1]) or f"({key[0]})"
    return key_of(asked.by, key) or "-"


def chart(asked: Asked, found: Table) -> dict[str, Any]:
    """What `charts.js` draws: the largest groups over time, and the rest."""
    scope, measure = asked.scope, asked.measure
    monthly = asked.by == "month" or (scope.until - scope.since).days >= MOST_DAYS
    is_mean = measure == "latency"
    if asked.by in ("day", "month"):
        times = {
            day: (group.latency_ms if is_mean else group.value(measure), group.requests)
            for day, group in found.times.items()
        }
        series = [(measures()[measure], times)]
    else:
        each, rest = groups.over_time(scope, asked.by, found.largest, measure)
        series = [
            (name(asked, key), amounts) for key, amounts in zip(found.largest, each, strict=True)
        ]
        if rest:
            series.append((_("Others"), rest))
    if monthly:
        series = [(called, _by_month(amounts)) for called, amounts in series]
    labels = list(_moments(scope.since, scope.until, (one for _n, one in series), monthly=monthly))
    shown = _mean if is_mean else _money if measure == "cost" else _count
    return {
        "kind": "line" if is_mean else "stacked",
        "unit": "ms" if is_mean else "money" if measure == "cost" else "count",
        "currency": settings.TOKENS_CURRENCY,
        "labels": [f"{day:%Y-%m}" if monthly else day.isoformat() for day in labels],
        "series": [
            {"name": called, "values": [shown(values.get(day)) for day in labels]}
            for called, values in series
        ],
    }


def _by_month(amounts: Amounts) -> Amounts:
    found: Amounts = {}
    for day, (amount, requests) in amounts.items():
        month = day.replace(day=1)
        before = found.get(month, (0, 0))
        found[month] = before[0] + amount, before[1] + requests
    return found


def measures() -> dict[str, str]:
    """What may be measured, in the operator's words."""
    return {
        "cost": _("Cost"),
        "requests": _("Requests"),
        "errors": _("Errors"),
        "tokens": _("Tokens"),
        "images": _("Images"),
        "latency": _("Mean latency"),
    }


def _moments(
    since: date, until: date, series: Iterable[dict[date, Any]], *, monthly: bool
) -> Iterable[date]:
    """The days or months of the axis, from the first that has anything if it begins earlier."""
    if (until - since).days >= MOST_DAYS:
        used = sorted(day for values in series for day in values)
        if not used:
            return
        since, until = max(since, used[0]), min(until, used[-1])
    day = since.replace(day=1) if monthly else since
    while day <= until:
        yield day
        day = (day + timedelta(days=31)).replace(day=1) if monthly else day + timedelta(days=1)


Shown = Callable[[tuple[float, int] | None], float | None]


def _count(value: tuple[float, int] | None) -> float | None:
    return value[0] if value else 0


def _money(value: tuple[float, int] | None) -> float | None:
    return value[0] / MICROS if value else 0


def _mean(value: tuple[float, int] | None) -> float | None:
    return round(value[0] / value[1], 1) if value and value[1] else None
