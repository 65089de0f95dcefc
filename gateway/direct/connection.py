"""One HTTP/1.1 connection to a platform: a request at a time, and what is answered to it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import httptools
from typing_extensions import override

from gateway.direct.unpacking import unpacked
from gateway.wires import MAX_HEADER, Broken, Disconnected, NotHttp, Take, UpstreamResponse

_HIGH_WATER = 256 * 2**10  # bytes of a body that wait to be read; then the socket waits, too
_ONE_WRITE = 64 * 2**10  # longer bodies are not copied behind their head (by uvloop)


@dataclass(frozen=True, slots=True)
class Place:
    """Where connections go to."""

    host: str
    port: int
    is_tls: bool


class Connection(asyncio.Protocol):
    """One connection: a request at a time, and what is answered to it."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, place: Place, everybody: "set[Connection]"
    ) -> None:
        self.loop = loop
        self.place = place
        self.idle_since = 0.0
        self.is_open = False
        self._everybody = everybody
        self._transport: asyncio.Transport | None = None
        self._unsent: tuple[bytes, ...] = ()
        self._parser: Any = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._begin()

    @property
    def has_stood(self) -> bool:
        """It was open once, so that what was asked may have reached the platform."""
        return self._transport is not None

    def _begin(self) -> None:
        """Forget the last answer."""
        self._status = 0
        self._headers: dict[str, str] = {}
        self._beside = 0  # bytes since the last one of the body: headers, trailers, chunks' names
        self._has_head = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_paused = False
        self._is_whole = False
        self._may_stay = False
        self._is_asked = False
        self._error: type[Exception] | None = None  # an error itself would keep its frames, and us
        self._take: Take | None = None
        self._raised: list[Exception] = []  # of whoever takes; taken out where it is raised

    def ask(self, start: bytes, body: bytes) -> None:
        """Send a request, at once or as soon as the connection stands."""
        self._begin()
        self._is_asked = True
        if not body:
            self._unsent = (start + b"\r\n",)
        else:
            head = b"%bContent-Length: %d\r\n\r\n" % (start, len(body))
            self._unsent = (head + body,) if len(body) <= _ONE_WRITE else (head, body)
        if self._transport is not None:
            self._send(self._transport)

    def _send(self, transport: asyncio.Transport) -> None:
        unsent, self._unsent = self._unsent, ()
        transport.writelines(unsent)

    async def answered(self) -> None:
        """Returns when the answer's headers are there."""
        while not self._has_head:
            if self._error is not None:
                raise self._error
            await self._wait()

    def response(self, give_back: "Callable[[Connection], None]") -> UpstreamResponse:
        """The answer, whose headers are there."""
        some: Callable[[], Awaitable[bytes]] = self._some
        each: Callable[[Take], Awaitable[bool]] | None = self._each
        if coding := self._headers.get("content-encoding", "").strip().lower():
            some, each = unpacked(some, coding), None

        is_closed = False

        async def close() -> None:
            nonlocal is_closed
            if not is_closed:  # after that it may be somebody else's already
                is_closed = True
                self._release(give_back)

        return UpstreamResponse(self._status, self._headers, some, close, each)

    def abort(self) -> None:
        """End the connection now, or what was to become one."""
        self.is_open = False
        self._everybody.discard(self)
        if self._transport is not None:
            self._transport.abort()
        else:
            self._parser, self._unsent = None, ()  # connection_lost will never come

    def _release(self, give_back: "Callable[[Connection], None]") -> None:
        """Give it back if all was sent and the whole answer was read, else end it."""
        is_sent = self._transport is not None and not self._transport.get_write_buffer_size()
        if self._is_whole and self._may_stay and is_sent and not self._pieces and self.is_open:
            give_back(self)
        else:
            self.abort()

    async def _some(self) -> bytes:
        while True:
            if self._pieces:
                return self._taken()
            if self._is_whole:
                return b""
            if self._error is not None:
                raise self._error
            await self._wait()

    async def _each(self, take: Take) -> bool:
        """See `UpstreamResponse.each`: pieces are taken right where they are received."""
        while piece := await self._some():
            if not take(piece):
                return False
            self._take = take
            try:
                while not (self._has_enough() or self._is_whole or self._error):
                    await self._wait()
                if self._has_enough():
                    if self._raised:
                        raise self._raised.pop()
                    return False
            finally:
                self._take = None
        return True

    def _has_enough(self) -> bool:
        return self._take is None

    def _hand_over(self, take: Take) -> None:
        try:
            if take(self._taken()):
                return
        except Exception as error:
            self._raised.append(error)  # to whoever waits in `_each`
        self._take = None

    def _taken(self) -> bytes:
        """What has come of the body."""
        pieces, self._pieces, self._size = self._pieces, [], 0
        if self._is_paused:
            self._is_paused = False
            if self.is_open and self._transport is not None:
                self._transport.resume_reading()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

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
        if self._unsent:
            self._send(self._transport)

    @override
    def eof_received(self) -> None:
        self.is_open = False  # the transport closes itself now; nothing is to be sent any more

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._everybody.discard(self)
        self._parser = None  # they know each other, and nothing more is to be parsed
        if not self._is_whole and self._error is None:
            if self._has_head and exc is None and not _is_measured(self._headers):
                self._is_whole = True  # its end is the connection's
            elif self._has_head:
                self._error = Broken
            else:
                self._error = Disconnected if exc is None else Broken
        self._wake()

    @override
    def data_received(self, data: bytes) -> None:
        self._beside += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(NotHttp)
        else:
            if self._beside > MAX_HEADER and not self._is_whole:
                self._fail(NotHttp)
        # Once per packet, however many events it held: they go on together.
        if self._take is not None and self._pieces:
            self._hand_over(self._take)
        if self._take is None or self._is_whole or self._error is not None:
            self._wake()

    def _fail(self, error: type[Exception]) -> None:
        if not self._is_whole:
            self._error = error
        self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser's: one header; of several of a name the first counts."""
        if self._is_asked:
            self._headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """The parser's: the head is whole."""
        if not self._is_asked:
            return
        self._status = self._parser.get_status_code()
        if self._status >= 200:
            self._has_head = True

    def on_body(self, body: bytes) -> None:
        """The parser's: some of the body."""
        if not self._is_asked:
            return
        self._pieces.append(body)
        self._beside = 0
        self._size += len(body)
        if self._size > _HIGH_WATER and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_begin(self) -> None:
        """The parser's: an answer begins."""
        if not self._is_asked:
            # Something that nobody has asked for: it is not read, nor what comes after it.
            self.abort()

    def on_message_complete(self) -> None:
        """The parser's: the answer is whole."""
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
    coding = headers.get("transfer-encoding", "").lower()
    return "content-length" in headers or "chunked" in coding
