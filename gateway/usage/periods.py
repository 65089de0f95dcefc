"""Today, seven or thirty days as the operator counts them, in hours as the sums count them. Pure.

Days begin at midnight of the operator's zone, hours are those of UTC. Where these do not meet, in
zones that are a half or a quarter of an hour off, an hour belongs to the day that its middle is in.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

HOUR = timedelta(hours=1)
_HALF = HOUR / 2
CHOICES = (1, 7, 30)
"""Periods that can be looked at, in days."""
_BLOCK = {1: 1, 7: 6, 30: 24}
"""Hours of a step in charts."""


@dataclass(frozen=True, slots=True)
class Before:
    """The period before, up to the same time of day, so that the two can be compared."""

    since: datetime
    last: datetime
    """The hour that corresponds to the present one."""
    share: float
    """So much of that hour counts, as so much of the present one is over."""

    def weight(self, hour: datetime) -> float:
        """How much of this hour's sums counts."""
        if not self.since <= hour <= self.last:
            return 0.0
        return self.share if hour == self.last else 1.0


@dataclass(frozen=True, slots=True)
class Period:
    """Today and the days before it."""

    days: int
    zone: tzinfo
    since: datetime
    """The first hour."""
    until: datetime
    """The end of the present hour."""
    before: Before
    steps: tuple[datetime, ...]
    """The first hours of a chart's steps, to the end of today."""

    def step(self, hour: datetime) -> int:
        """The number of the step that this hour of the period is in."""
        return bisect_right(self.steps, hour) - 1

    def begun(self) -> int:
        """How many steps are not in the future; at least one."""
        return max(1, sum(step < self.until for step in self.steps))

    def local(self, step: datetime) -> datetime:
        """When a step begins on the operator's clock: full hours, but for today's."""
        if self.days == 1:
            return step.astimezone(self.zone)
        return (step + _HALF).astimezone(self.zone).replace(minute=0)


def period(days: int, now: datetime, zone: tzinfo) -> Period:
    """Today and the days before it, `days` in all, one of CHOICES."""
    here = now.astimezone(zone)
    today = here.date()
    since = _first_hour(today, 1 - days, zone)
    present = _hour(now)
    end = _first_hour(today, 1, zone)
    then = (here.replace(tzinfo=None) - timedelta(days=days)).replace(tzinfo=zone)
    before = Before(
        since=_first_hour(today, 1 - 2 * days, zone),
        # Where clocks are changed in between, it is not allowed to reach into the period itself.
        last=min(_hour(then), since - HOUR),
        share=(now - present) / HOUR,
    )
    steps = _steps(since, end, _BLOCK[days], zone)
    return Period(days, zone, since, max(present, since) + HOUR, before, steps)


def _steps(since: datetime, end: datetime, block: int, zone: tzinfo) -> tuple[datetime, ...]:
    steps: list[datetime] = []
    last: object = None
    hour = since
    while hour < end:
        here = (hour + _HALF).astimezone(zone)
        # Each hour is a step of its own, also the one that there is twice.
        key: object = hour if block == 1 else (here.date(), here.hour // block)
        if key != last:
            steps.append(hour)
        last, hour = key, hour + HOUR
    return tuple(steps)


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _first_hour(today: date, later: int, zone: tzinfo) -> datetime:
    """The first hour of the day that is so many days later."""
    midnight = datetime.combine(today + timedelta(days=later), time.min, zone)
    hour = _hour(midnight)
    return hour if midnight.astimezone(UTC) - hour <= _HALF else hour + HOUR
