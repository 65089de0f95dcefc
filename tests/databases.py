"""PostgreSQL in tests: as the tests' database, and databases of a test's own."""

import contextlib
import os
import secrets
from collections.abc import Callable, Collection, Iterator
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models import Count, Max, Min
from django.test import TransactionTestCase

DEFAULT = "postgres://postgres@127.0.0.1:5432/postgres"


class Opened:
    """The connections that threads have opened, so that a test's can be closed when it ends.

    A thread of a server keeps its connection while it lives; a test's threads end with the test.
    What they leave would be a warning in some later test, and hold on to the test database.
    """

    def __init__(self) -> None:
        self._wrappers: list[BaseDatabaseWrapper] = []
        connection_created.connect(self._note, weak=False, dispatch_uid="tests.databases")

    def _note(self, connection: BaseDatabaseWrapper, **_signal: Any) -> None:
        if not any(wrapper is connection for wrapper in self._wrappers):
            self._wrappers.append(connection)

    def close_others(self) -> None:
        """Close all but this thread's own; a thread that still lives connects anew."""
        own = connections["default"]
        for wrapper in self._wrappers:
            if wrapper is not own and wrapper.connection is not None:
                wrapper.connection.close()
                wrapper.connection = None
        self._wrappers = [wrapper for wrapper in self._wrappers if wrapper is own]


def delete_instead_of_truncate(patch: pytest.MonkeyPatch) -> None:
    """Empty tables by DELETE: TRUNCATE makes new files, which takes a second for ten rows."""

    def sql_flush(
        style: Any,
        tables: Collection[str],
        *,
        reset_sequences: bool = False,
        allow_cascade: bool = False,
    ) -> list[str]:
        # One transaction; foreign keys are looked at when it ends.
        return [f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables]

    patch.setattr(connection.ops, "sql_flush", sql_flush)


_KEPT = frozenset(
    ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
)


class Emptying:
    """After a test that commits: empty the tables, but for what migrating has put into some.

    Django empties them all and then says that it has migrated, so that permissions and roles are
    made anew: a third of a second for each of thousands of tests. Here that is done only where a
    test has changed them.
    """

    def __init__(self) -> None:
        self._untouched: object = None

    def use(self, patch: pytest.MonkeyPatch) -> None:
        """In place of Django's own from now on."""
        django_s: Callable[[TransactionTestCase], None]
        django_s = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined] # private

        def empty(case: TransactionTestCase) -> None:
            if self._untouched is None or self._state() != self._untouched:
                django_s(case)
                self._untouched = self._state()
                return
            tables = [
                table
                for table in connection.introspection.django_table_names(only_existing=True)
                if table not in _KEPT
            ]
            connection.ops.execute_sql_flush(
                connection.ops.sql_flush(no_style(), tables, reset_sequences=False)
            )

        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)

    def _state(self) -> object:
        """Another one: somebody has changed what is kept."""
        return (
            list(Group.objects.order_by("id").values_list("id", "name")),
            list(Group.permissions.through.objects.order_by("id").values_list()),
            Permission.objects.aggregate(Count("id"), Max("id"), Min("id")),
            ContentType.objects.aggregate(Count("id"), Max("id"), Min("id")),
        )


def postgres() -> str:
    """The address of a PostgreSQL where databases can be made; without one the test is skipped.

    TOKENS_TEST_POSTGRES names it; `TOKENS_TEST_REQUIRE=postgresql,…` makes the skip a failure.
    """
    url = os.environ.get("TOKENS_TEST_POSTGRES") or DEFAULT
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        said = f"no PostgreSQL answers at TOKENS_TEST_POSTGRES: {error}"
        if "postgresql" in os.environ.get("TOKENS_TEST_REQUIRE", "").split(","):
            pytest.fail(said)
        pytest.skip(said)
    return url


@contextlib.contextmanager
def database_of_its_own() -> Iterator[str]:
    """The address of an empty database, which is dropped in the end. Skips without a PostgreSQL."""
    server, name = postgres(), f"test_own_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as link:
        link.execute(f"CREATE DATABASE {name}")
        try:
            yield server.rpartition("/")[0] + f"/{name}"
        finally:
            link.execute(f"DROP DATABASE {name} WITH (FORCE)")
