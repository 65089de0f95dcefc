"""What is limited, asked and answered: the words between limiter and counters. Pure.

Rates count in slots of a second. A slot counts until 60 s after it ended, so that no 60 seconds,
wherever they begin, ever hold more than the limit.

What every call makes (`Ask`, `Granted`, `Rates`) is not frozen, though nobody changes it: to
make a frozen one takes three times as long, which was 2 % of a call (Nov 2026).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal

Subject = Literal["licence", "model", "platform", "credential"]
BudgetWindow = Literal["total", "day", "month"]
What = Literal["rpm", "tpm", "concurrency", "total", "day", "month", "reserved"]
"""Which limit refuses; `reserved`: there is money, but calls under way may need it."""
WINDOW_S = 60
BUDGETS: tuple[BudgetWindow, ...] = ("total", "day", "month")
_EPOCH = date(1970, 1, 1)


@lru_cache(maxsize=2)
def day_of(number: int) -> date:
    """The day that is so many after 1970-01-01, UTC: whole days of unix time."""
    return _EPOCH + timedelta(days=number)


def window_end(window: BudgetWindow, day: date) -> datetime | None:
    """When the window that this day is in ends, UTC; None: never."""
    if window == "total":
        return None
    last = day if window == "day" else day.replace(day=28) + timedelta(days=4)
    first = last + timedelta(days=1) if window == "day" else last.replace(day=1)
    return datetime.combine(first, time(), UTC)


@dataclass(frozen=True, slots=True)
class Budget:
    """Money that may be spent in a window (UTC), in micro-units."""

    window: BudgetWindow
    amount: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """One thing that is limited. None: no bound."""

    key: str
    """`licence:12`, `licence:12:gpt-*`, `platform:3`, `credential:9`."""
    subject: Subject
    name: str = ""
    """For sentences: the pattern of models, the platform's short name."""
    rpm: int | None = None
    tpm: int | None = None
    concurrency: int | None = None
    budgets: tuple[Budget, ...] = ()

    def limits_anything(self) -> bool:
        """Whether there is any bound at all."""
        return bool(self.budgets) or self.has_rates()

    def has_rates(self) -> bool:
        """Whether anything but money is bounded."""
        return not (self.rpm is None and self.tpm is None and self.concurrency is None)


@dataclass(slots=True)
class Ask:
    """One admission: all of these buckets, or none."""

    id: str
    buckets: tuple[Bucket, ...]
    tokens: int
    cost_micros: int
    day: date
    """UTC, on which it began: what it costs is of this day."""
    lease_s: float
    """Without a renewal it is forgotten after so long."""
    counts: bool = True
    """Whether it is a request of its own (False: it takes up room only)."""


@dataclass(slots=True)
class Rate:
    """One rate of a bucket as it stands."""

    limit: int
    left: int
    reset_s: float
    """Until all of it is there again."""


@dataclass(slots=True)
class Rates:
    """A call's rates as they stand: of its tightest bucket, requests and tokens apart.

    None: no bucket has such a limit.
    """

    requests: Rate | None = None
    tokens: Rate | None = None

    def see(
        self,
        bucket: Bucket,
        requests: int,
        tokens: int,
        requests_reset_s: float,
        tokens_reset_s: float,
    ) -> None:
        """Look at one more bucket: what is used of it, and until when."""
        if bucket.rpm:
            self.requests = _tighter(self.requests, bucket.rpm, requests, requests_reset_s)
        if bucket.tpm:
            self.tokens = _tighter(self.tokens, bucket.tpm, tokens, tokens_reset_s)


def _tighter(rate: Rate | None, limit: int, used: int, reset_s: float) -> Rate:
    """This one, if a smaller share of it is left; else the one that was there."""
    left = limit - used if used < limit else 0
    if rate is None or left * rate.limit < rate.left * limit:
        return Rate(limit, left, reset_s)
    return rate


@dataclass(slots=True)
class Granted:
    """It is in."""

    slot: int
    """In which second it was counted, by the counters' own clock."""
    rates: Rates


@dataclass(frozen=True, slots=True)
class Refused:
    """It is not in, and nothing was counted."""

    bucket: Bucket
    what: What
    limit: int
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class Unknown:
    """What this bucket has spent is not known: `seed` it and ask again."""

    bucket: Bucket


Answer = Granted | Refused | Unknown


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent until now, in micro-units, as of a day (UTC)."""

    total: int
    day: int
    month: int
    on: date


@dataclass(frozen=True, slots=True)
class Usage:
    """What a bucket holds now, for those who want to look."""

    requests: int
    tokens: int
    under_way: int
    reserved: int
    spent: Spent | None
    requests_reset_s: float
    """Until all of its requests are there again; the same of its tokens."""
    tokens_reset_s: float


class CountersDown(Exception):
    """The counters cannot be reached."""
