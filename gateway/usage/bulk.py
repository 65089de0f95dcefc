"""Many rows in one go, as each database takes them at the least cost (docs/decisions/0014).

PostgreSQL gets one statement with an array for each column: a statement for each row is read and
planned anew every time, which takes it longer than the row itself. SQLite reads a statement once
and runs it for each row.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any

import orjson
from django.db import connection
from django.db.models import BooleanField, DateField, DateTimeField, Field, Model

Row = Sequence[Any]
Column = Sequence[Any]
_NUMBERS = ("int", "big", "small", "double")
_NUMBER_OF = {False: 0, True: 1}


def insert(
    model: type[Model], names: Sequence[str], columns: Collection[Column], then: str = ""
) -> None:
    """Insert rows, given by their columns in the order of `names`; without columns, none.

    `then`: what SQL says after the values.
    """
    if not columns:
        return
    quote = connection.ops.quote_name
    fields = _fields(model, tuple(names))
    listed = ", ".join(quote(str(field.column)) for field in fields)
    # Only names of our own tables and columns; every value is a parameter.
    into = f"INSERT INTO {quote(model._meta.db_table)} ({listed})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sql = f"{into} SELECT * FROM unnest({_marks(fields)}) {then}"  # noqa: S608
            cursor.execute(sql, _arrays(fields, columns))
        else:
            marks = ", ".join(["%s"] * len(fields))
            sql = f"{into} VALUES ({marks}) {then}"
            cursor.executemany(sql, _adapted(fields, columns))


def raise_to(
    model: type[Model], name: str, rows: Collection[tuple[int, datetime]], within: timedelta
) -> None:
    """Set a moment of the rows with these numbers, unless it is as late already, or nearly so.

    `rows`: by number, in one order everywhere, so that two processes never wait for each other's;
    `within`: what is earlier by no more than that stays.
    """
    if not rows:
        return
    fields = _fields(model, ("id", name))
    names = (model._meta.db_table, *(str(field.column) for field in fields))
    table, id, column = map(connection.ops.quote_name, names)
    older = f"({column} IS NULL OR {column} < "  # by more than `within`
    with connection.cursor() as cursor:
        if connection.vendor != "postgresql":
            sql = f"UPDATE {table} SET {column} = %s WHERE {id} = %s AND {older} %s)"  # noqa: S608
            pks, moments = zip(*rows, strict=True)
            columns = (moments, pks, [at - within for at in moments])
            cursor.executemany(sql, _adapted((fields[1], fields[0], fields[1]), columns))
            return
        # An update locks rows as its plan meets them; so they are locked before, in their order.
        cursor.execute(
            f"WITH new(id, at) AS (SELECT * FROM unnest({_marks(fields)})), "  # noqa: S608
            f"held AS MATERIALIZED (SELECT {table}.{id} AS id, new.at FROM {table} "
            f"JOIN new ON new.id = {table}.{id} WHERE {older} new.at - make_interval(secs => %s)) "
            f"ORDER BY {table}.{id} FOR NO KEY UPDATE OF {table}) "
            f"UPDATE {table} SET {column} = held.at FROM held WHERE {table}.{id} = held.id",
            [*_arrays(fields, list(zip(*rows, strict=True))), within.total_seconds()],
        )


def known(model: type[Model], name: str, values: Collection[Any]) -> set[Any]:
    """Which of these values (numbers or texts) a field has in some row; one parameter for all."""
    if not values:
        return set()
    quote = connection.ops.quote_name
    fields = _fields(model, (name,))
    column, table = quote(str(fields[0].column)), quote(model._meta.db_table)
    sql = f"SELECT {column} FROM {table} WHERE {column} "  # noqa: S608 # our own names
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            array = _arrays(fields, [list(values)])
            cursor.execute(f"{sql} = ANY({_marks(fields)})", array)
        else:
            array = [orjson.dumps(list(values)).decode("utf-8")]
            cursor.execute(f"{sql} IN (SELECT value FROM json_each(%s))", array)  # noqa: S608
        return {row[0] for row in cursor.fetchall()}


@cache
def _fields(model: type[Model], names: tuple[str, ...]) -> tuple["Field[Any, Any]", ...]:
    return tuple(model._meta.get_field(name) for name in names)  # type: ignore[misc] # all columns


def _marks(fields: Iterable["Field[Any, Any]"]) -> str:
    return ", ".join(f"%s::{_type(field)}[]" for field in fields)


@cache
def _type(field: "Field[Any, Any]") -> str:
    """Its type on PostgreSQL, without the length: to cast to that would cut silently."""
    found = field.rel_db_type(connection) if field.primary_key else field.db_type(connection)
    return (found or "").partition("(")[0]


def _arrays(fields: Sequence["Field[Any, Any]"], columns: Collection[Column]) -> list[str]:
    """The columns as PostgreSQL writes arrays."""
    return [
        _numbers(column) if _type(field).startswith(_NUMBERS) else _texts(column)
        for field, column in zip(fields, columns, strict=True)
    ]


def _numbers(column: Column) -> str:
    if None in column:
        return "{" + ",".join("NULL" if value is None else str(value) for value in column) + "}"
    return "{" + ",".join(map(str, column)) + "}"


def _texts(column: Column) -> str:
    """Texts, moments, days, yes and no, JSON: each between quotes."""
    quoted: dict[Any, str] = {None: "NULL"}  # most values come again and again
    for value in set(column):
        if value is not None:
            quoted[value] = '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "{" + ",".join([quoted[value] for value in column]) + "}"


def _adapted(
    fields: Iterable["Field[Any, Any]"], columns: Iterable[Column]
) -> list[tuple[Any, ...]]:
    """Rows of what the driver takes as it is."""
    pairs = zip(fields, columns, strict=True)
    return list(zip(*[_plain(field, column) for field, column in pairs], strict=True))


def _plain(field: "Field[Any, Any]", column: Column) -> Iterable[Any]:
    if isinstance(field, DateTimeField):  # a DateField too, so before it
        return _moments(column)
    if isinstance(field, DateField):
        return map(connection.ops.adapt_datefield_value, column)
    if isinstance(field, BooleanField):
        # The driver looks for an adapter of each `bool`, which takes it as long as the number
        # itself (0.35 µs, Nov 2026), and in the end writes the number.
        return map(_NUMBER_OF.get, column)
    return column


def _moments(column: Column) -> list[str | None]:
    """As Django has them, which takes 2.4 µs for each to come to that, and this 0.55 (Nov 2026)."""
    adapt = connection.ops.adapt_datetimefield_value
    utc = UTC if connection.timezone is UTC else object()  # none is of another zone
    return [
        f"{_second(at.date(), at.hour, at.minute, at.second)}.{at.microsecond:06}"
        if at and at.tzinfo is utc and at.microsecond
        else adapt(at)
        for at in column
    ]


@lru_cache(256)
def _second(day: date, hour: int, minute: int, second: int) -> str:
    return f"{day} {hour:02}:{minute:02}:{second:02}"
