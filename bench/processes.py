"""Contenders as processes: started in a session of their own, pinned, measured, ended."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from bench.asking import Scenario, Target
from bench.check import WrongAnswer, ask
from bench.upstream import CHAT_MODEL

ROOT = Path(__file__).resolve().parent.parent
READY_S = 60.0  # until a started contender must have answered
COMMAND_S = 60.0  # for one command that prepares it
STOP_S = 15.0  # from SIGTERM to SIGKILL; the gateway may drain
POLL_S = 0.01  # between two looks at whether it accepts connections yet
IDLE_S = 0.3  # one look at whether a contender has gone quiet
SETTLE_S = 15.0  # at most, for work after the last answer (usage to book, streams to give up)
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MB = 1e6
PATH = "/v1/chat/completions"
CHAT = "chat"  # the road that every contender has: chat with an upstream that speaks OpenAI


class ContenderFailed(Exception):
    """A contender or a command that prepares it failed; says which, and its last words."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A running process and where to reach it."""

    name: str
    pid: int
    target: Target
    """Its road CHAT."""
    others: Mapping[str, Target] = field(default_factory=dict)
    """Its other roads, by name: to other upstreams, or with other keys."""
    start_s: float = 0.0
    """From its start to its first answer."""

    @property
    def roads(self) -> dict[str, Target]:
        """Every way through it, by name."""
        return {CHAT: self.target, **self.others}

    def cpu_s(self) -> float:
        """CPU seconds, user and system, of the process and its children so far."""
        return sum(_ticks(pid) for pid in _family(self.pid)) / TICKS_PER_S

    def rss_mb(self) -> float:
        """Resident memory of the process and its children, in MB (10^6 bytes)."""
        return sum(_memory_kib(pid, "VmRSS:") for pid in _family(self.pid)) * 1024 / MB

    def forget_peak(self) -> None:
        """Let peak_mb() begin anew, where the system can; else it is of the whole life."""
        for pid in _family(self.pid):
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): resets VmHWM

    def peak_mb(self) -> float:
        """The most resident memory since forget_peak(), in MB; of each process its own peak."""
        return sum(_memory_kib(pid, "VmHWM:") for pid in _family(self.pid)) * 1024 / MB

    async def settled_cpu_s(self) -> float:
        """cpu_s(), once the work that follows the last answer is done too."""
        until_s = time.monotonic() + SETTLE_S
        before_s = self.cpu_s()
        while time.monotonic() < until_s:
            await asyncio.sleep(IDLE_S)
            now_s = self.cpu_s()
            if now_s - before_s <= 1.5 / TICKS_PER_S:
                return now_s
            before_s = now_s
        return before_s


def cores() -> tuple[set[int], set[int]]:
    """The load's core and the contender's; the same where there is only one or no way to pin."""
    if not hasattr(os, "sched_getaffinity"):
        return set(), set()
    usable = sorted(os.sched_getaffinity(0))
    return {usable[0]}, {usable[-1]}


def pin(pid: int, to: set[int]) -> None:
    """Bind a process (0: this one) and its threads to cores, where the system can."""
    if not to or not hasattr(os, "sched_setaffinity"):
        return
    tasks = Path(f"/proc/{pid}/task")
    threads = [int(entry.name) for entry in tasks.iterdir()] if pid and tasks.is_dir() else [pid]
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):  # the thread has ended
            os.sched_setaffinity(thread, to)


@contextlib.asynccontextmanager
async def running(
    contender: Contender,
    command: Sequence[str],
    folder: Path,
    core: set[int],
    *,
    environment: Mapping[str, str | None] | None = None,
    ready_s: float = READY_S,
) -> AsyncIterator[Contender]:
    """`contender` with its process, ready: it has answered a chat. Ended with all it started.

    `environment` comes on top of the usual one; None takes away. Raises ContenderFailed.
    """
    words = folder / "output.log"
    began_s = time.monotonic()
    with words.open("wb") as log:
        own = environment_of(folder, environment or {})
        process = await _spawn(command, own, asyncio.subprocess.DEVNULL, log)
    try:
        pin(process.pid, core)
        fault = await _fault(process, contender.target, began_s + ready_s)
        start_s = time.monotonic() - began_s
        if fault is not None:
            last = words.read_text(errors="replace")[-2000:]
            exit_code = process.returncode
            raise ContenderFailed(f"{_spelt(command)}: {fault} (exit {exit_code})\n{last}")
        for pid in _family(process.pid):
            pin(pid, core)  # what it started before it was pinned itself
        yield Contender(contender.name, process.pid, contender.target, contender.others, start_s)
    finally:
        await end(process)


