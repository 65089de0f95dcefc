"""Roll-ups of the roll-ups: by week for licences, and by day for models of all licences.

Ten thousand licences make twelve thousand rows a day. A report of a quarter would add up a million;
of these it adds up some ten thousand, and the days at its ends.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta

from django.db.models import Model

from gateway.models import UsageModelDay, UsageWeek
from gateway.usage import sums

SUMMED = (
    *("requests", "errors", "prompt_tokens", "completion_tokens", "cached_tokens"),
    *("images", "seconds", "cost_micros", "latency_ms"),
)
"""What they have of the days' columns, and all that reports show."""
DayKey = tuple[date, int, str, str]
"""Of a row of UsageDay: day, licence's number, platform, model."""


def monday(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(days=day.weekday())


def add(days: Mapping[DayKey, Mapping[str, float]]) -> None:
    """Add what is added to the days, in the same transaction."""
    weeks: dict[tuple[date | int | str, ...], list[float]] = defaultdict(_nothing)
    models: dict[tuple[date | int | str, ...], list[float]] = defaultdict(_nothing)
    for (day, licence_id, platform, model), numbers in days.items():
        for coarse in (
            weeks[monday(day), licence_id, platform, model],
            models[day, platform, model],
        ):
            for place, name in enumerate(SUMMED):
                coarse[place] += numbers[name]
    _add(UsageWeek, ("week", "licence_id", "platform", "model"), weeks)
    _add(UsageModelDay, ("day", "platform", "model"), models)


def _nothing() -> list[float]:
    return [0] * len(SUMMED)


def _add(
    model: type[Model],
    key: tuple[str, ...],
    rows: Mapping[tuple[date | int | str, ...], list[float]],
) -> None:
    # In one order everywhere, so that two processes never wait for each other's rows.
    ordered = sorted(rows.items(), key=lambda row: tuple(map(str, row[0])))
    sums.add(model, key=key, sums=SUMMED, also=(), rows=[(*k, *v) for k, v in ordered])
