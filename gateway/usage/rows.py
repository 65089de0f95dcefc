"""Usage records as database rows: checked, inserted, summed.

Rows are inserted and sums added in bulk, not as model instances: booking shares the processor
with the relay, and instances cost several times as much (docs/decisions/0005).
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Any

import orjson
from django.db.models import Model

from gateway.models import UsageDay, UsageRecord
from gateway.shapes import Json
from gateway.usage import bulk, coarser, hours, sums
from gateway.usage.prices import MAX_COST_MICROS
from licences.models import Licence, LicenceSpend
from platforms.models import Credential

Record = dict[str, Any]
Columns = hours.Columns
_FIELDS = [field for field in UsageRecord._meta.concrete_fields if not field.primary_key]
_NAMES = [field.name for field in _FIELDS]
_REQUIRED = {
    field.name for field in _FIELDS if not (field.has_default() or field.null or field.blank)
}
_DEFAULTS = {
    field.name: field.get_default() if field.has_default() else ("" if field.blank else None)
    for field in _FIELDS
} | {"seconds": 0.0}  # by the field 0, which is not of the column's type
_values = itemgetter(*_NAMES)
# What a column holds: the type, and the longest text or the largest number. An upstream may claim
# any number of tokens; PostgreSQL refuses what does not fit, and would refuse its batch for ever.
_MOST = {
    "PositiveSmallIntegerField": 2**15 - 1,
    "PositiveIntegerField": 2**31 - 1,
    "BigIntegerField": MAX_COST_MICROS,
}
_TYPES = {
    "CharField": str,
    "BooleanField": bool,
    "FloatField": float,
}
_JSON = [field.name for field in _FIELDS if field.get_internal_type() == "JSONField"]
_COLUMNS: dict[str, tuple[Any, int]] = {
    field.name: (
        type(field.get_default())
        if field.name in _JSON
        else _TYPES.get(field.get_internal_type(), int),
        _MOST.get(field.get_internal_type()) or field.max_length or 0,
    )
    for field in _FIELDS
    if field.name != "at"
}
_NULLABLE = frozenset(field.name for field in _FIELDS if field.null)
_OF_DAY = tuple(name for name in sums.SUMMED if name != "failed")
_of_day = sums.pick(*_OF_DAY)
_DAY_KEY = ("day", "licence", "platform", "model")
_COST = sums.SUMMED.index("cost_micros")
_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # not what only looks like it: \\u0000
LAST_USE_WITHIN = timedelta(minutes=1)
"""A last use is noted this exactly: a busy licence's row is not written by every batch."""
_KEPT_TOTAL_SINCE = date(1970, 1, 1)  # LicenceSpend's fixed day of the window "total"


class NoRecord(ValueError):
    """A journal line that is JSON but no usage record."""


def checked(line: Json) -> Record:
    """A journal line as a record: all fields there, of the right types and sizes.

    `at` becomes an aware datetime. Raises NoRecord.
    """
    if not isinstance(line, dict) or not line.keys() >= _REQUIRED or not line["request_id"]:
        raise NoRecord
    fields: dict[str, Any] = line
    record = _DEFAULTS.copy()
    for name, value in fields.items():
        if (column := _COLUMNS.get(name)) is not None:
            record[name] = _fit(name, value, *column)
    record["at"] = _moment(line["at"])
    return record


def all_checked(lines: Sequence[Json]) -> list[Record]:
    """Records of lines that all fit as they are, as those of this version do. Raises NoRecord.

    Each column of many lines is looked at as a whole: 2.6 µs a line, one by one 4 (Nov 2026).
    """
    if not lines:
        return []
    try:
        records: list[Record] = [_DEFAULTS | line for line in lines]
    except TypeError as error:
        raise NoRecord from error
    columns = zip(*map(_values, records), strict=True)
    for name, column in zip(_NAMES, columns, strict=True):
        if name != "at" and not _all_fit(name, column):
            raise NoRecord(name)
    for record in records:
        record["at"] = _moment(record["at"])
        if not record["request_id"]:
            raise NoRecord("request_id")
    return records


def _all_fit(name: str, column: Sequence[Any]) -> bool:
    """Whether none of these values has to be made to fit."""
    kind, most = _COLUMNS[name]
    if name in _NULLABLE:
        column = [value for value in column if value is not None]
    found = set(map(type, column))
    if found != {kind}:
        return not found
    if kind is int:
        return bool(min(column) >= 0 and max(column) <= most)
    if kind is str:
        return max(map(len, column)) <= most and "\x00" not in "".join(column)
    return True


