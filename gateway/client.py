"""One client's request at the ASGI edge: its headers and body, and the way back to it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from gateway.errors import INVALID, ApiError
from gateway.watch import ClientGone, Receive

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

DISCARD_BYTES = 64 * 2**20
DISCARD_S = 2.0
_JSON = (b"content-type", b"application/json")
_STREAM = [
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx would gather events
]


class Client:
    """One request's two ends: what the client sent, and the way back to it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: RawHeaders = scope["headers"]
        peer = scope.get("client")
        self.address: str | None = peer[0] if peer else None
        self.receive = receive
        self.started = False
        self._send = send

    def header(self, name: bytes) -> bytes:
        """A header's value, b"" if it is not there; `name` in small letters."""
        for key, value in self.headers:
            if key == name:
                return value
        return b""

    async def body(self, limit: int, seconds: float) -> bytes:
        """The whole body. Raises ApiError when it is too long or too slow, ClientGone."""
        declared = self.header(b"content-length")
        if declared.isdigit() and int(declared) > limit:
            await self.discard()
            raise too_large(limit)
        message = await self.receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            return self._within(message.get("body", b""), limit)
        try:
            async with asyncio.timeout(seconds):
                return await self._rest_of_body(message, limit)
        except TimeoutError:
            raise too_slow(seconds) from None

    async def _rest_of_body(self, message: MutableMapping[str, Any], limit: int) -> bytes:
        pieces, size = [], 0
        while True:
            if message["type"] == "http.disconnect":
                raise ClientGone
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            if size > limit:
                await self.discard()
                raise too_large(limit)
            if not message.get("more_body"):
                return b"".join(pieces)
            message = await self.receive()

    async def discard(self) -> None:
        """Read on for a while: a client that is still sending would see a reset, not the answer.

        Who asks before sending (`Expect`) is told at once.
        """
        if self.header(b"expect"):
            return
        left = DISCARD_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_S):
                while left > 0:
                    message = await self.receive()
                    left -= len(message.get("body", b""))
                    if not message.get("more_body"):
                        return

    def _within(self, body: bytes, limit: int) -> bytes:
        if len(body) > limit:
            raise too_large(limit)
        return body

    async def answer(self, status: int, body: bytes, headers: RawHeaders) -> None:
        """Answer with a whole body of JSON."""
        self.started = True
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    _JSON,
                    (b"content-length", str(len(body)).encode("ascii")),
                    *headers,
                ],
            }
        )
        await self._send({"type": "http.response.body", "body": body})

    async def start_stream(self, headers: RawHeaders, content_type: bytes) -> None:
        """Begin a stream, unless it has begun."""
        if not self.started:
            self.started = True
            await self._send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-type", content_type), *_STREAM, *headers],
                }
            )

    async def write(self, data: bytes) -> None:
        """Send some of the stream. Waits while the client's connection is full."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Send the last of the stream."""
        await self._send({"type": "http.response.body", "body": data})


def raw(headers: Mapping[str, str]) -> RawHeaders:
    """Headers as ASGI wants them."""
    return [
        (name.lower().encode("ascii"), value.encode("latin-1", "replace"))
        for name, value in headers.items()
    ]


def too_large(limit: int) -> ApiError:
    """The answer for a body of more than `limit` bytes."""
    return ApiError(
        413,
        f"The body is longer than {limit} bytes, the most that is accepted here.",
        code="request_too_large",
        headers={"Connection": "close"},
    )


def too_slow(seconds: float) -> ApiError:
    """The answer for a body that takes longer than this to arrive."""
    return ApiError(
        408,
        f"The body did not arrive within {seconds:g} seconds.",
        type=INVALID,
        code="request_timeout",
        headers={"Connection": "close"},
    )
