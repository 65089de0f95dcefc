"""A counted process, from outside: started under callgrind, told what to do, surely ended."""

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.asking import Target
from bench.contenders import prepared
from bench.instructions import callgrind
from bench.instructions.counted import arguments_for
from bench.preparing import LIMITED, PLATFORM
from bench.processes import PATH, ROOT, ContenderFailed, environment_of
from bench.servers import free_port
from bench.upstream import HOST

START_S = 120.0  # valgrind makes the start of Django ten times as long
COMMAND_S = 60.0
_SAID = "output.log"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NotCounted(Exception):
    """A process that was to be counted failed; says its last words."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A contender under callgrind."""

    targets: tuple[Target, ...]
    """Where it answers: plain, then burdened if that was asked for."""
    _out: Path
    _control: Streams

    async def start(self) -> None:
        """Begin to count."""
        await self._say(b"start")

    async def instructions(self) -> int:
        """How many since this was asked last."""
        return callgrind.total(self._out, await self._say(b"dump"))

    async def book(self) -> int:
        """Have what is journaled booked; how many records."""
        return await self._say(b"book")

    async def _say(self, word: bytes) -> int:
        reader, writer = self._control
        writer.write(word + b"\n")
        async with asyncio.timeout(COMMAND_S):
            answer = await reader.readline()
        if not answer or int(answer) < 0:
            raise NotCounted(f"The counted process does not {word.decode()}.")
        return int(answer)


@contextlib.asynccontextmanager
async def counted(name: str, upstream: str, burden: int = 0) -> AsyncIterator[Counted]:
    """`bare` or `gateway` in front of this upstream; it ends with the block.

    Raises NotInstalled without valgrind, NotCounted where the process does not start.
    """
    ports = [free_port() for _ in range(2 if burden else 1)]
    path = PATH
    with tempfile.TemporaryDirectory(prefix="tokens-bench-") as temporary:
        folder = Path(temporary)
        key = "none"
        if name == "gateway":
            path, key = f"/{PLATFORM}{PATH}", (await _keys(upstream, folder))[LIMITED]
        out = folder / "callgrind"
        targets = tuple(Target(HOST, port, path, key) for port in ports)
        async with _control() as (control, theirs):
            words = arguments_for(name, ports, upstream, theirs.fileno(), burden)
            command = callgrind.command(out, words)
            async with _session(command, folder, theirs.fileno()) as process:
                theirs.close()  # so that the process sees when ours is
                for target in targets:
                    await _ready(process, target, folder)
                yield Counted(targets, out, control)


@contextlib.asynccontextmanager
async def _control() -> AsyncIterator[tuple[Streams, socket.socket]]:
    """Our end of the socket on which a process is told what to do, and its end."""
    ours, theirs = socket.socketpair()
    with theirs:
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            yield (reader, writer), theirs
        finally:
            await _closed(writer)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # the peer may have closed first
        await writer.wait_closed()


async def _keys(upstream: str, folder: Path) -> dict[str, str]:
    """Fill the gateway's data folder; the keys of its licences."""
    try:
        return await prepared(int(upstream.rpartition(":")[2]), folder)
    except ContenderFailed as failure:
        raise NotCounted(f"The gateway cannot be prepared: {failure}") from failure


@contextlib.asynccontextmanager
async def _session(
    command: Sequence[str], folder: Path, *files: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process in a session of its own; whatever is left of it is killed in the end.

    The same seed for hashes every time: a set's order decides how much is looked at.
    """
    with (folder / _SAID).open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env=environment_of(folder, {}) | {"PYTHONHASHSEED": "0"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            pass_fds=files,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):  # nobody is left: what we want
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _ready(process: asyncio.subprocess.Process, target: Target, folder: Path) -> None:
    """Returns when it accepts connections. Raises NotCounted if it ends, or takes too long."""
    until_s = time.monotonic() + START_S
    while process.returncode is None and time.monotonic() < until_s:
        try:
            _, writer = await asyncio.open_connection(target.host, target.port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        return await _closed(writer)
    said = (folder / _SAID).read_text(errors="replace")
    raise NotCounted(f"Not ready (exit {process.returncode}): {said[-2000:]}")
