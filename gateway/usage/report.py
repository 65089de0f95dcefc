"""Who used what: sums of usage by licence, platform, model or day, for the command and the admin.

Read from the day roll-ups, so a report over millions of requests takes milliseconds; its periods
are whole days (UTC).
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from django.utils import timezone
from django.utils.translation import gettext as _

from gateway.usage import groups
from gateway.usage.prices import MICROS

By = Literal["licence", "platform", "model", "day"]
GROUPS: tuple[By, ...] = ("licence", "platform", "model", "day")
_SUMS = (
    *("requests", "errors", "prompt_tokens", "completion_tokens", "cached_tokens"),
    *("images", "seconds", "cost_micros"),
)
_DURATION = re.compile(r"(\d{1,5})([hdw])")
_HOURS = {"h": 1, "d": 24, "w": 24 * 7}


@dataclass(frozen=True, slots=True)
class Row:
    """One group's sums."""

    key: str
    """The licence (name and number), the platform, platform/model, or the day in ISO form."""
    requests: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    images: int
    seconds: float
    cost_micros: int

    def public(self) -> dict[str, Any]:
        """For programs: the cost in units of the currency."""
        fields = asdict(self)
        fields["cost"] = fields.pop("cost_micros") / MICROS
        return fields


def usage(by: By, since: date, until: date | None = None) -> list[Row]:
    """The sums from `since` to `until` (both included; None: today), the dearest first.

    Days are in their order. The newest second may not be booked yet.
    """
    found = groups.grouped(groups.Scope(since, until or date.max), by, from_days=True)
    report = [
        Row(key_of(by, key), **{name: getattr(group, name) or 0 for name in _SUMS})
        for key, group in found.items()
    ]
    if by == "day":
        return sorted(report, key=lambda row: row.key)
    return sorted(report, key=lambda row: (-row.cost_micros, -row.requests, row.key))


def total(rows: Iterable[Row]) -> Row:
    """All rows in one."""
    rows = list(rows)
    return Row(_("Total"), **{name: sum(getattr(row, name) for row in rows) for name in _SUMS})


def day_of(since: str) -> date:
    """The first day of a period: `7d`, `24h`, `2w` until now, or a date. Raises ValueError."""
    if match := _DURATION.fullmatch(since):
        hours = int(match[1]) * _HOURS[match[2]]
        return (timezone.now() - timedelta(hours=hours)).date()
    try:
        return datetime.strptime(since, "%Y-%m-%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        raise ValueError(
            _("“%(since)s” is no period; write 7d, 24h, 2w or a date such as 2026-11-01.")
            % {"since": since}
        ) from None


def first_day(since: str) -> date:
    """The same for reports, where `7d` is today and the six days before it. Raises ValueError."""
    match = _DURATION.fullmatch(since)
    is_whole = match is not None and match[2] != "h" and int(match[1]) > 0
    return day_of(since) + timedelta(days=1) if is_whole else day_of(since)


def key_of(by: groups.By, key: groups.Key) -> str:
    """A group's name for tables and programs."""
    match by:
        case "licence":
            number, name = key
            return f"{name} ({number})" if number else "-"
        case "model":
            return "/".join(key)
        case "month":
            return f"{key[0]:%Y-%m}"
        case _:
            return str(key[0])
