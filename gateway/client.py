"""One client's request at the ASGI edge: its headers and body, and the way back to it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol

from gateway.errors import INVALID, ApiError
from gateway.shapes import RawHeaders
from gateway.watch import ClientGone, Receive

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LINE = "tokens.line"
"""Under which a scope has the short way to its client, where the server has one."""
DISCARD_BYTES = 64 * 2**20
DISCARD_S = 2.0
_JSON = (b"content-type", b"application/json")
_STREAM = [
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx would gather events
]


class Line(Protocol):
    """The short way to a client (gateway/line.py). What it writes is written before it returns."""

    @property
    def is_open(self) -> bool:
        """The client takes something now; where it does not, ASGI's way waits."""

    @property
    def is_streaming(self) -> bool:
        """The same in the middle of a stream, whose head has gone out."""

    def on_gone(self, told: Callable[[], None] | None) -> None:
        """Have this called when the client leaves, soon if it has left; None: not any more."""

    def answer(self, headers: RawHeaders, body: bytes) -> None:
        """A whole answer of status 200."""

    def start(self, headers: RawHeaders) -> None:
        """The head of a stream."""

    def write(self, data: bytes) -> None:
        """Some of a stream, at least a byte."""

    def end(self, data: bytes) -> None:
        """The last of a stream."""


class Client:
    """One request's two ends: what the client sent, and the way back to it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: RawHeaders = scope["headers"]
        self._by_name: dict[bytes, bytes] | None = None
        peer = scope.get("client")
        self.address: str | None = peer[0] if peer else None
        self.receive = receive
        # Taken out: left there, every call would be a circle for the collector (see Watch).
        self.line: Line | None = scope.pop(LINE, None)
        self.started = False
        self._send = send

    def header(self, name: bytes) -> bytes:
        """A header's value, the first of several, b"" if it is not there; `name` in small letters.

        One look-up table for the half dozen that a call is asked for.
        """
        if self._by_name is None:
            self._by_name = dict(reversed(self.headers))
        return self._by_name.get(name, b"")

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
        if status == 200 and self.line is not None and self.line.is_open and self.method == "POST":
            self.line.answer([_JSON, *headers], body)
            return
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
        if self.started:
            return
        self.started = True
        all_headers = [(b"content-type", content_type), *_STREAM, *headers]
        if self.line is not None and self.line.is_open:
            self.line.start(all_headers)
            return
        await self._send({"type": "http.response.start", "status": 200, "headers": all_headers})

    def write_now(self, data: bytes) -> bool:
        """Send some of the stream, at least a byte, if it can be taken at once; else `write`."""
        if self.line is not None and self.line.is_streaming:
            self.line.write(data)
            return True
        return False

    async def write(self, data: bytes) -> None:
        """Send some of the stream. Waits while the client's connection is full."""
        if not (data and self.write_now(data)):
            await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        """Send the last of the stream."""
        if self.line is not None and self.line.is_streaming:
            self.line.end(data)
        else:
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
