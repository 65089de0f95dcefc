"""What the dashboard tells of a period: figures, who and what they are of, how long it took.

Read from the sums and timings by the hour alone: the number of queries, and their work, depends on
hours and names, not on requests.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from django.db.models import Case, IntegerField, Q, QuerySet, Sum, Value, When

from gateway.models import UsageDay, UsageHour, UsageRecord, UsageTiming
from gateway.usage.hours import FAILED
from gateway.usage.periods import HOUR, Period
from gateway.usage.timings import percentile

By = UsageHour.By
Kind = UsageTiming.Kind
MEASURES = ("requests", "tokens", "cost_micros")
"""What platforms and models are compared by."""
_TOKENS = ("prompt_tokens", "completion_tokens")


class Figures(NamedTuple):
    """Sums of a period; weighted ones need not be whole."""

    requests: float = 0
    errors: float = 0
    failed: float = 0
    tokens: float = 0
    cost_micros: float = 0

    @property
    def success(self) -> float | None:
        """Of the requests that were not the caller's to lose, the share that was answered whole."""
        answered = self.requests - self.errors
        return answered / (answered + self.failed) if answered + self.failed else None


class Sums(NamedTuple):
    """What one name comes to."""

    requests: float = 0
    tokens: float = 0
    cost_micros: float = 0


@dataclass(slots=True)
class Axis:
    """The largest platforms or models, by each measure, and all of them together."""

    totals: dict[str, Sums] = field(default_factory=dict)
    """Of every name in the period."""
    steps: dict[str, dict[int, Sums]] = field(default_factory=dict)
    """Of the names that were asked for, by the number of the step."""


@dataclass(slots=True)
class Timings:
    """How long answers took, by kind of timing."""

    now: dict[str, dict[int, int]]
    before: dict[str, dict[int, int]]
    steps: dict[tuple[int, str], dict[int, int]]

    def percentile(self, kind: str, share: float, *, before: bool = False) -> float | None:
        """Of the whole period, or of the one before."""
        return percentile((self.before if before else self.now).get(kind, {}), share)

    def over_time(self, kind: str, share: float, steps: int) -> list[float | None]:
        """Of each step."""
        return [percentile(self.steps.get((n, kind), {}), share) for n in range(steps)]


@dataclass(slots=True)
class Totals:
    """A period's figures, those of each step, and those of the period before."""

    now: Figures
    before: Figures | None
    """None: usage is not known as far back as that."""
    steps: dict[int, Figures]


def is_empty() -> bool:
    """Nobody has used anything yet."""
    return not UsageDay.objects.exists()


def totals(period: Period) -> Totals:
    """All usage of the period and the one before."""
    rows = _hours(By.ALL).filter(hour__gte=period.before.since, hour__lt=period.until)
    columns = ("requests", "errors", "failed", *_TOKENS, "cost_micros")
    now, before, steps = Figures(), Figures(), dict[int, Figures]()
    for hour, requests, errors, failed, prompt, completion, cost in rows.values_list(
        "hour", *columns
    ):
        found = Figures(requests, errors, failed, prompt + completion, cost)
        if hour >= period.since:
            now = _plus(now, found)
            step = period.step(hour)
            steps[step] = _plus(steps.get(step, Figures()), found)
        elif weight := period.before.weight(hour):
            before = _plus(before, found, weight)
    known = _hours(By.ALL).filter(hour__lte=period.before.since).exists()
    return Totals(now, before if known else None, steps)


def axis(period: Period, by: By, count: int) -> Axis:
    """Platforms or models: what each comes to, and the `count` largest of each measure by step."""
    rows = _hours(by).filter(hour__gte=period.since, hour__lt=period.until)
    found = Axis({name: Sums(*sums) for name, *sums in _summed(rows, "name")})
    names = {
        name
        for place in range(len(MEASURES))
        for name in sorted(found.totals, key=lambda one: -found.totals[one][place])[:count]
    }
    by_step = rows.filter(name__in=names).annotate(step=_step(period))
    for name, step, *sums in _summed(by_step, "name", "step"):
        found.steps.setdefault(name, {})[step] = Sums(*sums)
    return found


def timings(period: Period) -> Timings:
    """How long the answers of the period and of the one before took."""
    rows = UsageTiming.objects.filter(
        Q(hour__gte=period.since, hour__lt=period.until)
        | Q(hour__gte=period.before.since, hour__lte=period.before.last)
    )
    found = Timings({}, {}, {})
    grouped = rows.annotate(step=_step(period)).order_by().values_list("step", "kind", "bucket")
    for step, kind, bucket, count in grouped.annotate(number=Sum("count")):
        _count(found.before if step < 0 else found.now, kind, bucket, count)
        if step >= 0:
            _count(found.steps, (step, kind), bucket, count)
    return found


def licences(period: Period, count: int) -> list[tuple[int, Sums]]:
    """The dearest licences, by their numbers: then those with most tokens, then most requests.

    From the sums by day, which count days of UTC. It reads the days of every licence there is: a
    question of its own, so that no figure waits for it.
    """
    today = (period.until - HOUR).date()
    rows = UsageDay.objects.filter(day__gt=today - timedelta(days=period.days))
    found = _summed(rows.exclude(licence_id=0), "licence_id")
    largest = found.order_by("-sum_cost", "-sum_tokens", "-sum_requests", "licence_id")[:count]
    return [(licence_id, Sums(*sums)) for licence_id, *sums in largest]


def latest_failures(period: Period, count: int) -> list[UsageRecord]:
    """The newest requests that a platform or the gateway failed, of this period.

    One look into the index of outcomes for each of these; all at once, the database would rather
    read every record.
    """
    found: list[UsageRecord] = []
    for outcome in FAILED:
        rows = UsageRecord.objects.filter(outcome=outcome, at__gte=period.since)
        found += rows.order_by("-at")[:count]
    return sorted(found, key=lambda record: record.at, reverse=True)[:count]


def _hours(by: By) -> QuerySet[UsageHour]:
    return UsageHour.objects.filter(by=by)


def _summed(rows: QuerySet[Any], *keys: str) -> QuerySet[Any, Any]:
    """The measures, by these keys."""
    sums = {
        "sum_requests": Sum("requests"),
        "sum_tokens": Sum("prompt_tokens") + Sum("completion_tokens"),
        "sum_cost": Sum("cost_micros"),
    }
    found: QuerySet[Any, Any] = rows.order_by().values_list(*keys).annotate(**sums)
    return found


def _step(period: Period) -> Case:
    """The number of an hour's step in SQL; -1: of the period before."""
    ends = (*period.steps[1:], None)
    return Case(
        When(hour__lt=period.since, then=Value(-1)),
        *(When(hour__lt=end, then=Value(n)) for n, end in enumerate(ends) if end is not None),
        default=Value(len(ends) - 1),
        output_field=IntegerField(),
    )


def _plus(one: Figures, other: Figures, weight: float = 1) -> Figures:
    return Figures(*(a + b * weight for a, b in zip(one, other, strict=True)))


def _count(counts: dict[Any, dict[int, int]], key: Any, bucket: int, count: int) -> None:
    of_key = counts.setdefault(key, {})
    of_key[bucket] = of_key.get(bucket, 0) + count
