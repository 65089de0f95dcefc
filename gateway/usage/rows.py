"""Usage records as database rows: checked, inserted, summed.

Rows are inserted and sums added in bulk, not as model instances: booking shares the processor
with the relay, and instances cost several times as much (docs/decisions/0005).
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
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
_FIELDS = [field for field in UsageRecord._meta.concrete_fields if not field.primary_key]
_NAMES = [field.name for field in _FIELDS]
_DEFAULTS = {
    field.name: field.get_default() if field.has_default() else ("" if not field.null else None)
    for field in _FIELDS
}
_REQUIRED = {
    field.name for field in _FIELDS if not (field.has_default() or field.null or field.blank)
}
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
_SUMS = (
    *("prompt_tokens", "cached_tokens", "cache_write_tokens"),
    *("completion_tokens", "reasoning_tokens"),
    *("images", "seconds", "cost_micros", "latency_ms"),
)
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
            kind, most = column
            # The usual case first: it is most of the work of booking.
            fits = type(value) is kind and (
                0 <= value <= most
                if kind is int
                else len(value) <= most and "\x00" not in value
                if kind is str
                else True
            )
            record[name] = value if fits else _fit(name, value, kind, most)
    try:
        record["at"] = datetime.fromtimestamp(line["at"] / 1e6, UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise NoRecord("at") from error
    return record


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
    new = list(by_id.values())
    if new:
        _insert_records(new)
        _add_to_days(new)
        hours.add(new)
        _add_to_spends(new)
        _note_use(Licence, "licence_id", new)
        _note_use(Credential, "credential_id", new)
    return len(new)


def _insert_records(records: list[Record]) -> None:
    rows = []
    for record in records:
        record = record.copy()
        for name in _JSON:
            record[name] = _json(record[name])
        rows.append([record[name] for name in _NAMES])
    bulk.insert(UsageRecord, _NAMES, rows)


def _json(value: Json) -> str:
    """As a column holds it; PostgreSQL's JSON knows no NUL."""
    text = orjson.dumps(value).decode("utf-8")
    return _NUL.sub(r"\1", text) if "\\u0000" in text else text


def _add_to_days(records: list[Record]) -> None:
    days: dict[tuple[Any, ...], list[Any]] = defaultdict(lambda: [0] * (2 + len(_SUMS)))
    names: dict[tuple[Any, ...], str] = {}
    for record in records:
        day, licence_id = record["at"].date(), record["licence_id"] or 0
        key = (day, licence_id, record["platform"], record["model"])
        names[key] = record["licence_name"]
        of_day = days[key]
        of_day[0] += 1
        of_day[1] += hours.is_error(record)
        for place, name in enumerate(_SUMS, 2):
            of_day[place] += record[name]
    sums.add(
        UsageDay,
        key=("day", "licence_id", "platform", "model"),
        sums=("requests", "errors", *_SUMS),
        also=("licence_name",),
        # In one order everywhere, so that two processes never wait for each other's rows.
        rows=[(*key, *of_day, names[key]) for key, of_day in sorted(days.items())],
    )
    coarser.add(
        {
            key: dict(zip(("requests", "errors", *_SUMS), of_day, strict=True))
            for key, of_day in days.items()
        }
    )


def _add_to_spends(records: list[Record]) -> None:
    spends: dict[tuple[int, str, date], int] = defaultdict(int)
    for record in records:
        if (cost := record["cost_micros"]) and (id := record["licence_id"]):
            day = record["at"].date()
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


def _note_use(model: type[Model], column: str, records: list[Record]) -> None:
    """Past the models: use is no change of the configuration, so no version is bumped."""
    latest: dict[int, datetime] = {}
    for record in records:
        if id := record[column]:
            latest[id] = max(record["at"], latest.get(id, record["at"]))
    bulk.raise_to(model, "last_used_at", sorted(latest.items()), LAST_USE_WITHIN)
