"""Usage records as database rows: checked, inserted, summed.

Rows are inserted with `executemany`, not as model instances: booking shares the processor with the
relay, and instances cost several times as much (docs/decisions/0005).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

import orjson
from django.db import connection
from django.db.models import F, Model, Q

from gateway.models import UsageDay, UsageRecord
from gateway.shapes import Json
from licences.models import Licence, LicenceSpend
from platforms.models import Credential

Record = dict[str, Any]
_FIELDS = [field for field in UsageRecord._meta.concrete_fields if not field.primary_key]
_NAMES = [field.name for field in _FIELDS]
_DEFAULTS = {
    field.name: field.get_default() if field.has_default() else ("" if not field.null else None)
    for field in _FIELDS
}
_LENGTHS = {field.name: field.max_length for field in _FIELDS if field.max_length}
_TYPES = {
    "CharField": str,
    "BooleanField": bool,
    "FloatField": float,
    "JSONField": dict,
    "DateTimeField": datetime,
}
_KINDS = {field.name: _TYPES.get(field.get_internal_type(), int) for field in _FIELDS}
_NULLABLE = frozenset(field.name for field in _FIELDS if field.null)
_MAX_INT = 2**31 - 1  # of PostgreSQL's integer; an upstream may claim any number of tokens
_BIG = frozenset(("licence_id", "credential_id", "cost_micros"))
_SUMS = (
    *("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens"),
    *("images", "seconds", "cost_micros", "latency_ms"),
)
_KEPT_TOTAL_SINCE = date(1970, 1, 1)  # LicenceSpend's fixed day of the window "total"


class NoRecord(ValueError):
    """A journal line that is JSON but no usage record."""


def checked(line: Json) -> Record:
    """A journal line as a record: all fields there, of the right types and sizes.

    `at` becomes an aware datetime. Raises NoRecord.
    """
    if not isinstance(line, dict) or not line.get("request_id"):
        raise NoRecord
    record = _DEFAULTS.copy()
    for name, value in line.items():
        # The usual case first: it is most of the work of booking.
        if type(value) is int and 0 <= value <= _MAX_INT and name in record:
            record[name] = value
        elif name in record and name != "at":
            record[name] = _fit(name, value)
    try:
        record["at"] = datetime.fromtimestamp(line["at"] / 1e6, UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise NoRecord("at") from error
    return record


def _fit(name: str, value: Any) -> Any:
    """A value that its column takes: cut, capped. Raises NoRecord where its type is another."""
    kind = _KINDS[name]
    if value is None and name in _NULLABLE:
        return None
    if kind is float and type(value) is int:
        return float(value)
    found: type = type(value)  # not isinstance(): a bool is an int there
    if found is not kind:
        raise NoRecord(name)
    if kind is str:
        # PostgreSQL's texts hold no NUL.
        return value.replace("\x00", "")[: _LENGTHS[name]]
    if kind is int and name not in _BIG:
        return max(0, min(value, _MAX_INT))
    return value


def insert(records: Iterable[Record]) -> int:
    """Insert what is not there yet, add it to all sums; how many. To be called in a transaction."""
    by_id = {record["request_id"]: record for record in records}
    known = UsageRecord.objects.filter(request_id__in=list(by_id)).values_list("request_id")
    for (request_id,) in known:
        del by_id[request_id]
    new = list(by_id.values())
    if new:
        _insert_records(new)
        _add_to_days(new)
        _add_to_spends(new)
        _note_use(Licence, "licence_id", new)
        _note_use(Credential, "credential_id", new)
    return len(new)


def _insert_records(records: list[Record]) -> None:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in _FIELDS)
    marks = ", ".join(["%s"] * len(_FIELDS))
    # Only names of our own columns; every value is a parameter.
    sql = f"INSERT INTO {quote(UsageRecord._meta.db_table)} ({columns}) VALUES ({marks})"  # noqa: S608
    moment = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(
            sql,
            [_values(record, moment) for record in records],
        )


def _values(record: Record, moment: Callable[[datetime], Any]) -> list[Any]:
    return list(
        {
            **record,
            "at": moment(record["at"]),
            "prices": orjson.dumps(record["prices"]).decode("ascii"),
        }.values()
    )


def _add_to_days(records: list[Record]) -> None:
    days: dict[tuple[Any, ...], dict[str, Any]] = defaultdict(lambda: defaultdict(int))
    names: dict[tuple[Any, ...], str] = {}
    for record in records:
        key = (
            record["at"].date(),
            record["licence_id"] or 0,
            record["platform"],
            record["model"],
        )
        names[key] = record["licence_name"]
        sums = days[key]
        sums["requests"] += 1
        sums["errors"] += record["status"] >= 400 or record["outcome"] == "truncated"
        for name in _SUMS:
            sums[name] += record[name]
    for (day, licence_id, platform, model), sums in sorted(days.items()):
        row = {"day": day, "licence_id": licence_id, "platform": platform, "model": model}
        name = names[day, licence_id, platform, model]
        _add(UsageDay, row, sums, {"licence_name": name})


def _add_to_spends(records: list[Record]) -> None:
    spends: dict[tuple[int, str, date], int] = defaultdict(int)
    for record in records:
        if (cost := record["cost_micros"]) and (id := record["licence_id"]):
            day = record["at"].date()
            spends[id, LicenceSpend.TOTAL, _KEPT_TOTAL_SINCE] += cost
            spends[id, LicenceSpend.DAY, day] += cost
            spends[id, LicenceSpend.MONTH, day.replace(day=1)] += cost
    # A licence may have been deleted since; its records stay, there is nobody left to charge.
    there = set(
        Licence.objects.filter(pk__in={key[0] for key in spends}).values_list("pk", flat=True)
    )
    for (id, window, starts_on), cost in sorted(spends.items()):
        if id in there:
            row = {"licence_id": id, "window": window, "starts_on": starts_on}
            _add(LicenceSpend, row, {"cost_micros": cost}, {})


def _add(
    model: type[Model], key: dict[str, Any], sums: dict[str, Any], also: dict[str, Any]
) -> None:
    """Add to a row of sums; make it if it is the first."""
    rows = model._default_manager.filter(**key)
    if not rows.update(**{name: F(name) + value for name, value in sums.items()}, **also):
        model._default_manager.create(**key, **sums, **also)


def _note_use(model: type[Model], column: str, records: list[Record]) -> None:
    latest: dict[int, datetime] = {}
    for record in records:
        if id := record[column]:
            latest[id] = max(record["at"], latest.get(id, record["at"]))
    for id, at in sorted(latest.items()):
        # update(): use is no change of the configuration, so no version is bumped.
        model._default_manager.filter(
            Q(last_used_at__isnull=True) | Q(last_used_at__lt=at), pk=id
        ).update(last_used_at=at)
