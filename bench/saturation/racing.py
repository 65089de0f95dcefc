"""Processes that get ready first, then all begin at the same word."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson

from bench.chaos.machines import MachineFailed
from bench.processes import ROOT

READY = b"ready\n"
"""What each says when it is."""
WAIT_S = 240.0
Processes = list[asyncio.subprocess.Process]


@contextlib.asynccontextmanager
async def lined_up(
    commands: Sequence[Sequence[str]], settings: dict[str, str]
) -> AsyncIterator[Processes]:
    """A Python process for each, ready and waiting; all ended with the block.

    Raises MachineFailed, TimeoutError.
    """
    pipe = asyncio.subprocess.PIPE
    processes: Processes = []
    try:
        for words in commands:
            processes.append(
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", *words), cwd=ROOT, env=settings, stdin=pipe, stdout=pipe
                )
            )
        async with asyncio.timeout(WAIT_S):
            for process in processes:
                assert process.stdout is not None
                if await process.stdout.readline() != READY:
                    raise MachineFailed("a process did not get ready; its words are above")
        yield processes
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def race(processes: Processes) -> list[dict[str, Any]]:
    """All of them at once; what each says in the end. Raises MachineFailed, TimeoutError."""
    async with asyncio.timeout(WAIT_S):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.communicate(b"go\n")) for one in processes]
    if any(process.returncode for process in processes):
        raise MachineFailed("a process failed; its words are above")
    return [orjson.loads(output) for output, _ in (task.result() for task in tasks)]
