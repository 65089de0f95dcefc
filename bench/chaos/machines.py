"""Gateways as machines run them: a process and a data folder each, one database, one Redis."""

import asyncio
import base64
import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench.servers import HOST, free_port

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
STOP_S = 60.0
COMMAND_S = 120.0


class MachineFailed(Exception):
    """A gateway or a command did not do what it must; says which, and its last words."""


def environment(folder: Path, database_url: str, redis_url: str) -> dict[str, str]:
    """Settings that all machines share, without any of the caller's own."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("TOKENS_")}
    return plain | {
        "TOKENS_DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        # Each would make its own otherwise, and none could read what another has written.
        "TOKENS_SECRET_KEY": secrets.token_urlsafe(32),
        "TOKENS_LICENCE_PEPPER": secrets.token_urlsafe(32),
        "TOKENS_ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }


@dataclass
class Machine:
    """One data folder, and the gateway that serves there while it runs."""

    folder: Path
    settings: dict[str, str]
    port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None
    is_up: bool = False
    kills: int = 0
    deaths: list[str] = field(default_factory=list)
    """Ends that were not ours; says with which code."""
    start_s: float = 0.0
    """How long the last start took, to its first answer."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> str:
        """What it has written beside the access log, over all its lives."""
        return (self.folder / "stderr").read_text("utf-8", "replace")

    @property
    def journals(self) -> dict[str, int]:
        """Bytes of each file in its journal's folder."""
        return {path.name: path.stat().st_size for path in (self.folder / "journal").glob("*")}

    async def start(self) -> None:
        """Returns when it answers. Raises MachineFailed."""
        self.folder.mkdir(exist_ok=True)
        began_s = time.monotonic()
        with (self.folder / "stdout").open("ab") as out, (self.folder / "stderr").open("ab") as err:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "manage.py", "serve", "--host", HOST, "--port", str(self.port)),
                cwd=ROOT,
                env={**self.settings, "TOKENS_DATA_DIR": str(self.folder)},
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        async with aiohttp.ClientSession() as session:
            while not await _answers(session, f"{self.url}/healthz"):
                if self.process.returncode is not None or time.monotonic() > began_s + START_S:
                    code = self.process.returncode
                    raise MachineFailed(f"{self.folder}: no start ({code})\n{self.log[-3000:]}")
                await asyncio.sleep(0.02)
        self.start_s = time.monotonic() - began_s
        self.is_up = True

    async def kill(self) -> None:
        """End it as a crash would."""
        self._note_death()
        self.is_up = False
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()
        self.kills += 1

    async def stop(self) -> None:
        """SIGTERM: it ends what it does, books what is left, and exits with 0."""
        self._note_death()
        self.is_up = False
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                code = await self.process.wait()
        except TimeoutError:
            self.deaths.append(f"did not end within {STOP_S:.0f} s of SIGTERM")
            return
        if code:
            self.deaths.append(f"exit code {code} after SIGTERM")

    def _note_death(self) -> None:
        if self.process is not None and self.process.returncode is not None:
            self.deaths.append(f"exit code {self.process.returncode}, by itself")

    async def end(self) -> None:
        """Surely gone."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()


@contextlib.asynccontextmanager
async def running(
    count: int, folder: Path, settings: dict[str, str]
) -> AsyncIterator[list[Machine]]:
    """So many machines, each started; surely ended with the block."""
    machines = [Machine(folder / f"machine-{number}", settings) for number in range(1, count + 1)]
    try:
        async with asyncio.TaskGroup() as group:
            for machine in machines:
                group.create_task(machine.start())
        yield machines
    finally:
        for machine in machines:
            await machine.end()


async def inside(settings: dict[str, str], *arguments: str, stdin: bytes = b"") -> bytes:
    """Run `bench.chaos.inside` with the machines' database. Raises MachineFailed."""
    return await command([sys.executable, "-m", "bench.chaos.inside", *arguments], settings, stdin)


async def command(words: Sequence[str], settings: dict[str, str], stdin: bytes = b"") -> bytes:
    """A command's output, once it has ended well. Raises MachineFailed."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *words, cwd=ROOT, env=settings, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(COMMAND_S):
            output, complaint = await process.communicate(stdin)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise MachineFailed(f"{' '.join(words[1:])}: {complaint.decode(errors='replace')[-3000:]}")
    return output


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url, timeout=aiohttp.ClientTimeout(total=5)) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
