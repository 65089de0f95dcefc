"""The command line: `python -m bench.scale --rows 5000000`."""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator

import psycopg

DEFAULT = "postgres://postgres@127.0.0.1:5432/postgres"


def main() -> int:
    """0: everything is as quick as it must be; 1: something is not."""
    arguments = _parser().parse_args()
    with _database(arguments.postgres, arguments.keep) as (url, new), _environment(url):
        import django

        django.setup()
        return _run(arguments.rows, new, arguments.explain)


def _run(rows: int, new: bool, explain: bool) -> int:
    from django.core.management import call_command
    from django.db import transaction

    from bench.scale import fill, pages, starting

    began = time.perf_counter()
    call_command("migrate", verbosity=0)
    if new:
        fill.fill(rows)
        _say(
            f"{rows:,} usage records and what belongs to them: {time.perf_counter() - began:.0f} s"
        )
    measured = []
    # Nothing of the measuring stays: the user, the session.
    with transaction.atomic():
        for one in pages.measure():
            measured.append(one)
            _say(
                f"| {one.name} | {one.ms:.0f} ms | {one.cpu_ms:.0f} ms | {one.database_ms:.0f} ms |"
            )
        transaction.set_rollback(True)
    slow = pages.slow(measured)
    for one in slow if explain else ():
        _say(f"\n{one.name}: {one.ms:.0f} ms\n{one.slowest}")
    start_s = starting.seconds_to_first_answer()
    _say(f"| from start to first answer | {start_s:.2f} s |")
    choices = {keys: starting.choice_us(keys) for keys in (10, 200)}
    for keys, microseconds in choices.items():
        _say(f"| choice among {keys} credentials | {microseconds:.1f} µs |")
    if slow:
        _say("Too slow: " + ", ".join(f"{one.name} (over {one.bound_ms:.0f} ms)" for one in slow))
    late = start_s > starting.BOUND_S or max(choices.values()) > starting.CHOICE_BOUND_US
    return 1 if slow or late else 0


@contextlib.contextmanager
def _database(server: str, keep: str) -> Iterator[tuple[str, bool]]:
    """A database of the run's own, and whether it is new."""
    name = keep or f"tokens_scale_{os.getpid()}"
    with psycopg.connect(server, autocommit=True) as link:
        new = not link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if new:
            link.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        try:
            yield server.rpartition("/")[0] + f"/{name}", new
        finally:
            if not keep:
                link.execute(
                    psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)").format(
                        psycopg.sql.Identifier(name)
                    )
                )


@contextlib.contextmanager
def _environment(url: str) -> Iterator[None]:
    """Settings for this database; nothing of the caller's own."""
    for name in [name for name in os.environ if name.startswith("TOKENS_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="tokens-scale-") as folder:
        key = "x" * 43 + "="  # of no worth: so that a kept database can be read again
        os.environ.update(
            DJANGO_SETTINGS_MODULE="tokens_site.settings",
            DATABASE_URL=url,
            TOKENS_DATA_DIR=folder,
            TOKENS_ENCRYPTION_KEYS=key,
            TOKENS_LOG_LEVEL="WARNING",
        )
        yield


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    add = parser.add_argument
    add("--rows", type=int, default=5_000_000, help="usage records; default: 5,000,000")
    add("--postgres", default=DEFAULT, metavar="URL", help="a server where databases can be made")
    add("--keep", default="", metavar="NAME", help="make or use this database, and keep it")
    add("--explain", action="store_true", help="print the slowest query of each slow page")
    return parser


if __name__ == "__main__":
    sys.exit(main())
