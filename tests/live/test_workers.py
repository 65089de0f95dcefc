"""`serve --workers`: several processes on one port, replaced when they die, drained at the end."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.workers import Parent
from tests.gateway.redis_server import running_redis
from tests.live import load
from tests.live.server import ROOT, Server, served
from tests.live.test_crashes import BOOKED

pytestmark = pytest.mark.live


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with running_redis() as url, served(tmp_path, REDIS_URL=url) as found:
        found.prepare()
        found.options = ("--workers", "2")
        yield found


def workers(server: Server) -> set[int]:
    """The children of the parent."""
    assert server.process is not None
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return {int(pid) for pid in children.read_text().split()}


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def until_workers(server: Server, wanted: int, apart_from: int = 0) -> set[int]:
    async with asyncio.timeout(40):
        while len(found := workers(server) - {apart_from}) != wanted:
            await asyncio.sleep(0.05)
    return found


async def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost(server: Server) -> None:
    server.start()
    stop = asyncio.Event()
    clients = asyncio.get_running_loop().create_task(
        load.run(f"{server.url}/sandbox/v1/", server.key, 30, stop, model="sandbox-chat")
    )
    victim = min(await until_workers(server, 2))
    await asyncio.sleep(1)  # of load

    os.kill(victim, signal.SIGKILL)
    await until_workers(server, 2, apart_from=victim)
    stop.set()
    seen = await clients
    assert server.stop() == 0

    booked = server.query(BOOKED)
    counts = Counter(booked["ids"])
    assert len(seen.complete) > 50
    assert [id for id in seen.complete if counts[id] != 1] == []
    assert max(counts.values()) == 1
    assert booked["of_records"] == booked["of_days"]
    assert "Traceback" not in server.log()


async def test_streams_on_all_workers_end_well_when_the_parent_is_told_to_stop(
    server: Server,
) -> None:
    server.start()
    await until_workers(server, 2)
    body = {
        "model": "sandbox-slow",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
    }
    headers = {"Authorization": f"Bearer {server.key}"}

    async def streamed() -> str:
        async with httpx.AsyncClient(timeout=60) as client:  # a connection each
            url = f"{server.url}/sandbox/v1/chat/completions"
            async with client.stream("POST", url, json=body, headers=headers) as response:
                pieces = response.aiter_text()
                first = await anext(pieces)
                begun.release()
                return first + "".join([piece async for piece in pieces])

    begun = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(streamed()) for _ in range(12)]
        for _ in calls:
            await begun.acquire()
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)

    assert {call.result().endswith("data: [DONE]\n\n") for call in calls} == {True}
    assert await asyncio.to_thread(server.process.wait, 40) == 0


async def test_sighup_replaces_one_after_the_other_and_no_call_fails(server: Server) -> None:
    server.start()
    before = await until_workers(server, 2)
    stop = asyncio.Event()
    clients = asyncio.get_running_loop().create_task(
        load.run(f"{server.url}/sandbox/v1/", server.key, 8, stop, model="sandbox-chat")
    )

    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(60):
        while workers(server) & before or len(workers(server)) != 2:
            await asyncio.sleep(0.05)
    stop.set()
    seen = await clients

    assert seen.broken == []
    assert len(seen.complete) > 20
    assert server.stop() == 0


async def test_workers_end_when_their_parent_is_killed(server: Server) -> None:
    server.start()
    orphans = await until_workers(server, 2)

    server.kill()

    async with asyncio.timeout(40):
        while any(lives(pid) for pid in orphans):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("settings", "options", "words"),
    [
        ({"REDIS_URL": ""}, ("--workers", "2"), "Set REDIS_URL=redis://"),
        ({}, ("--workers", "0"), "it must be 1 or more"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_sentence(
    tmp_path: Path, settings: dict[str, str], options: tuple[str, ...], words: str
) -> None:
    server = Server(tmp_path, settings)

    done = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", str(server.port), *options],
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert words in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_a_newer_database_is_not_served(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.prepare()
    server.query(
        "from django.db.migrations.recorder import MigrationRecorder as R\n"
        "from django.db import connection\n"
        "R(connection).record_applied('platforms', '9999_from_the_future')\n"
        "result = 1"
    )

    done = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", str(server.port)],
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "newer version of Tokens (platforms 9999_from_the_future" in done.stderr.decode()


def test_workers_that_never_start_end_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.workers.PAUSE_S", 0.01)
    script = tmp_path / "worker.py"
    script.write_text("raise SystemExit(3)")
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        with socket.socket() as listener:
            assert Parent([str(script)], listener, 2).run(1.0) is False
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
