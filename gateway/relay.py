"""An upstream's answer on its way to the client: whole, or event by event as it comes."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from gateway import sse
from gateway.client import Client
from gateway.shapes import Answer, Chunk, Exchange, Failure, Reader, Reply
from gateway.stencil import Stencil
from gateway.watch import Watch
from gateway.wires import UpstreamResponse

P = ParamSpec("P")
T = TypeVar("T")
Encode = Callable[[Chunk], bytes]
MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError, IndexError)
"""What reading a value of another shape than was promised raises: an upstream may send any JSON."""
_WHOLE_BODY = ("application/json", "text/html", "application/problem+json")
_CUT = "The platform's stream was cut off before its end."
_ODD = "The platform's answer is not of the shape it should be."
DRAIN_S = 1.0  # after [DONE] the end of the body follows at once, or the connection is closed


@dataclass(slots=True)
class Stream:
    """A stream whose first chunks are there: from here on there is no second try."""

    reader: Reader
    encode: Encode
    """A chunk in the client's shape."""
    first: list[Chunk]
    decoder: sse.Decoder
    response: UpstreamResponse
    stencil: Stencil | None = None
    """For events that are alike; None: they never are."""
    failure: Failure | None = None
    """Raised once the chunks before it are sent."""


async def whole(
    response: UpstreamResponse, exchange: Exchange, reply: Reply, watch: Watch, limit: int
) -> Answer:
    """Read a blocking answer of at most `limit` bytes. Raises Failure."""
    body = await response.read(limit, heard=watch.touch)
    if response.content_type == "text/event-stream":
        raise Failure("broken", "The platform answered with a stream that was not asked for.")
    return sound(exchange.answer, body, reply)


async def open_stream(
    response: UpstreamResponse,
    exchange: Exchange,
    reply: Reply,
    encode: Encode,
    watch: Watch,
    limit: int,
    *,
    alike: bool = False,
) -> Stream:
    """Read a stream up to its first chunk. Raises Failure, also for a stream that has none.

    `alike`: what `encode` makes of chunks that differ in one text differs in that text alone.
    """
    reader = exchange.reader(reply)
    stencil = Stencil() if alike and exchange.alike else None
    stream = Stream(reader, encode, [], sse.Decoder(), response, stencil)
    if response.content_type in _WHOLE_BODY:
        answer = await whole(response, exchange, reply, watch, limit)
        stream.first = sound(exchange.chunks, answer, reply)
        reader.usage, reader.text_length = answer.usage, answer.text_length
        reader.finished = reader.done = True
        return stream
    while not (stream.first or stream.failure or reader.done):
        piece = await response.some()
        if not piece:
            stream.first = _chunks(stream, stream.decoder.end())
            break
        watch.touch()
        stream.first = _chunks(stream, _events(stream, piece))
    if stream.failure:
        raise stream.failure  # nothing has gone out, so its true status can, or another try
    if not stream.first:
        raise Failure("broken", "The platform's stream ended before it had begun.")
    return stream


async def pump(stream: Stream, client: Client, watch: Watch) -> bytes:
    """Send every event as it comes; returns what is left to send when the upstream has ended.

    Raises Failure when it ended too early: a cut never looks like a clean end. ClientGone.
    """
    reader, pump = stream.reader, _Pump(stream, client, watch)
    try:
        with watch.translated():
            await pump.run()
    except Failure:
        if not reader.finished:
            raise
        # Every choice had its finish reason; only the end of the connection was missing.
    if stream.failure or not reader.finished:
        if pump.pending:
            await client.write(pump.pending)
        raise stream.failure or reader.failure or Failure("broken", _CUT)
    return pump.pending


class _Pump:
    """From a stream to its client: as a rule right where a piece is received, without a task."""

    def __init__(self, stream: Stream, client: Client, watch: Watch) -> None:
        self.pending = _encode(stream.encode, stream.first)
        """Encoded, and not sent yet."""
        self._stream = stream
        self._client = client
        self._watch = watch

    async def run(self) -> None:
        """Until the upstream has said that it is done, or its body ends. Raises Failure."""
        stream, watch = self._stream, self._watch
        while not stream.reader.done:
            if self.pending:
                watch.sending()
                await self._client.write(self.pending)
                watch.sent()
                self.pending = b""
            if stream.failure:
                raise stream.failure
            if await stream.response.each(self._take):
                self.pending = _encode(stream.encode, _chunks(stream, stream.decoder.end()))
                break

    def _take(self, piece: bytes) -> bool:
        """All events of one read in one write: what came together leaves together."""
        stream = self._stream
        pending = _filled(stream, piece) if stream.decoder.is_between else None
        if pending is None:
            pending = _said(stream, _events(stream, piece))
        is_over = stream.reader.done or stream.failure
        if pending and not is_over and self._client.write_now(pending):
            self._watch.sent()
            return True
        self._watch.touch()
        self.pending = pending
        return not (is_over or pending)


async def drain(stream: Stream) -> None:
    """Read the end of the body, so that the connection can be used again."""
    with contextlib.suppress(Failure, TimeoutError):  # then it is closed, which is as good
        async with asyncio.timeout(DRAIN_S):
            while await stream.response.some():
                pass


def sound(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What this makes of a platform's values, which may be of any shape. Raises Failure."""
    try:
        return work(*args, **kwargs)
    except MISSHAPEN as error:
        raise Failure("broken", _ODD) from error


def _encode(encode: Encode, chunks: list[Chunk]) -> bytes:
    if len(chunks) == 1:
        return sound(encode, chunks[0])
    return sound(b"".join, map(encode, chunks))


def _events(stream: Stream, piece: bytes) -> list[sse.Event]:
    try:
        return stream.decoder.feed(piece)
    except sse.EventTooLong as error:
        raise Failure("broken", f"The platform's stream cannot be read: {error}") from error


def _filled(stream: Stream, event: bytes) -> bytes | None:
    """One event in its usual frame, put right and counted without parsing; None: it cannot be."""
    stencil = stream.stencil
    made = None if stencil is None else stencil.fill(event)
    if stencil is not None and made is not None:
        stream.reader.text_length += len(made) - stencil.around
    return made


def _said(stream: Stream, events: list[sse.Event]) -> bytes:
    """These events in the client's shape; those that are like the one before without parsing."""
    stencil = stream.stencil
    if stencil is None:
        return _encode(stream.encode, _chunks(stream, events))
    pieces = []
    for event in events:
        made = _filled(stream, sse.encode(event.data))
        if made is None:
            chunks = _chunks(stream, [event])
            made = _encode(stream.encode, chunks)
            if len(chunks) == 1:
                stencil.learn(event.data, chunks[0], made)
        pieces.append(made)
        if stream.failure:
            break
    return b"".join(pieces)


def _chunks(stream: Stream, events: list[sse.Event]) -> list[Chunk]:
    """The chunks of these events. A failure waits in `stream` until what came before it is sent."""
    feed = stream.reader.feed
    chunks: list[Chunk] = []
    try:
        for event in events:
            chunks += feed(event.data)
    except Failure as failure:
        stream.failure = failure
    except MISSHAPEN:
        stream.failure = Failure(
            "broken", "The platform's stream is not of the shape it should be."
        )
    return chunks
