"""PostgreSQL and Redis of a run's own: on free ports, stopped on request, gone afterwards."""

import asyncio
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psycopg

HOST = "127.0.0.1"
START_S = 30.0
_UNPRIVILEGED = ("postgres", "nobody")  # PostgreSQL refuses to run as root
_DEBIAN = Path("/usr/lib/postgresql")


class NotInstalled(Exception):
    """A program that a run needs is not there; says which."""


def program(name: str) -> str:
    """The path of a program, also where Debian hides PostgreSQL's. Raises NotInstalled."""
    if found := shutil.which(name):
        return found
    hidden = sorted(_DEBIAN.glob(f"*/bin/{name}")) if _DEBIAN.is_dir() else []
    if not hidden:
        raise NotInstalled(f"{name} is not installed, and this run needs it.")
    return str(hidden[-1])


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Postgres:
    """A PostgreSQL cluster in a folder of its own. Its methods block."""

    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Of the database that every cluster has."""
        return f"postgres://tokens@{HOST}:{self.port}/postgres"

    def start(self) -> None:
        """Returns when it answers; after an immediate stop it has recovered then."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses={HOST}"
        self._control("start", "--wait", "--log", str(self.folder / "log"), "--options", options)

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """`immediate`: as if its power had failed: nothing is written down, all clients are cut."""
        self._control("stop", "--wait", "--mode", mode)

    def freeze(self) -> None:
        """Halt all its processes: connections stand, and nothing answers any more."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on where they were."""
        for pid in self._pids():
            os.kill(pid, signal.SIGCONT)

    @property
    def pid(self) -> int:
        """Its first process, whose children the others are."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])

    def _pids(self) -> list[int]:
        first = self.pid
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def _control(self, *arguments: str) -> None:
        data = str(self.folder / "data")
        _run([program("pg_ctl"), "--silent", "--pgdata", data, *arguments], self.folder)


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A new cluster, running; it ends with the block, and its folder goes."""
    program("initdb")
    folder = Path(tempfile.mkdtemp(prefix="tokens-postgres-"))
    try:
        if (owner := _owner()) is not None:
            shutil.chown(folder, owner)
        data = str(folder / "data")
        command = [program("initdb"), "--pgdata", data, "--username", "tokens", "--auth", "trust"]
        _run([*command, "--encoding", "UTF8", "--no-locale", "--no-sync"], folder)
        postgres = Postgres(folder)
        postgres.start()
        try:
            yield postgres
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):  # it may be stopped already
                postgres.stop("immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running_redis() -> Iterator[str]:
    """The address of a Redis that keeps nothing; it ends with the block."""
    port = free_port()
    command = [program("redis-server"), "--port", str(port), "--bind", HOST]
    with subprocess.Popen(  # noqa: S603 # a program of that name, and numbers
        [*command, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(port)
            yield f"redis://{HOST}:{port}/0"
        finally:
            process.terminate()
            process.wait(START_S)


@contextlib.contextmanager
def database(server: str) -> Iterator[str]:
    """A new database on a running server; dropped with the block."""
    base, _slash, _name = server.rpartition("/")
    name = f"tokens_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield f"{base}/{name}"
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def outage(postgres: Postgres, seconds: float, *, frozen: bool = False) -> None:
    """Stop it as a power failure would, for so long, and start it again; or only freeze it."""
    if frozen:
        postgres.freeze()
    else:
        await asyncio.to_thread(postgres.stop, "immediate")
    try:
        await asyncio.sleep(seconds)
    finally:
        if frozen:
            postgres.thaw()
        else:
            await asyncio.to_thread(postgres.start)


def _run(command: Sequence[str], folder: Path) -> None:
    # Not captured: the server that is started would keep the pipe open.
    with (folder / "commands").open("ab") as log:
        subprocess.run(  # noqa: S603 # programs of ours, and numbers
            command, cwd=folder, user=_owner(), stdout=log, stderr=log, timeout=60, check=True
        )


def _owner() -> str | None:
    """Who runs PostgreSQL: somebody else, where we are root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in _UNPRIVILEGED:
        if name in names:
            return name
    raise NotInstalled("PostgreSQL does not run as root, and there is no user postgres or nobody.")


def _wait_for(port: int) -> None:
    end = time.monotonic() + START_S
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((HOST, port), timeout=START_S).close()
            return
        if time.monotonic() > end:
            raise TimeoutError(f"Nobody listens on port {port} after {START_S:.0f} s.")
        time.sleep(0.01)
