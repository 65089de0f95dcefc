"""Roll-ups of the roll-ups: by week for licences, and by day for models of all licences.

Ten thousand licences make twelve thousand rows a day. A report of a quarter would add up a million;
of these it adds up some ten thousand, and the days at its ends.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from django.db.models import Model

from gateway.models import UsageModelDay, UsageWeek
from gateway.usage import sums

SUMMED = (
    *("requests", "errors", "prompt_tokens", "completion_tokens", "cached_tokens"),
    *("images", "seconds", "cost_micros", "latency_ms"),
)
"""What they have of the days' columns, and all that reports show."""
_picked = sums.pick(*SUMMED)
DayKey = tuple[date, int, str, str]
"""Of a row of UsageDay: day, licence's number, platform, model."""


def monday(day: date) -> date:
    """The first day of its week."""
    return day - timedelta(days=day.weekday())


def add(days: Mapping[DayKey, sums.Numbers]) -> None:
    """Add what is added to the days, in the same transaction."""
    weeks = (((monday(key[0]), *key[1:]), numbers) for key, numbers in days.items())
    _add(UsageWeek, ("week", "licence_id", "platform", "model"), weeks)
    models = (((key[0], *key[2:]), numbers) for key, numbers in days.items())
    _add(UsageModelDay, ("day", "platform", "model"), models)


def _add(
    model: type[Model],
    key: tuple[str, ...],
    numbers: Iterable[tuple[tuple[date | int | str, ...], sums.Numbers]],
) -> None:
    # In one order everywhere, so that two processes never wait for each other's rows.
    ordered = sorted(sums.by_key(numbers).items(), key=lambda row: tuple(map(str, row[0])))
    sums.add(model, key=key, sums=SUMMED, also=(), rows=[(*k, *_picked(n)) for k, n in ordered])
