"""Many rows in one go, as each database takes them at the least cost (docs/decisions/0014).

PostgreSQL gets one statement with an array for each column: a statement for each row is read and
planned anew every time, which takes it longer than the row itself. SQLite reads a statement once
and runs it for each row.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import orjson
from django.db import connection
from django.db.models import DateField, DateTimeField, Field, Model

Row = Sequence[Any]
_NUMBERS = ("int", "big", "small", "double")


def insert(model: type[Model], names: Sequence[str], rows: Collection[Row], then: str = "") -> None:
    """Insert rows of these fields, in this order; `then`: what SQL says after the values."""
    if not rows:
        return
    quote = connection.ops.quote_name
    fields = _fields(model, tuple(names))
    columns = ", ".join(quote(str(field.column)) for field in fields)
    # Only names of our own tables and columns; every value is a parameter.
    into = f"INSERT INTO {quote(model._meta.db_table)} ({columns})"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sql = f"{into} SELECT * FROM unnest({_marks(fields)}) {then}"  # noqa: S608
            cursor.execute(sql, _arrays(fields, rows))
        else:
            marks = ", ".join(["%s"] * len(fields))
            sql = f"{into} VALUES ({marks}) {then}"
            cursor.executemany(sql, list(_adapted(fields, rows)))


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
            ends = _adapted(fields, [(pk, at - within) for pk, at in rows])
            both = zip(_adapted(fields, rows), ends, strict=True)
            cursor.executemany(sql, [(at, pk, end) for (pk, at), (_pk, end) in both])
            return
        # An update locks rows as its plan meets them; so they are locked before, in their order.
        cursor.execute(
            f"WITH new(id, at) AS (SELECT * FROM unnest({_marks(fields)})), "  # noqa: S608
            f"held AS MATERIALIZED (SELECT {table}.{id} AS id, new.at FROM {table} "
            f"JOIN new ON new.id = {table}.{id} WHERE {older} new.at - make_interval(secs => %s)) "
            f"ORDER BY {table}.{id} FOR NO KEY UPDATE OF {table}) "
            f"UPDATE {table} SET {column} = held.at FROM held WHERE {table}.{id} = held.id",
            [*_arrays(fields, rows), within.total_seconds()],
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
            array = _arrays(fields, [(value,) for value in values])
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


def _arrays(fields: Sequence["Field[Any, Any]"], rows: Collection[Row]) -> list[str]:
    """The columns as PostgreSQL writes arrays."""
    return [
        _numbers(column) if _type(field).startswith(_NUMBERS) else _texts(column)
        for field, column in zip(fields, zip(*rows, strict=True), strict=True)
    ]


def _numbers(column: Row) -> str:
    if None in column:
        return "{" + ",".join("NULL" if value is None else str(value) for value in column) + "}"
    return "{" + ",".join(map(str, column)) + "}"


def _texts(column: Row) -> str:
    """Texts, moments, days, yes and no, JSON: each between quotes."""
    quoted: dict[Any, str] = {None: "NULL"}  # most values come again and again
    for value in set(column):
        if value is not None:
            quoted[value] = '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "{" + ",".join([quoted[value] for value in column]) + "}"


def _adapted(fields: "Sequence[Field[Any, Any]]", rows: Collection[Row]) -> Iterable[Row]:
    """The rows with days and moments as the driver takes them; most come again and again."""
    columns: list[Row] = list(zip(*rows, strict=True))
    for place, field in enumerate(fields):
        if isinstance(field, DateField):  # DateTimeField is one
            moments = isinstance(field, DateTimeField)
            ops = connection.ops
            adapt = ops.adapt_datetimefield_value if moments else ops.adapt_datefield_value
            adapted = {value: adapt(value) for value in set(columns[place])}
            columns[place] = [adapted[value] for value in columns[place]]
    return zip(*columns, strict=True)
