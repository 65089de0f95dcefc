"""Sums that are added to in place, many rows in one go (docs/decisions/0005)."""

from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Model


def add(
    model: type[Model],
    *,
    key: tuple[str, ...],
    sums: tuple[str, ...],
    also: tuple[str, ...],
    rows: list[tuple[Any, ...]],
) -> None:
    """Add to rows of sums; make those that are not there.

    `key`: what makes a row one; `also`: columns that are overwritten; `rows`: all of these columns,
    in this order. To be given in one order everywhere, so that two processes never wait for each
    other's rows.
    """
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    columns = {
        name: quote(str(model._meta.get_field(name).column))  # type: ignore[union-attr] # all have
        for name in (*key, *sums, *also)
    }
    changes = [f"{columns[n]} = {table}.{columns[n]} + excluded.{columns[n]}" for n in sums]
    changes += [f"{columns[n]} = excluded.{columns[n]}" for n in also]
    # Only names of our own tables and columns; every value is a parameter.
    sql = (
        f"INSERT INTO {table} ({', '.join(columns.values())}) "  # noqa: S608
        f"VALUES ({', '.join(['%s'] * len(columns))}) "
        f"ON CONFLICT ({', '.join(columns[n] for n in key)}) DO UPDATE SET {', '.join(changes)}"
    )
    with connection.cursor() as cursor:
        cursor.executemany(sql, [[_adapted(value) for value in row] for row in rows])


def _adapted(value: Any) -> Any:
    """Days and moments as the database's driver takes them."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, date):
        return connection.ops.adapt_datefield_value(value)
    return value
