"""The database brought up to this version before anything is served; or a sentence why not."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import Error as DatabaseFailure, connection
from django.db.migrations.loader import MigrationLoader

_LOCK = 0x746F6B656E73  # "tokens": any number that nobody else uses
_LOCK_S = 600.0
OURS = ("licences", "platforms", "gateway")


def migrate() -> None:
    """Migrate; one process at a time, of all machines. Raises CommandError.

    Nothing is served over a database that a newer version has changed: what that version relies on
    would be broken.
    """
    try:
        with _alone():
            if newer := _unknown():
                raise CommandError(
                    f"The database was migrated by a newer version of Tokens ({', '.join(newer)} "
                    "is not known here). Start that version, or restore a backup of before."
                )
            call_command("migrate", interactive=False, verbosity=0)
    except DatabaseFailure as error:
        raise CommandError(
            f"The database cannot be used: {error}. Check DATABASE_URL, and that it runs; where a "
            "migration has failed, nothing is served until it is put right or a backup restored."
        ) from error


def _unknown() -> list[str]:
    """Migrations of ours that were applied and are not in this version."""
    loader = MigrationLoader(connection)
    known = set(loader.disk_migrations or ())
    return sorted(
        f"{app} {name}"
        for app, name in loader.applied_migrations or ()
        if app in OURS and (app, name) not in known
    )


@contextmanager
def _alone() -> Iterator[None]:
    """Hold PostgreSQL's lock; SQLite is of one machine, and has one writer at a time."""
    if connection.vendor != "postgresql":
        yield
        return
    give_up = time.monotonic() + _LOCK_S
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
            if cursor.fetchone()[0]:
                break
            if time.monotonic() > give_up:
                raise CommandError(
                    "Another process has been migrating the database for ten minutes. See what it "
                    "does, or end it."
                )
            time.sleep(0.5)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
