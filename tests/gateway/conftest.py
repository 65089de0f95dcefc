"""A whole site in this process: a real server on a real socket, over the tests' database."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from asgiref.sync import sync_to_async
from typing_extensions import override

from gateway.direct.wire import DirectWire
from gateway.models import UsageRecord
from gateway.observe import AccessLog
from gateway.runtime import Gateway, RelaySettings
from gateway.server import LimitedHttpProtocol
from gateway.wires import AiohttpWire
from licences.issuing import issue
from tests.gateway.direct_peer import Peer
from tests.make import make_credential, make_platform
from tests.upstreams import Upstream

SECRET = "MARKER-SECRET-of-a-credential"


@dataclass
class Site:
    """The running site, and what a test needs to call it."""

    url: str
    gateway: Gateway
    upstream: Upstream
    key: str
    log: Path
    client: httpx.AsyncClient

    def headers(self, key: str | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {key or self.key}"}

    async def chat(self, platform: str = "acme", **over: Any) -> httpx.Response:
        """A blocking or streamed chat, read to its end."""
        body = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}], **over}
        return await self.client.post(
            f"/{platform}/v1/chat/completions", json=body, headers=self.headers()
        )

    async def records(self, count: int) -> list[UsageRecord]:
        """The usage records, once there are `count` of them."""
        async with asyncio.timeout(10):
            while True:
                await asyncio.get_running_loop().run_in_executor(None, self.gateway.booking.book)
                found = [record async for record in UsageRecord.objects.order_by("id")]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.02)

    def configure(self, **settings: Any) -> None:
        """Other relay settings from now on."""
        self.gateway.settings = replace(self.gateway.settings, **settings)

    async def reload(self) -> None:
        """See what the test has changed in the database, now."""
        await self.gateway.in_database_thread(self.gateway.catalogue.refresh)
        await self.gateway.in_database_thread(self.gateway.register.refresh)


@pytest.fixture
async def site(transactional_db: None, tmp_path: Path, settings: Any) -> AsyncIterator[Site]:
    """The site with one platform, `acme`, over a programmable upstream, and one licence."""
    settings.TOKENS_DATA_DIR = tmp_path
    log = tmp_path / "access.log"
    async with contextlib.AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(Upstream())
        key = await sync_to_async(_rows)(upstream)
        file = stack.enter_context(log.open("wb"))
        gateway = Gateway(
            settings=replace(RelaySettings.read(), attempts=1), access=AccessLog(file=file.fileno())
        )
        await gateway.start()
        Gateway.use(gateway)
        stack.push_async_callback(gateway.aclose)
        url = await stack.enter_async_context(_serving())
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=20))
        yield Site(url, gateway, upstream, key, log, client)


def _rows(upstream: Upstream) -> str:
    platform = make_platform("acme", base_url=f"{upstream.base_url}/v1")
    make_credential(platform, secret=SECRET)
    _licence, key = issue(name="ada")
    return key


class _Server(uvicorn.Server):
    """uvicorn's, which looks ten times a second whether it is over, and leaves signals alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.over = asyncio.Event()

    @override
    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.over.wait()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _serving() -> AsyncIterator[str]:
    from tokens_site.asgi import application

    config = uvicorn.Config(
        application,
        http=LimitedHttpProtocol,
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(200)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(server.serve([listener]))
            while not server.started:
                await asyncio.sleep(0.005)
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                server.over.set()
                await task


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    """A server that says exactly the bytes it is told."""
    found = Peer()
    async with await asyncio.start_server(found.connected, "127.0.0.1", 0) as server:
        found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield found
        for writer in found.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest.fixture
async def wire() -> AsyncIterator[DirectWire]:
    """The gateway's own HTTP/1.1."""
    tls = ssl.create_default_context()
    found = DirectWire(tls, AiohttpWire(tls))
    yield found
    await found.aclose()