async def output(
    command: Sequence[str],
    folder: Path,
    *,
    stdin: bytes = b"",
    within_s: float = COMMAND_S,
) -> bytes:
    """What a command writes. Raises ContenderFailed, also when it takes too long."""
    pipe = asyncio.subprocess.PIPE
    process = await _spawn(command, environment_of(folder, {}), pipe, pipe)
    try:
        async with asyncio.timeout(within_s):
            said, complaint = await process.communicate(stdin)
    except TimeoutError as error:
        raise ContenderFailed(f"{_spelt(command)}: no end after {within_s:.0f} s") from error
    finally:
        await end(process)
    if process.returncode:
        words = (complaint or said).decode(errors="replace")[-2000:]
        raise ContenderFailed(f"{_spelt(command)}: {words}")
    return said


async def end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM, then SIGKILL for the whole session; returns when the process is reaped."""
    try:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_S)
    finally:
        with contextlib.suppress(ProcessLookupError):  # nobody is left: what we want
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def environment_of(folder: Path, over: Mapping[str, str | None]) -> dict[str, str]:
    """The caller's, but for what would let a benchmark touch the caller's own data."""
    own: dict[str, str | None]
    own = {name: value for name, value in os.environ.items() if not name.startswith("TOKENS_")}
    own["PYTHONDONTWRITEBYTECODE"] = None  # or every start would compile all anew
    own["TOKENS_DATA_DIR"] = str(folder)
    own["DATABASE_URL"] = f"sqlite:///{folder}/tokens.sqlite3"
    own["REDIS_URL"] = ""
    return {name: value for name, value in (own | dict(over)).items() if value is not None}


async def _spawn(
    command: Sequence[str], environment: dict[str, str], stdin: int, output: int | IO[bytes]
) -> asyncio.subprocess.Process:
    """Started in the checkout and in a session of its own; end it with end()."""
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env=environment,
            stdin=stdin,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    except OSError as error:
        raise ContenderFailed(f"{_spelt(command)}: {error}") from error


async def _fault(process: asyncio.subprocess.Process, target: Target, until_s: float) -> str | None:
    """None as soon as it has answered a chat; else why it never did."""
    scenario = Scenario("first answer", CHAT_MODEL, 1)
    fault = "not ready in time"
    while process.returncode is None and time.monotonic() < until_s:
        try:
            _, writer = await asyncio.open_connection(target.host, target.port)
            writer.close()
            await ask(target, scenario, max(until_s - time.monotonic(), POLL_S))
        except OSError:
            await asyncio.sleep(POLL_S)
        except WrongAnswer as error:
            fault = str(error)
            await asyncio.sleep(POLL_S)
        else:
            return None
    return fault if process.returncode is None else "ended"


def _spelt(command: Sequence[str]) -> str:
    name = "python" if command[0] == sys.executable else Path(command[0]).name
    return " ".join([name, *command[1:]])


def _family(pid: int) -> list[int]:
    """The living: this process, what it started and what these started, and their sessions."""
    parents: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := stat_of(int(entry.name))):
            parents[int(entry.name)] = int(fields[1]), int(fields[3])
    members = {pid} & parents.keys()
    while more := {one for one, of in parents.items() if members & {*of}} - members:
        members |= more
    return sorted(members)


def stat_of(pid: int) -> list[str]:
    """/proc/<pid>/stat from the state on (proc(5)); empty: the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _ticks(pid: int) -> int:
    fields = stat_of(pid)
    return int(fields[11]) + int(fields[12]) if fields else 0


def _memory_kib(pid: int, name: str) -> int:
    with contextlib.suppress(OSError):  # the process has gone
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0
