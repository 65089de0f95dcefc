"""HTTP/1.1 to platforms with nothing between: httptools over the event loop's own connections.

For bodies that are bytes and connections without a proxy, which every chat call is; the rest goes
over aiohttp (`wires.AiohttpWire`). Why both: docs/decisions/0013, with what it bought.
"""

import asyncio
import socket
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohappyeyeballs
import httptools
from typing_extensions import override
from yarl import URL

from gateway.bodies import Body
from gateway.shapes import Headers
from gateway.wires import (
    DNS_CACHE_S,
    KEEP_ALIVE_S,
    KEPT,
    MAX_HEADER,
    OWN_HEADERS,
    Broken,
    Disconnected,
    NameUnknown,
    NotHttp,
    Refused,
    Untrusted,
    UpstreamResponse,
    Wire,
)

_HIGH_WATER = 256 * 2**10  # bytes of a body that wait to be read; then the socket waits, too
_ONE_WRITE = 64 * 2**10  # longer bodies are not copied behind their head
_SWEEP_S = 15.0
_EYEBALLS_S = 0.25  # RFC 8305's delay before the next address is tried beside the first
_UNPACKED: Mapping[str, int] = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS}
_FORBIDDEN = ("\r", "\n", "\x00")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where connections go to."""

    host: str
    port: int
    is_tls: bool


@dataclass(frozen=True, slots=True)
class _Head:
    """A request's beginning, encoded once for all calls that share it."""

    place: _Place
    start: bytes
    """Up to the value of Content-Length; without a body up to the blank line."""


@dataclass(slots=True)
class _Names:
    """What a host's name stood for."""

    addresses: list[Any] = field(default_factory=list)
    until_s: float = 0.0


class DirectWire:
    """The network, directly."""

    def __init__(self, tls: ssl.SSLContext, other: Wire) -> None:
        """`other` carries what this one does not: bodies in pieces, and URLs with a password."""
        self._tls = tls
        self._other = other
        self._heads: dict[tuple[str, str, Headers], _Head | None] = {}
        self._idle: dict[_Place, list[_Connection]] = {}
        self._all: set[_Connection] = set()
        self._names: dict[_Place, _Names] = {}
        self._asking: dict[_Place, asyncio.Future[list[Any]]] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | Body,
        connect_s: float,
        files: Mapping[str, Path],
    ) -> UpstreamResponse:
        """See `Wire.send`. Raises what `wires.ERRORS` lists."""
        head = self._head(method, url, headers)
        if head is None or not isinstance(body, bytes):
            return await self._other.send(method, url, headers, body, connect_s, files)
        connection = self._free(head.place)
        if connection is None:
            async with asyncio.timeout(connect_s):
                connection = await self._connect(head.place)
        try:
            await connection.ask(head.start, body)
            return connection.response(self._give_back)
        except BaseException:
            connection.abort()
            raise

    async def aclose(self) -> None:
        """See `Wire.aclose`."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._idle.clear()
        for connection in list(self._all):
            connection.abort()
        await self._other.aclose()

    def _head(self, method: str, url: str, headers: Headers) -> _Head | None:
        """None: not for this wire. Raises ValueError for headers that no request can have."""
        key = (method, url, headers)
        try:
            return self._heads[key]
        except KeyError:
            pass
        if len(self._heads) >= KEPT:
            self._heads.clear()
        head = self._heads[key] = _made_head(method, url, headers)
        return head

    def _free(self, place: _Place) -> "_Connection | None":
        """A connection that waits, the youngest first: the others may rest and be closed."""
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            # Looked at here, too: the sweep comes by only so often.
            if connection.loop.time() - connection.idle_since >= KEEP_ALIVE_S:
                connection.abort()
            elif connection.is_open:
                return connection
        return None

    def _give_back(self, connection: "_Connection") -> None:
        loop = connection.loop
        connection.idle_since = loop.time()
        self._idle.setdefault(connection.place, []).append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP_S, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what has waited too long, forget what the platform has closed."""
        oldest = loop.time() - KEEP_ALIVE_S
        for place, idle in list(self._idle.items()):
            fresh = [one for one in idle if one.is_open and one.idle_since > oldest]
            for one in idle:
                if one.idle_since <= oldest:
                    one.abort()
            if fresh:
                self._idle[place] = fresh
            else:
                del self._idle[place]
        self._sweeper = loop.call_later(_SWEEP_S, self._sweep, loop) if self._idle else None

    async def _connect(self, place: _Place) -> "_Connection":
        """A new connection. Raises NameUnknown, Untrusted, Refused."""
        loop = asyncio.get_running_loop()
        try:
            addresses = await self._addresses(place, loop)
        except (socket.gaierror, UnicodeError) as error:
            raise NameUnknown from error
        try:
            plain = await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=_EYEBALLS_S, interleave=1
            )
        except OSError as error:
            self._names.pop(place, None)
            raise Refused from error
        try:
            _transport, connection = await loop.create_connection(
                lambda: _Connection(loop, place, self._all),
                sock=plain,
                ssl=self._tls if place.is_tls else None,
                server_hostname=place.host if place.is_tls else None,
            )
        except (ssl.SSLError, ssl.CertificateError) as error:
            plain.close()
            raise Untrusted from error
        except OSError as error:
            plain.close()
            raise Refused from error
        except BaseException:
            plain.close()
            raise
        return connection

    async def _addresses(self, place: _Place, loop: asyncio.AbstractEventLoop) -> list[Any]:
        """Asked for by one of all that want them: few threads of the process look names up."""
        while True:
            known = self._names.get(place)
            if known is not None and known.until_s >= loop.time():
                return known.addresses
            asking = self._asking.get(place)
            if asking is None:
                return await self._asked(place, loop)
            await asyncio.wait((asking,))
            if not asking.cancelled():  # else whoever asked is gone, and another asks
                return asking.result()

    async def _asked(self, place: _Place, loop: asyncio.AbstractEventLoop) -> list[Any]:
        asking = self._asking[place] = loop.create_future()
        try:
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            asking.set_exception(error)
            asking.exception()  # perhaps nobody waits for it
            raise
        else:
            if len(self._names) >= KEPT:
                self._names.clear()
            self._names[place] = _Names(found, loop.time() + DNS_CACHE_S)
            asking.set_result(found)
            return found
        finally:
            asking.cancel()  # nothing, unless this call was given up
            del self._asking[place]


