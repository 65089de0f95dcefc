"""Sums of usage over the roll-ups: of a period and a part of it, grouped, and over time.

Each question is put to the coarsest roll-up that can answer it (`usage/coarser.py`): what asks for
no licence to the models' days; all licences together to the weeks, and to the days at the ends of
the period that are no whole weeks; one licence to its own days.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from django.db.models import Case, F, IntegerField, Max, Q, QuerySet, Sum, Value, When
from django.db.models.expressions import CombinedExpression

from gateway.models import UsageDay, UsageModelDay, UsageRecord, UsageWeek
from gateway.usage.coarser import monday
from licences.models import Licence

By = Literal["licence", "platform", "model", "day", "month"]
Measure = Literal["requests", "errors", "tokens", "cost", "images", "latency"]
Key = tuple[Any, ...]
"""Licence number and name; the platform; platform and model; the day; the month's first day."""
Amounts = dict[date, tuple[float, int]]
"""What a day has of what is measured, and of requests, for means."""
_AMOUNTS: dict[Measure, F | CombinedExpression] = {
    "requests": F("requests"),
    "errors": F("errors"),
    "tokens": F("prompt_tokens") + F("completion_tokens"),
    "cost": F("cost_micros"),
    "images": F("images"),
    "latency": F("latency_ms"),
}
_COLUMNS: dict[By, tuple[str, ...]] = {
    "licence": ("licence_id",),
    "platform": ("platform",),
    "model": ("platform", "model"),
    "day": ("day",),
    "month": ("day",),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """A period, and what of it is looked at. None: all; an empty text: what has none."""

    since: date
    until: date
    """The last day, included."""
    platform: str | None = None
    model: str | None = None
    licence_id: int | None = None
    licence_name: str | None = None
    """For a licence that is known by its name alone."""

    @property
    def is_of_all_licences(self) -> bool:
        """Whether it asks for none in particular."""
        return self.licence_id is None and self.licence_name is None

    def days(self, since: date | None = None, until: date | None = None) -> QuerySet[UsageDay]:
        """The sums by day, licence, platform and model; of these days or of all."""
        days = Q(day__gte=since or self.since, day__lte=until or self.until)
        return UsageDay.objects.order_by().filter(days, self._licence(), self._model())

    def model_days(self) -> QuerySet[UsageModelDay]:
        """The sums of all licences by day, platform and model."""
        days = Q(day__gte=self.since, day__lte=self.until)
        return UsageModelDay.objects.order_by().filter(days, self._model())

    def weeks(self, first: date, after: date) -> QuerySet[UsageWeek]:
        """The sums by week, licence, platform and model, of the weeks in between."""
        return UsageWeek.objects.order_by().filter(self._model(), week__gte=first, week__lt=after)

    def records(self) -> QuerySet[UsageRecord]:
        """The requests."""
        begin, end = moments(self.since, self.until)
        # A record of no licence has no number, its roll-up the number 0.
        licence = Q(licence_id=None) if self.licence_id == 0 else self._licence()
        found = UsageRecord.objects.filter(licence, self._model(), at__gte=begin, at__lt=end)
        if self.model and self.is_of_all_licences:
            # By this, which is in an index, a model that few requests ask for is found at once.
            found = found.filter(model__istartswith=self.model)
        return found

    def _licence(self) -> Q:
        found = Q()
        if self.licence_id is not None:
            found &= Q(licence_id=self.licence_id)
        if self.licence_name is not None:
            found &= Q(licence_name=self.licence_name)
        return found

    def _model(self) -> Q:
        found = Q()
        if self.platform is not None:
            found &= Q(platform=self.platform)
        if self.model is not None:
            found &= Q(model=self.model)
        return found


@dataclass(slots=True)
class Sums:
    """What a group adds up to; tokens and money as in usage records."""

    requests: int = 0
    errors: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    images: int = 0
    seconds: float = 0
    cost_micros: int = 0
    latency_ms: int = 0
    """Of all requests together."""

    def add(self, numbers: Iterable[float]) -> None:
        """Add a row of numbers, in the order of `SUMMED`."""
        for name, number in zip(SUMMED, numbers, strict=True):
            setattr(self, name, getattr(self, name) + (number or 0))

    @property
    def tokens(self) -> int:
        """Of prompts and completions."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def mean_latency_ms(self) -> float | None:
        """How long a request took."""
        return self.latency_ms / self.requests if self.requests else None

    @property
    def error_share(self) -> float | None:
        """Errors among the requests."""
        return self.errors / self.requests if self.requests else None

    def value(self, measure: Measure) -> float:
        """What is measured; money in micro-units, a mean in milliseconds."""
        match measure:
            case "cost":
                return self.cost_micros
            case "latency":
                return self.mean_latency_ms or 0.0
            case _:
                found: int = getattr(self, measure)
                return found


SUMMED = tuple(field.name for field in fields(Sums))


def moments(since: date, until: date) -> tuple[datetime, datetime]:
    """When the first day begins, and when the day after the last does."""
    after = until + timedelta(days=1)
    return datetime.combine(since, time.min, UTC), datetime.combine(after, time.min, UTC)


def sources(scope: Scope, by: By) -> Iterator[QuerySet[Any]]:
    """The rows to add up; together they are the scope, each request once."""
    if not scope.is_of_all_licences:
        yield scope.days()
    elif by != "licence":
        yield scope.model_days()
    else:
        one = timedelta(days=1)
        first = monday(scope.since + 6 * one)  # the first that begins within the period
        after = monday(min(scope.until, date.max - one) + one)  # the one that does not end in it
        if first < after:
            yield scope.weeks(first, after)
            if scope.since < first:
                yield scope.days(until=first - one)
            if after <= scope.until:
                yield scope.days(since=after)
        else:
            yield scope.days()


def grouped(scope: Scope, by: By, *, from_days: bool = False) -> dict[Key, Sums]:
    """The sums of each group, in no order. `from_days`: from the finest roll-up alone."""
    found: dict[Key, Sums] = {}
    width = len(_COLUMNS[by])
    for source in [scope.days()] if from_days else sources(scope, by):
        for row in _summed(source, *_COLUMNS[by]):
            key = (row[0].replace(day=1),) if by == "month" else row[:width]
            if key in found:
                found[key].add(row[width:])
            else:
                found[key] = Sums(*row[width:])
    if by == "licence":
        names = licence_names([key[0] for key in found])
        return {(*key, names.get(key[0], "")): sums for key, sums in found.items()}
    return found


def total(groups: Iterable[Sums]) -> Sums:
    """All groups in one."""
    found = Sums()
    for sums in groups:
        found.add([getattr(sums, name) for name in SUMMED])
    return found


def over_time(
    scope: Scope, by: By, keys: Sequence[Key], measure: Measure
) -> tuple[list[Amounts], Amounts]:
    """What each day has of each of these groups, in their order, and of all others together."""
    if by == "licence" and scope.is_of_all_licences:
        return _licences_over_time(scope, keys, measure)
    names = _COLUMNS[by]
    cases = [
        When(**dict(zip(names, key, strict=False)), then=Value(place))
        for place, key in enumerate(keys)
    ]
    place = Case(*cases, default=Value(len(keys)), output_field=IntegerField())
    source: QuerySet[Any] = scope.model_days() if scope.is_of_all_licences else scope.days()
    found: list[Amounts] = [{} for _ in range(len(keys) + 1)]
    rows = source.annotate(place=place).values_list("place", "day")
    for number, day, amount, requests in _measured(rows, measure):
        found[number][day] = amount, requests
    return found[:-1], found[-1]


def licence_names(numbers: Sequence[int]) -> dict[int, str]:
    """What these licences are called, or were when they were deleted."""
    wanted = Licence.objects.all()
    if len(numbers) < 500:  # more of them than that are asked for together
        wanted = wanted.filter(pk__in=numbers)
    names = dict(wanted.values_list("pk", "name"))
    gone = [number for number in numbers if number and number not in names]
    for begin in range(0, len(gone), 500):
        days = UsageDay.objects.order_by().filter(licence_id__in=gone[begin : begin + 500])
        names.update(days.values_list("licence_id").annotate(Max("licence_name")))
    return names


def _licences_over_time(
    scope: Scope, keys: Sequence[Key], measure: Measure
) -> tuple[list[Amounts], Amounts]:
    """The largest by their own days, and what is left of the models' days."""
    places = {key[0]: place for place, key in enumerate(keys)}
    found: list[Amounts] = [{} for _ in keys]
    rest: Amounts = {
        day: (amount, requests)
        for day, amount, requests in _measured(scope.model_days().values_list("day"), measure)
    }
    own = scope.days().filter(licence_id__in=list(places)).values_list("licence_id", "day")
    for number, day, amount, requests in _measured(own, measure):
        found[places[number]][day] = amount, requests
        before = rest.get(day, (0, 0))
        rest[day] = before[0] - amount, before[1] - requests
    return found, {day: left for day, left in rest.items() if left[1] > 0}


def _measured(rows: QuerySet[Any, Any], measure: Measure) -> QuerySet[Any, Any]:
    found: QuerySet[Any, Any] = rows.annotate(amount=Sum(_AMOUNTS[measure]), calls=Sum("requests"))
    return found


def _summed(rows: QuerySet[Any], *names: str) -> Iterable[tuple[Any, ...]]:
    sums = {f"sum_{name}": Sum(name) for name in SUMMED}
    found: Iterable[tuple[Any, ...]] = rows.values_list(*names).annotate(**sums)
    return found
