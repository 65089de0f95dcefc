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
            if newer := _unknown(MigrationLoader(connection)):
                raise CommandError(_newer(newer))
            call_command("migrate", interactive=False, verbosity=0)
    except DatabaseFailure as error:
        raise CommandError(
            f"The database cannot be used: {error}. Check DATABASE_URL, and that it runs; where a "
            "migration has failed, nothing is served until it is put right or a backup restored."
        ) from error


def check() -> None:
    """That the database is of this version, for a process that must not migrate itself.

    Code may have changed on disk since its parent migrated. Raises CommandError.
    """
    try:
        loader = MigrationLoader(connection)
    except DatabaseFailure as error:
        raise CommandError(f"The database cannot be used: {error}. Check DATABASE_URL.") from error
    applied = set(loader.applied_migrations or ())
    missing = sorted(
        f"{app} {name}" for app, name in loader.disk_migrations or () if (app, name) not in applied
    )
    if missing:
        raise CommandError(
            f"The database is older than this version of Tokens ({', '.join(missing)} was not "
            "applied). Restart `manage.py serve` as a whole, which migrates; SIGHUP does not."
        )
    if newer := _unknown(loader):
        raise CommandError(_newer(newer))


def _newer(names: list[str]) -> str:
    return (
        f"The database was migrated by a newer version of Tokens ({', '.join(names)} "
        "is not known here). Start that version, or restore a backup of before."
    )


def _unknown(loader: MigrationLoader) -> list[str]:
    """Migrations of ours that were applied and are not in this version."""
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
