"""Live requests on real servers: of several processes, through a Redis that fails, at the end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.gateway.redis_server import RedisServer, redis_server
from tests.live.server import Server, served
from tests.live.test_workers import until_workers

pytestmark = pytest.mark.live

SESSION = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
user = User.objects.create_superuser("owner")
session = import_module(settings.SESSION_ENGINE).SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
result = session.session_key
"""


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def two(tmp_path: Path, redis: RedisServer) -> Iterator[Server]:
    """Two workers on one port."""
    with served(tmp_path, REDIS_URL=redis.url) as found:
        found.prepare()
        found.options = ("--workers", "2")
        yield found


class Heard:
    """What a socket tells."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.rows: dict[str, dict[str, Any]] = {}
        self.processes: dict[str, str] = {}
        self.others: list[str] = []

    async def until(self, wanted: Callable[[], bool], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not wanted():
                message = orjson.loads(await self._connection.recv())
                self.others.append(message["others"])
                for process, row in message["rows"]:
                    self.rows[row["id"]] = row
                    self.processes[row["id"]] = process


@contextlib.asynccontextmanager
async def watching(server: Server, session: str, at: str = "") -> AsyncIterator[Heard]:
    headers = {"Cookie": f"sessionid={session}"}
    """`at`: where, if not at the server itself."""
    origin: Any = at or server.url
    url = f"{origin.replace('http', 'ws')}/admin/live/socket"
    async with connect(url, additional_headers=headers, origin=origin, proxy=None) as connection:
        yield Heard(connection)


async def chat(server: Server, model: str = "sandbox-chat") -> str:
    """A call on a connection of its own; its request id."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(
            f"{server.url}/sandbox/v1/chat/completions",
            json=body,
            headers={"Authorization": f"Bearer {server.key}"},
        )
    return answer.headers["x-request-id"]


async def several(server: Server, count: int, model: str = "sandbox-chat") -> list[str]:
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(chat(server, model)) for _ in range(count)]
    return [call.result() for call in calls]


async def of_both(server: Server, heard: Heard) -> None:
    """Calls until both workers tell of theirs; then some more, which all are seen to their end."""
    async with asyncio.timeout(60):
        while len(set(heard.processes.values())) < 2:
            await several(server, 4)  # the other worker notices within a second that it is watched
            with contextlib.suppress(TimeoutError):
                await heard.until(lambda: len(set(heard.processes.values())) == 2, 0.5)
        ids = await several(server, 12)
        await heard.until(lambda: all(heard.rows.get(i, {}).get("state") == "ended" for i in ids))


async def test_a_page_sees_the_requests_of_all_workers(two: Server) -> None:
    session = two.query(SESSION)
    two.start()
    await until_workers(two, 2)
    # Begun before anybody watches, on both workers as likely as not.
    before = asyncio.get_running_loop().create_task(several(two, 12, "sandbox-slow"))
    await asyncio.sleep(0)

    async with watching(two, session) as heard:
        await heard.until(lambda: bool(heard.rows))
        ids = await before
        await heard.until(lambda: all(heard.rows.get(i, {}).get("state") == "ended" for i in ids))
        await of_both(two, heard)

    assert {row["outcome"] for row in heard.rows.values()} == {"completed"}
    assert set(heard.others) == {"seen"}
    assert two.stop() == 0
    assert "Traceback" not in two.log()


@pytest.mark.parametrize("how", ["dies", "falls silent"])
async def test_a_redis_that_fails_is_noticed_and_harms_nothing(
    two: Server, redis: RedisServer, how: str
) -> None:
    session = two.query(SESSION)
    two.start()
    await until_workers(two, 2)

    async with watching(two, session) as heard:
        await of_both(two, heard)
        redis.kill() if how == "dies" else redis.freeze()
        await heard.until(lambda: heard.others[-1] == "down")
        ids = await several(two, 12)
        redis.start() if how == "dies" else redis.thaw()
        await heard.until(lambda: heard.others[-1] == "seen")
        heard.processes.clear()
        await of_both(two, heard)

    assert all(ids)
    assert two.stop() == 0
    log = two.log()
    assert "Traceback" not in log
    assert 1 <= log.count("Live requests of other processes are not seen") <= 4


async def test_sockets_are_told_at_once_that_the_server_ends(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        server.prepare()
        session = server.query(SESSION)
        server.start()
        slow = asyncio.get_running_loop().create_task(chat(server, "sandbox-slow"))
        async with watching(server, session) as heard:
            await heard.until(lambda: bool(heard.rows))
            loop = asyncio.get_running_loop()
            began = loop.time()
            stopping = loop.run_in_executor(None, server.stop)
            await heard._connection.wait_closed()
            took_s = loop.time() - began

        assert heard._connection.close_code == 1001
        assert took_s < 2
        assert await slow
        assert await stopping == 0
        assert loop.time() - began < 10
        assert "Traceback" not in server.log()


async def test_a_page_that_reads_nothing_does_not_keep_the_server_from_ending(
    tmp_path: Path,
) -> None:
    with served(tmp_path) as server:
        server.prepare()
        session = server.query(SESSION)
        server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        lines = (
            *("GET /admin/live/socket HTTP/1.1", f"Host: 127.0.0.1:{server.port}"),
            *(f"Origin: {server.url}", f"Cookie: sessionid={session}"),
            *("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"),
            *("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""),
        )
        writer.write("\r\n".join(lines).encode())
        assert b" 101 " in await reader.readline()

        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await loop.run_in_executor(None, server.stop) == 0

        assert loop.time() - began < 8
        writer.close()
