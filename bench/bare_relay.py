"""The measure of all things here: the least that a relay in our own stack can do.

uvicorn (uvloop, httptools), a plain ASGI callable and an aiohttp client. It reads the body, sends
it on and hands back the bytes as they arrive: no licence, no limit, no parsing, no record.
"""

import argparse
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import uvicorn
import uvloop

from bench.upstream import HOST

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class BareRelay:
    """The ASGI application; paths are the upstream's own."""

    def __init__(self, session: aiohttp.ClientSession, upstream: str) -> None:
        self._session = session
        self._upstream = upstream

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Relay one request."""
        url = self._upstream + scope["path"]
        body = await _body(receive)
        headers = {"content-type": "application/json"}
        async with self._session.request(
            scope["method"], url, data=body, headers=headers
        ) as answer:
            start = {"type": "http.response.start", "status": answer.status}
            await send(start | {"headers": _headers(answer)})
            if answer.content_length is None:
                async for piece in answer.content.iter_any():
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            rest = b"" if answer.content_length is None else await answer.read()
            await send({"type": "http.response.body", "body": rest, "more_body": False})


async def _body(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        pieces.append(message["body"])
        if not message["more_body"]:
            return b"".join(pieces)


def _headers(answer: aiohttp.ClientResponse) -> list[tuple[bytes, bytes]]:
    names = (b"content-type", b"content-length")
    return [(name, value) for name, value in answer.raw_headers if name.lower() in names]


async def serve(port: int, upstream: str) -> None:
    """Relay what comes to this port, until a signal ends it."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        app = BareRelay(session, upstream)
        config = uvicorn.Config(
            app, host=HOST, port=port, loop="uvloop", http="httptools", ws="none", lifespan="off",
            interface="asgi3", log_level="warning", access_log=False, backlog=1024,
        )  # fmt: skip
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="its origin, http://host:port")
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.port, arguments.upstream))