def _moment(at: Any) -> datetime:
    """Of microseconds. Raises NoRecord."""
    try:
        return datetime.fromtimestamp(at / 1e6, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise NoRecord("at") from error


def _fit(name: str, value: Any, kind: type, most: int) -> Any:
    """A value that its column takes: cut, capped. Raises NoRecord where its type is another."""
    if value is None and name in _NULLABLE:
        return None
    if kind is float and type(value) is int:
        return float(value)
    found: type = type(value)  # not isinstance(): a bool is an int there
    if found is not kind:
        raise NoRecord(name)
    if kind is str:
        # PostgreSQL's texts hold no NUL.
        return value.replace("\x00", "")[:most]
    if kind is int:
        return max(0, min(value, most))
    return value


def insert(records: Iterable[Record]) -> int:
    """Insert what is not there yet, add it to all sums; how many. To be called in a transaction."""
    by_id = {record["request_id"]: record for record in records}
    for request_id in bulk.known(UsageRecord, "request_id", list(by_id)):
        del by_id[request_id]
    if by_id:
        _insert_new(_columns(by_id.values()))
    return len(by_id)


def _columns(records: Collection[Record]) -> Columns:
    """By the fields' names; and what more they are summed by, and what is counted."""
    columns = dict(zip(_NAMES, zip(*map(_values, records), strict=True), strict=True))
    failed = [1 if outcome in hours.FAILED else 0 for outcome in columns["outcome"]]
    ends = zip(columns["status"], failed, strict=True)
    return {
        **columns,
        "day": [at.date() for at in columns["at"]],
        "hour": [at.hour for at in columns["at"]],  # with `day` a tenth of a `datetime`'s cost
        "licence": [id or 0 for id in columns["licence_id"]],
        "requests": [1] * len(failed),
        "errors": [1 if failed or status >= 400 else 0 for status, failed in ends],
        "failed": failed,
    }


def _insert_new(records: Columns) -> None:
    _insert_records(records)
    # One pass over the records; all other sums are sums of these, which are fewer.
    numbers = _rows(records, sums.SUMMED)
    of_hours = sums.by_key(zip(_rows(records, (*_DAY_KEY, "hour")), numbers, strict=True))
    days = sums.by_key((key[:-1], numbers) for key, numbers in of_hours.items())
    _add_to_days(days, dict(zip(_rows(records, _DAY_KEY), records["licence_name"], strict=True)))
    coarser.add(days)
    hours.add(of_hours, records)
    _add_to_spends(days)
    _note_use(Licence, records["licence_id"], records["at"])
    _note_use(Credential, records["credential_id"], records["at"])


def _rows(records: Columns, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*[records[name] for name in names], strict=True)


def _insert_records(records: Columns) -> None:
    columns = [
        list(map(_json, records[name])) if name in _JSON else records[name] for name in _NAMES
    ]
    bulk.insert(UsageRecord, _NAMES, columns)


def _json(value: Json) -> str:
    """As a column holds it; PostgreSQL's JSON knows no NUL."""
    text = orjson.dumps(value).decode("utf-8")
    return _NUL.sub(r"\1", text) if "\\u0000" in text else text


def _add_to_days(
    days: Mapping[coarser.DayKey, sums.Numbers], names: Mapping[coarser.DayKey, str]
) -> None:
    """`names`: of the licences, as they were called last."""
    sums.add(
        UsageDay,
        key=("day", "licence_id", "platform", "model"),
        sums=_OF_DAY,
        also=("licence_name",),
        # In one order everywhere, so that two processes never wait for each other's rows.
        rows=[(*key, *_of_day(numbers), names[key]) for key, numbers in sorted(days.items())],
    )


def _add_to_spends(days: Mapping[coarser.DayKey, sums.Numbers]) -> None:
    spends: dict[tuple[int, str, date], float] = defaultdict(int)
    for (day, id, _platform, _model), numbers in days.items():
        if (cost := numbers[_COST]) and id:
            spends[id, LicenceSpend.TOTAL, _KEPT_TOTAL_SINCE] += cost
            spends[id, LicenceSpend.DAY, day] += cost
            spends[id, LicenceSpend.MONTH, day.replace(day=1)] += cost
    # A licence may have been deleted since; its records stay, there is nobody left to charge.
    there = bulk.known(Licence, "id", list({key[0] for key in spends}))
    sums.add(
        LicenceSpend,
        key=("licence", "window", "starts_on"),
        sums=("cost_micros",),
        also=(),
        rows=[(*key, cost) for key, cost in sorted(spends.items()) if key[0] in there],
    )


def _note_use(model: type[Model], ids: Iterable[int | None], moments: Iterable[datetime]) -> None:
    """Past the models: use is no change of the configuration, so no version is bumped."""
    latest: dict[int, datetime] = {}
    for id, at in zip(ids, moments, strict=True):
        if id and (id not in latest or at > latest[id]):
            latest[id] = at
    bulk.raise_to(model, "last_used_at", sorted(latest.items()), LAST_USE_WITHIN)