def _made_head(method: str, url: str, headers: Headers) -> _Head | None:
    parsed = URL(url)
    if parsed.user or parsed.password or parsed.scheme not in ("http", "https"):
        return None
    if not parsed.raw_host or parsed.port is None:
        raise ValueError("The URL names no host.")
    named = {name.lower(): (name, value) for name, value in (*OWN_HEADERS, *headers)}
    for name, value in named.values():
        if any(sign in name + value for sign in _FORBIDDEN) or not name:
            raise ValueError("A header holds a line break.")
    lines = [f"{method} {parsed.raw_path_qs or '/'} HTTP/1.1"]
    if "host" not in named:
        lines.append(f"Host: {parsed.host_port_subcomponent}")
    lines += [f"{name}: {value}" for name, value in named.values()]
    start = "\r\n".join(lines).encode("utf-8") + b"\r\n"
    place = _Place(parsed.raw_host, parsed.port, parsed.scheme == "https")
    return _Head(place, start)


class _Connection(asyncio.Protocol):
    """One connection: a request at a time, and what is answered to it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, place: _Place, everybody: "set[_Connection]"
    ) -> None:
        self.loop = loop
        self.place = place
        self.idle_since = 0.0
        self.is_open = False
        self._everybody = everybody
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._begin()

    def _begin(self) -> None:
        """Forget the last answer."""
        self._status = 0
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._has_head = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_paused = False
        self._is_whole = False
        self._may_stay = False
        self._is_asked = False
        self._error: Exception | None = None

    async def ask(self, start: bytes, body: bytes) -> None:
        """Send a request; returns when the answer's headers are there."""
        if self._transport is None or not self.is_open:
            raise Disconnected
        self._begin()
        self._is_asked = True
        if body:
            head = b"%bContent-Length: %d\r\n\r\n" % (start, len(body))
            if len(body) <= _ONE_WRITE:
                self._transport.write(head + body)
            else:
                self._transport.writelines((head, body))
        else:
            self._transport.write(start + b"\r\n")
        while not self._has_head:
            if self._error is not None:
                raise self._error
            await self._wait()

    def response(self, give_back: "Callable[[_Connection], None]") -> UpstreamResponse:
        """The answer, whose headers are there."""
        some: Callable[[], Awaitable[bytes]] = self._some
        if coding := self._headers.get("content-encoding", "").strip().lower():
            some = _unpacked(some, coding)

        is_closed = False

        async def close() -> None:
            nonlocal is_closed
            if not is_closed:  # after that it may be somebody else's already
                is_closed = True
                self._release(give_back)

        return UpstreamResponse(self._status, self._headers, some, close)

    def abort(self) -> None:
        """End the connection now."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def _release(self, give_back: "Callable[[_Connection], None]") -> None:
        """Give it back if all was sent and the whole answer was read, else end it."""
        is_sent = self._transport is not None and not self._transport.get_write_buffer_size()
        if self._is_whole and self._may_stay and is_sent and not self._pieces and self.is_open:
            give_back(self)
        else:
            self.abort()

    async def _some(self) -> bytes:
        while True:
            if self._pieces:
                pieces = self._pieces
                piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                self._pieces = []
                self._size = 0
                if self._is_paused:
                    self._is_paused = False
                    if self.is_open and self._transport is not None:
                        self._transport.resume_reading()
                return piece
            if self._is_whole:
                return b""
            if self._error is not None:
                raise self._error
            await self._wait()

    async def _wait(self) -> None:
        self._waiter = self.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self.is_open = True
        self._everybody.add(self)

    @override
    def eof_received(self) -> None:
        self.is_open = False  # the transport closes itself now; nothing is to be sent any more

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._everybody.discard(self)
        if not self._is_whole and self._error is None:
            if self._has_head and exc is None and not _is_measured(self._headers):
                self._is_whole = True  # its end is the connection's
            elif self._has_head:
                self._error = Broken()
            else:
                self._error = Disconnected() if exc is None else Broken()
        self._wake()

    @override
    def data_received(self, data: bytes) -> None:
        if not self._has_head:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(NotHttp())
        else:
            if not self._has_head and self._head_bytes > MAX_HEADER:
                self._fail(NotHttp())
        # Once per packet, however many events it held: they go on together.
        self._wake()

    def _fail(self, error: Exception) -> None:
        if not self._is_whole:
            self._error = error
        self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_asked:
            self._headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        if not self._is_asked:
            return
        self._status = self._parser.get_status_code()
        if self._status >= 200:
            self._has_head = True

    def on_body(self, body: bytes) -> None:
        if not self._is_asked:
            return
        self._pieces.append(body)
        self._size += len(body)
        if self._size > _HIGH_WATER and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_begin(self) -> None:
        if not self._is_asked:
            # Something that nobody has asked for: it is not read, nor what comes after it.
            self.abort()

    def on_message_complete(self) -> None:
        if not self._is_asked:
            return
        if self._status < 200:
            self._headers.clear()  # 100 Continue and its like
            return
        self._is_whole = True
        self._is_asked = False
        self._may_stay = self._parser.should_keep_alive()


def _is_measured(headers: Mapping[str, str]) -> bool:
    """Whether a body says itself where it ends."""
    return "content-length" in headers or "chunked" in headers.get("transfer-encoding", "").lower()


def _unpacked(some: Callable[[], Awaitable[bytes]], coding: str) -> Callable[[], Awaitable[bytes]]:
    """Of a platform that packs although it was asked not to."""
    if coding == "identity":
        return some
    if coding == "deflate":
        unpack = zlib.decompressobj()
    elif coding in _UNPACKED:
        unpack = zlib.decompressobj(_UNPACKED[coding])
    else:
        raise NotHttp
    done = False

    async def unpacked() -> bytes:
        nonlocal done
        while not done:
            # What little is packed may unpack to a thousand times as much: piece by piece.
            piece = unpack.unconsumed_tail or await some()
            try:
                found = unpack.decompress(piece, _HIGH_WATER) if piece else unpack.flush()
            except zlib.error as error:
                raise Broken from error
            done = not piece
            if found:
                return found
        return b""

    return unpacked
