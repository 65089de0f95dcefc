"""Who runs against whom: how each contender is started, pinned to its core, measured, ended."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import orjson

from bench.load import Target
from bench.upstream import HOST

ROOT = Path(__file__).resolve().parent.parent
READY_S = 60.0  # until a started contender must accept connections; the gateway migrates first
COMMAND_S = 60.0  # for one manage.py command
STOP_S = 15.0  # from SIGTERM to SIGKILL; the gateway may drain
IDLE_S = 0.3  # one look at whether a contender has gone quiet
SETTLE_S = 5.0  # at most, for work after the last answer (the gateway books usage then)
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PATH = "/v1/chat/completions"


class ContenderFailed(Exception):
    """A contender or a command that prepares it failed; says which, and its last words."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A running process and where to reach it."""

    name: str
    pid: int
    target: Target

    def cpu_s(self) -> float:
        """CPU seconds, user and system, of the process and its children so far."""
        return sum(_ticks(pid) for pid in _family(self.pid)) / TICKS_PER_S

    def rss_mb(self) -> float:
        """Resident memory of the process and its children, in MiB."""
        return sum(_rss_kb(pid) for pid in _family(self.pid)) / 1024

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
    """Bind a process (0: this one) to cores, where the system can."""
    if to and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, to)


@contextlib.asynccontextmanager
async def bare_relay(upstream_port: int, core: set[int]) -> AsyncIterator[Contender]:
    """The bare relay in front of this upstream."""
    port = _free_port()
    command = [sys.executable, "-m", "bench.bare_relay", "--port", str(port)]
    command += ["--upstream", f"http://{HOST}:{upstream_port}"]
    target = Target(HOST, port, PATH)
    with tempfile.TemporaryDirectory(prefix="tokens-bench-") as folder:
        async with _running("bare relay", command, target, Path(folder), core) as contender:
            yield contender


@contextlib.asynccontextmanager
async def gateway(upstream_port: int, core: set[int]) -> AsyncIterator[Contender]:
    """This checkout's gateway in front of this upstream, with a data folder of its own."""
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="tokens-bench-") as name:
        folder = Path(name)
        key = await _prepare_gateway(upstream_port, folder)
        command = [sys.executable, "manage.py", "serve", "--host", HOST, "--port", str(port)]
        target = Target(HOST, port, f"/bench{PATH}", key)
        async with _running("gateway", command, target, folder, core) as contender:
            yield contender


async def _prepare_gateway(upstream_port: int, folder: Path) -> str:
    """Database, platform, credential and licence; returns the licence's key."""

    async def manage(*arguments: str, stdin: bytes = b"") -> bytes:
        return await _command([sys.executable, "manage.py", *arguments], folder, stdin)

    await manage("migrate", "--verbosity", "0")
    base_url = f"http://{HOST}:{upstream_port}/v1"
    await manage("platform", "add", "bench", "--preset", "custom", "--base-url", base_url)
    await manage("credential", "add", "bench", "--secret-stdin", stdin=b"bench-secret")
    issued = await manage("licence", "issue", "--name", "bench", "--json")
    key: str = orjson.loads(issued)["key"]
    return key


def environment(folder: Path) -> dict[str, str]:
    """The caller's, but for what would let a benchmark touch the caller's own data."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TOKENS_")}
    own["TOKENS_DATA_DIR"] = str(folder)
    own["DATABASE_URL"] = f"sqlite:///{folder}/tokens.sqlite3"
    own["REDIS_URL"] = ""
    return own


async def _command(command: Sequence[str], folder: Path, stdin: bytes) -> bytes:
    pipe = asyncio.subprocess.PIPE
    process = await _spawn(command, folder, pipe, pipe)
    try:
        async with asyncio.timeout(COMMAND_S):
            output, complaint = await process.communicate(stdin)
    except TimeoutError as error:
        raise ContenderFailed(f"{_spelt(command)}: no end after {COMMAND_S:.0f} s") from error
    finally:
        await _end(process)
    if process.returncode:
        raise ContenderFailed(f"{_spelt(command)}: {complaint.decode(errors='replace')[-2000:]}")
    return output


@contextlib.asynccontextmanager
async def _running(
    name: str, command: Sequence[str], target: Target, folder: Path, core: set[int]
) -> AsyncIterator[Contender]:
    """A process that is ready, in a session of its own, ended with everything it started."""
    words = folder / "output.log"
    with words.open("wb") as log:
        process = await _spawn(command, folder, asyncio.subprocess.DEVNULL, log)
    try:
        pin(process.pid, core)
        if not await _is_ready(process, target):
            last = words.read_text(errors="replace")[-2000:]
            raise ContenderFailed(
                f"{_spelt(command)}: not ready (exit {process.returncode})\n{last}"
            )
        yield Contender(name, process.pid, target)
    finally:
        await _end(process)


async def _spawn(
    command: Sequence[str], folder: Path, stdin: int, output: int | IO[bytes]
) -> asyncio.subprocess.Process:
    """Started in the checkout and in a session of its own; end it with _end()."""
    return await asyncio.create_subprocess_exec(
        *command,
        cwd=ROOT,
        env=environment(folder),
        stdin=stdin,
        stdout=output,
        stderr=output,
        start_new_session=True,
    )


async def _is_ready(process: asyncio.subprocess.Process, target: Target) -> bool:
    """It accepts a connection before READY_S are over, and lives."""
    until_s = time.monotonic() + READY_S
    while process.returncode is None and time.monotonic() < until_s:
        try:
            _, writer = await asyncio.open_connection(target.host, target.port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        with contextlib.suppress(OSError):  # the peer may have closed first
            await writer.wait_closed()
        return True
    return False


async def _end(process: asyncio.subprocess.Process) -> None:
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _spelt(command: Sequence[str]) -> str:
    return " ".join(["python", *command[1:]])


def _family(pid: int) -> list[int]:
    """The living processes of the session that `pid` leads."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) and int(fields[3]) == pid:
            members.append(int(entry.name))
    return members


def _stat(pid: int) -> list[str]:
    """/proc/<pid>/stat from the state on (proc(5)); empty: the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _ticks(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[11]) + int(fields[12]) if fields else 0


def _rss_kb(pid: int) -> int:
    with contextlib.suppress(OSError):  # the process has gone
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0
