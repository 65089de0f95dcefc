"""The different values of an indexed column, found by stepping along its index.

DISTINCT reads the whole index: over a second for five million rows.
"""

from django.db import connection


def values(table: str, column: str) -> list[str]:
    """The different texts of a column, in their order; one look into its index for each."""
    table, column = connection.ops.quote_name(table), connection.ops.quote_name(column)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE found(value) AS ("  # noqa: S608 # names of our own
            f"SELECT MIN({column}) FROM {table} UNION ALL "
            f"SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > found.value) "
            "FROM found WHERE found.value IS NOT NULL) "
            "SELECT value FROM found WHERE value IS NOT NULL"
        )
        return [value for (value,) in cursor.fetchall()]
