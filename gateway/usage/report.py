"""Who used what: sums of usage by licence, platform, model or day, for the command and the admin.

Read from the day roll-ups, so a report over millions of requests takes milliseconds; its periods
are whole days (UTC).
"""

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway.models import UsageDay
from gateway.usage.prices import MICROS

By = Literal["licence", "platform", "model", "day"]
_KEYS: dict[By, tuple[str, ...]] = {
    "licence": ("licence_id", "licence_name"),
    "platform": ("platform",),
    "model": ("platform", "model"),
    "day": ("day",),
}
GROUPS: tuple[By, ...] = tuple(_KEYS)
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
    names = _KEYS[by]
    rows = UsageDay.objects.filter(day__gte=since)
    if until is not None:
        rows = rows.filter(day__lte=until)
    sums = {f"sum_{name}": Sum(name) for name in _SUMS}
    found = rows.order_by().values(*names).annotate(**sums)
    report = [
        Row(_key(by, group), **{name: group[f"sum_{name}"] or 0 for name in _SUMS})
        for group in found
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


def _key(by: By, group: dict[str, Any]) -> str:
    if by == "licence":
        if not group["licence_id"]:
            return "-"
        return f"{group['licence_name']} ({group['licence_id']})"
    if by == "model":
        return f"{group['platform']}/{group['model']}"
    return str(group[by])
