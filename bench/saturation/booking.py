"""Booking: how many journaled requests a second reach the database, and what holds them up."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench.saturation import journals, processor
from bench.saturation.racing import lined_up, race

LOOK_S = 0.05
_ACTIVITY = (
    "SELECT coalesce(wait_event_type || ':' || wait_event, 'running') FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'"
)
_SIZES = {
    "table_bytes": "pg_table_size('gateway_usagerecord')",
    "index_bytes": "pg_indexes_size('gateway_usagerecord')",
    "all_bytes": "pg_database_size(current_database())",
    "wal_bytes": "pg_current_wal_insert_lsn() - '0/0'::pg_lsn",
}


@dataclass(frozen=True, slots=True)
class Booked:
    """One run: so many processes booked so many records at once."""

    database: str
    processes: int
    batch: int
    """Records of a batch, about."""
    records: int
    seconds: float
    bookers_cpu_s: float
    server_cpu_s: float
    """0: SQLite, which runs in the booker."""
    sizes: dict[str, float] = field(default_factory=dict)
    """Bytes per record: of the table of records, its indexes, the whole database, the WAL."""
    waits: dict[str, float] = field(default_factory=dict)
    """What transactions were doing when looked at, as shares: running, or waiting for what."""

    @property
    def per_s(self) -> float:
        """Records a second, of all of them together."""
        return self.records / self.seconds

    def figures(self) -> dict[str, object]:
        """For the file and the table."""
        server_us = self.server_cpu_s * 1e6 / self.records
        return {
            "database": self.database,
            "processes": self.processes,
            "batch": self.batch,
            "records_per_s": self.per_s,
            "booker_us_per_record": self.bookers_cpu_s * 1e6 / self.records,
            "bookers_share": self.bookers_cpu_s / self.seconds,
            "server_us_per_record": server_us,
            "server_share": self.server_cpu_s / self.seconds,
            "one_server_core_per_s": 1e6 / server_us if server_us else None,
            "waits_for_rows": self.waits.get("Lock:transactionid", 0.0),
            "waits_for_disk": sum(v for name, v in self.waits.items() if name.startswith("IO:")),
            **self.sizes,
            "waits": self.waits,
        }


async def run(
    settings: dict[str, str],
    folder: Path,
    *,
    processes: int,
    records: int,
    batch: int,
    seed: int,
    server: tuple[str, int] | None,
) -> Booked:
    """Journals of `records` lines in all, booked by so many processes at once.

    `server`: the database's address and PostgreSQL's first process; None: SQLite. Raises
    MachineFailed.
    """
    each = records // processes
    folders = [
        journals.write(folder / f"{seed}-{number}", each, seed * 100 + number)
        for number in range(processes)
    ]
    lines = sum(path.stat().st_size for one in folders for path in one.iterdir())
    batch_bytes = int(lines / (each * processes) * batch)
    commands = [("bench.saturation.inside", "book", str(one), str(batch_bytes)) for one in folders]
    async with lined_up(commands, settings) as started:
        if server is None:
            found = await race(started)
            spell, waits, sizes = processor.Spell(), Counter[str](), {}
        else:
            with psycopg.connect(server[0], autocommit=True) as link:
                before = _sizes(link)
                with processor.watched(server[1]) as spell:
                    found, waits = await _seen(link, race(started))
                after = _sizes(link)
            sizes = {name: (after[name] - before[name]) / (each * processes) for name in after}
    began_s = min(one["began_s"] for one in found)
    return Booked(
        "sqlite" if server is None else "postgres",
        processes,
        batch,
        sum(int(one["records"]) for one in found),
        max(one["ended_s"] for one in found) - began_s,
        sum(one["cpu_s"] for one in found),
        spell.cpu_s,
        sizes,
        {name: count / waits.total() for name, count in waits.most_common(6)},
    )


async def _seen(
    link: psycopg.Connection, work: Coroutine[Any, Any, list[dict[str, Any]]]
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """What the work comes to, and what its transactions were seen doing meanwhile."""
    waits: Counter[str] = Counter()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        while not task.done():
            waits.update(row[0] for row in link.execute(_ACTIVITY))
            await asyncio.sleep(LOOK_S)
    return task.result(), waits


def _sizes(link: psycopg.Connection) -> dict[str, float]:
    row = link.execute(f"SELECT {', '.join(_SIZES.values())}").fetchone()  # our own
    assert row is not None
    return dict(zip(_SIZES, map(float, row), strict=True))
