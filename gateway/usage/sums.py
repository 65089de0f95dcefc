"""Sums that are added to in place, many rows in one go (docs/decisions/0005)."""

from collections.abc import Collection

from django.db import connection
from django.db.models import Model

from gateway.usage import bulk


def add(
    model: type[Model],
    *,
    key: tuple[str, ...],
    sums: tuple[str, ...],
    also: tuple[str, ...],
    rows: Collection[bulk.Row],
) -> None:
    """Add to rows of sums; make those that are not there.

    `key`: what makes a row one; `also`: columns that are overwritten; `rows`: all of these columns,
    in this order, each key once. To be given in one order everywhere, so that two processes never
    wait for each other's rows.
    """
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    columns = {
        name: quote(str(model._meta.get_field(name).column))  # type: ignore[union-attr] # all have
        for name in (*key, *sums, *also)
    }
    changes = [f"{columns[n]} = {table}.{columns[n]} + excluded.{columns[n]}" for n in sums]
    changes += [f"{columns[n]} = excluded.{columns[n]}" for n in also]
    then = f"ON CONFLICT ({', '.join(columns[n] for n in key)}) DO UPDATE SET {', '.join(changes)}"
    bulk.insert(model, (*key, *sums, *also), rows, then)
