"""The command line: `python -m bench.saturation`, in about three minutes; or one of its parts."""

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from bench import servers
from bench.chaos.machines import MachineFailed, command, environment
from bench.saturation import booking, idle, limits, processor, report

PARTS = ("booking", "sqlite", "limits", "idle")
RUNS = ((1, 600), (2, 600), (4, 600), (8, 600), (1, 150), (8, 150))
"""Processes at once, and records of a batch: 600 when busy, fewer when many share the calls."""


def main() -> int:
    """0: measured; 1: it could not be; 130: stopped."""
    arguments = _parser().parse_args()
    try:
        return uvloop.run(_main(arguments))
    except (servers.NotInstalled, MachineFailed, TimeoutError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130


async def _main(arguments: argparse.Namespace) -> int:
    this = asyncio.current_task()
    assert this is not None
    # As Ctrl-C does: leave through every `finally`, so that no process stays behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="tokens-saturation-") as name:
        for part in arguments.part or PARTS:
            folder = Path(name) / part
            folder.mkdir()
            tables = await _part(part, folder, arguments)
            found |= tables
            for title, rows in tables.items():
                _say(report.table(title, rows if isinstance(rows, list) else [rows]))
    _say(f"\nwritten: {report.write(found)}\n")
    return 0


async def _part(part: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    if part == "booking":
        with servers.running_postgres() as postgres:
            return {"booking": await _booking(folder, postgres, arguments)}
    if part == "sqlite":
        return {"sqlite": await _booking(folder, None, arguments)}
    if part == "limits":
        settings = environment(folder, f"sqlite:///{folder}/unused.sqlite3", "")
        return await limits.measure(settings, arguments.seconds)
    with servers.running_postgres() as postgres:
        return {"idle": await idle.measure(folder, postgres, 4 * arguments.seconds)}


async def _booking(
    folder: Path, postgres: servers.Postgres | None, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Each of RUNS on PostgreSQL; those with one process on SQLite."""
    url = f"sqlite:///{folder}/tokens.sqlite3" if postgres is None else postgres.url
    settings = environment(folder, url, "")
    filled = str(arguments.filled if postgres else 0)
    await command([sys.executable, "-m", "bench.saturation.inside", "prepare", filled], settings)
    server = None
    if postgres is not None:
        processor.place(postgres.pid)
        server = postgres.url, postgres.pid
    runs = [run for run in RUNS if server or run[0] == 1]
    return [
        (
            await booking.run(
                *(settings, folder / "journals"),
                processes=processes,
                records=arguments.records,
                batch=batch,
                seed=seed,
                server=server,
            )
        ).figures()
        for seed, (processes, batch) in enumerate(runs, 1)
    ]


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.saturation", description=__doc__)
    add = parser.add_argument
    add("--part", action="append", choices=PARTS, help="default: all; repeatable")
    add("--records", type=int, default=40_000, help="booked in each run (default: 40,000)")
    text = "records that are there before, on PostgreSQL (default: 1,000,000)"
    add("--filled", type=int, default=1_000_000, help=text)
    add("--seconds", type=float, default=5.0, help="of each run with Redis (default: 5)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
