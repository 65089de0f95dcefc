"""What of ours is measured: the bare relay, and the gateway with everything on."""

import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import orjson

from bench import preparing
from bench.asking import Target
from bench.preparing import LIMITED, PLATFORM
from bench.processes import (
    CHAT,
    PATH,
    Contender,
    ContenderFailed,
    output,
    running,
)
from bench.scenarios import ANTHROPIC, BARE, GATEWAY, GEMINI, TWO_WORKERS, UNLIMITED
from bench.servers import NotInstalled, free_port, running_redis
from bench.upstream import HOST

COLD_STARTS = 3


@contextlib.asynccontextmanager
async def bare_relay(upstream_port: int, core: set[int]) -> AsyncIterator[Contender]:
    """The bare relay in front of this upstream."""
    port = free_port()
    command = [sys.executable, "-m", "bench.bare_relay", "--port", str(port)]
    command += ["--upstream", f"http://{HOST}:{upstream_port}"]
    contender = Contender(BARE, 0, Target(HOST, port, PATH))
    with tempfile.TemporaryDirectory(prefix="tokens-bench-") as folder:
        async with running(contender, command, Path(folder), core) as started:
            yield started


@contextlib.asynccontextmanager
async def gateway(upstream_port: int, core: set[int]) -> AsyncIterator[Contender]:
    """This checkout's gateway in front of this upstream, with a data folder of its own."""
    with tempfile.TemporaryDirectory(prefix="tokens-bench-") as name:
        folder = Path(name)
        keys = await prepared(upstream_port, folder)
        async with _serving(GATEWAY, keys, folder, core) as started:
            yield started


@contextlib.asynccontextmanager
async def two_workers(upstream_port: int, core: set[int]) -> AsyncIterator[Contender]:
    """The same as two processes, which share limits in a Redis; that is on the load's core."""
    with tempfile.TemporaryDirectory(prefix="tokens-bench-") as name:
        folder = Path(name)
        keys = await prepared(upstream_port, folder)
        try:
            with running_redis() as url:
                async with _serving(TWO_WORKERS, keys, folder, core, 2, url) as started:
                    yield started
        except NotInstalled as error:
            raise ContenderFailed(str(error)) from error


async def cold_starts(upstream_port: int, core: set[int]) -> list[float]:
    """Seconds from the start of `serve` to its first answer, over a migrated database."""
    with tempfile.TemporaryDirectory(prefix="tokens-bench-") as name:
        folder = Path(name)
        keys = await prepared(upstream_port, folder)
        found = []
        for _ in range(COLD_STARTS):
            async with _serving(GATEWAY, keys, folder, core) as started:
                found.append(started.start_s)
        return found


@contextlib.asynccontextmanager
async def _serving(
    name: str, keys: dict[str, str], folder: Path, core: set[int], workers: int = 1, redis: str = ""
) -> AsyncIterator[Contender]:
    port = free_port()
    command = [sys.executable, "manage.py", "serve", "--host", HOST, "--port", str(port)]
    command += ["--workers", str(workers)]
    roads = {
        CHAT: Target(HOST, port, f"/{PLATFORM}{PATH}", keys[LIMITED]),
        UNLIMITED: Target(HOST, port, f"/{PLATFORM}{PATH}", keys[preparing.UNLIMITED]),
        ANTHROPIC: Target(HOST, port, f"/{ANTHROPIC}{PATH}", keys[LIMITED]),
        GEMINI: Target(HOST, port, f"/{GEMINI}{PATH}", keys[LIMITED]),
    }
    contender = Contender(name, 0, roads.pop(CHAT), roads)
    own = {"REDIS_URL": redis}
    async with running(contender, command, folder, core, environment=own) as started:
        yield started


async def prepared(upstream_port: int, folder: Path) -> dict[str, str]:
    """A migrated database with all that is called; returns the keys of its licences."""
    command = [sys.executable, "-m", "bench.preparing", str(upstream_port)]
    keys: dict[str, str] = orjson.loads(await output(command, folder))
    return keys
