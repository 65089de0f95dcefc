"""The conditions under which the register is tested: a clock, an outage."""

import contextlib
from collections.abc import Iterator

from django.db import connection


class Clock:
    """A clock that stands until it is told to move."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@contextlib.contextmanager
def failing_database() -> Iterator[None]:
    """Every query for licences fails, as in an outage."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE licences_licence RENAME TO licences_hidden")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE licences_hidden RENAME TO licences_licence")
