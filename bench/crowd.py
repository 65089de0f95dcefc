"""Ten thousand licences, two thousand credentials: how soon, how big, how steady?

python -m bench.crowd                both databases
python -m bench.crowd --database sqlite
"""

import argparse
import asyncio
import contextlib
import math
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from bench import servers, upstream
from bench.asking import Scenario, Target, body
from bench.chaos.machines import Machine, MachineFailed, command, environment, running
from bench.check import WrongAnswer
from bench.processes import Contender
from platforms.pool import Pool
from platforms.routes import FREE, CredentialSpec, PlatformSpec, Route, Timeouts

PLAN = {"licences": 10_000, "platforms": 200, "credentials": 2_000, "models": 5_000, "most": 200}
DATABASES = ("sqlite", "postgres")
_CHAT = Scenario("crowd", "bench-7", 1)
CHOICES, CHOICE_ROUNDS = 200, 100
RELOADS = 5
WATCH_S = 1.5  # a change is seen within half a second; then it is loaded
START_BOUND_S = 3.0
CHOICE_BOUND_US = 20.0
STALL_BOUND_MS = 100.0


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured, and its bound."""

    name: str
    value: float
    unit: str
    most: float | None = None
    """Default: no bound."""

    @property
    def holds(self) -> bool:
        """It is within its bound."""
        return self.most is None or self.value <= self.most

    def line(self) -> str:
        """For people."""
        verdict = "" if self.most is None else "holds " if self.holds else "MISSED"
        bound = "" if self.most is None else f"  (at most {self.most:g})"
        return f"{verdict:7}{self.name:<58}{self.value:>9.2f} {self.unit}{bound}"


async def measure(database: str) -> list[Figure]:
    """Start, memory and reloads over one of DATABASES. Raises NotInstalled, MachineFailed."""
    this = asyncio.current_task()
    assert this is not None
    # As Ctrl-C does: leave through every `finally`, so that no process stays behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tokens-crowd-")))
        url = f"sqlite:///{folder}/tokens.sqlite3"
        if database == "postgres":
            url = stack.enter_context(servers.running_postgres()).url
        settings = environment(folder, url, "")
        async with await upstream.listen() as platform:
            base_url = f"http://{upstream.HOST}:{upstream.port_of(platform)}/v1"
            plan = orjson.dumps({**PLAN, "base_url": base_url})
            key = orjson.loads(await _inside(settings, "fill", stdin=plan))["key"]
            async with running(1, folder, settings) as [machine], _session(key) as session:
                found = await _of_machine(machine, session, settings)
    return [replace(figure, name=f"{database}: {figure.name}") for figure in found]


async def _of_machine(
    machine: Machine, session: aiohttp.ClientSession, settings: dict[str, str]
) -> list[Figure]:
    assert machine.process is not None
    process = Contender("gateway", machine.process.pid, Target(upstream.HOST, machine.port, ""))
    started_s = machine.start_s + await _ask(session, machine) / 1000
    found = [
        Figure("start of serve to the first answer", started_s, "s", START_BOUND_S),
        Figure("processor time until then", process.cpu_s(), "s"),
        Figure("memory after the start", process.rss_mb(), "MB"),
    ]
    bounds = {"nothing": None, "licence": STALL_BOUND_MS, "credential": STALL_BOUND_MS}
    for what, most in bounds.items():
        longest = [
            await _longest_ms(session, machine, _inside(settings, "touch", what))
            for _round in range(RELOADS)
        ]
        found.append(Figure(f"longest answer, {what} changed", max(longest), "ms", most))
    found.append(Figure(f"memory after {2 * RELOADS} reloads", process.rss_mb(), "MB"))
    return found


def choices() -> list[Figure]:
    """The choice of one credential, in microseconds: by load and for a conversation."""
    figures = []
    for count in (10, 200):
        for state, resting in (("all well", 0), ("half resting", count // 2)):
            route, pool = _route(count), Pool()
            for credential in route.platform.credentials[:resting]:
                with pool.take(route, credential) as use:
                    use.cool(3600, "rate limit")
            for way, key in (("by load", ""), ("for a conversation", "1:conversation-{}")):
                name = f"choice of {count} credentials, {state}, {way}"
                figures.append(Figure(name, _choice_us(pool, route, key), "µs", CHOICE_BOUND_US))
    return figures


def _choice_us(pool: Pool, route: Route, sticky: str) -> float:
    """The best of many short rounds: other work on the machine only ever adds."""
    keys = [sticky.format(number) for number in range(CHOICES)]

    def once() -> float:
        began_s = time.perf_counter()
        for key in keys:
            pool.choose(route, key)
        return (time.perf_counter() - began_s) / len(keys) * 1e6

    return min(once() for _round in range(CHOICE_ROUNDS))


def _route(count: int) -> Route:
    chance = random.Random(1)  # noqa: S311 # no secret
    credentials = tuple(
        CredentialSpec(number, f"key {number}", "secret", (), weight=chance.randint(1, 5))
        for number in range(1, count + 1)
    )
    platform = PlatformSpec(
        *(1, "p", "P", "custom", "openai", "http://127.0.0.1/v1", "/chat/completions", "/models"),
        *(True, True, Timeouts(), credentials, {}),
    )
    return Route(platform, "m", "m", "chat", FREE)


async def _inside(settings: dict[str, str], *arguments: str, stdin: bytes = b"") -> bytes:
    return await command([sys.executable, "-m", "bench.filling", *arguments], settings, stdin)


@contextlib.asynccontextmanager
async def _session(key: str) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield session


async def _ask(session: aiohttp.ClientSession, machine: Machine) -> float:
    """One chat; how many milliseconds it took. Raises WrongAnswer."""
    began_s = time.perf_counter()
    url = f"{machine.url}/p7/v1/chat/completions"
    async with session.post(url, data=body(_CHAT)) as response:
        content = await response.read()
    if response.status != 200:
        raise WrongAnswer(f"a chat was answered with {response.status}: {content[:300]!r}")
    return (time.perf_counter() - began_s) * 1000


async def _longest_ms(
    session: aiohttp.ClientSession, machine: Machine, meanwhile: Coroutine[Any, Any, Any]
) -> float:
    """The slowest of chats that follow each other closely until a while after `meanwhile`."""
    longest = 0.0
    async with asyncio.TaskGroup() as group:
        task = group.create_task(meanwhile)
        until_s = math.inf
        while time.monotonic() < until_s:
            longest = max(longest, await _ask(session, machine))
            if task.done() and until_s == math.inf:
                until_s = time.monotonic() + WATCH_S
    return longest


def main() -> int:
    """0: all bounds hold; 1: one does not, or it could not be measured; 130: stopped."""
    parser = argparse.ArgumentParser(prog="python -m bench.crowd", description=__doc__)
    add = parser.add_argument
    add("--database", action="append", choices=DATABASES, help="default: both; repeatable")
    add("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    figures = _shown(choices())
    for database in arguments.database or DATABASES:
        try:
            figures += _shown(asyncio.run(measure(database)))
        except (servers.NotInstalled, MachineFailed, WrongAnswer) as error:
            sys.stderr.write(f"{error}\n")
            return 1
        except (KeyboardInterrupt, asyncio.CancelledError):
            return 130
    if arguments.json:
        arguments.json.write_bytes(orjson.dumps(figures, option=orjson.OPT_INDENT_2))
    return 0 if all(figure.holds for figure in figures) else 1


def _shown(figures: list[Figure]) -> list[Figure]:
    sys.stdout.write("".join(f"{figure.line()}\n" for figure in figures))
    sys.stdout.flush()
    return figures


if __name__ == "__main__":
    sys.exit(main())
