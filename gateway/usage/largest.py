"""The licences that used most, when there are thousands: sorted and cut by the database.

Ten thousand sums are a third of a second of Python's; a page shows a hundred of them.
"""

from typing import Any

from django.db import connection, transaction

from gateway.usage.groups import SUMMED, Key, Measure, Scope, Sums, licence_names, sources

_ORDER: dict[Measure, str] = {
    "requests": "SUM(requests)",
    "errors": "SUM(errors)",
    "tokens": "SUM(prompt_tokens) + SUM(completion_tokens)",
    "cost": "SUM(cost_micros)",
    "images": "SUM(images)",
    "latency": "SUM(latency_ms) * 1.0 / NULLIF(SUM(requests), 0)",
}


def licences(scope: Scope, measure: Measure, most: int) -> tuple[list[tuple[Key, Sums]], int]:
    """So many of the largest, in their order, and how many there are."""
    parts: list[str] = []
    values: list[Any] = []
    for source in sources(scope, "licence"):
        sql, given = source.values_list("licence_id", *SUMMED).query.sql_with_params()
        parts.append(sql)
        values.extend(given)
    sums = ", ".join(f"SUM({name})" for name in SUMMED)
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Ten thousand groups of nine sums are 9 MB; with 4, as it is set up, they went by way
            # of the disk, which took twice as long (Nov 2026).
            cursor.execute("SET LOCAL work_mem = '32MB'")
        cursor.execute(
            f"SELECT licence_id, COUNT(*) OVER (), {sums} "  # noqa: S608 # names of our own
            f"FROM ({' UNION ALL '.join(parts)}) AS part GROUP BY licence_id "
            f"ORDER BY {_ORDER[measure]} DESC, SUM(requests) DESC, licence_id LIMIT %s",
            [*values, most],
        )
        rows = cursor.fetchall()
    names = licence_names([row[0] for row in rows])
    found = [((row[0], names.get(row[0], "")), Sums(*map(_number, row[2:]))) for row in rows]
    return found, rows[0][1] if rows else 0


def _number(value: Any) -> Any:
    """PostgreSQL's sums of integers are decimals; of the seconds alone they are floats."""
    return value if isinstance(value, float) else int(value or 0)
