"""A platform that misbehaves by chance, and knows of each answer whether it was whole.

Each answer carries its own number and length, so that a client can tell whether it has all of it,
and which one it is: `#17/12 w0 w1 … w11`.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson

from bench.servers import HOST

WEIGHTS = {
    "whole": 56,
    "slow": 10,
    "rate": 6,
    "error": 6,
    "refused": 2,
    "cut": 5,
    "cut_cleanly": 5,
    "error_inside": 3,
    "stall": 2,
    "stall_inside": 2,
    "nothing": 3,
}
"""How often each play is drawn. `cut_cleanly`: the body ends as HTTP wants it, but the answer is
not whole; `refused`: 503; `nothing`: the connection is closed before any answer."""
WELL = {"whole": 80, "slow": 20}
_EVENT_S = 0.03  # between the events of a slow stream
_STALL_S = 30.0  # the gateway gives up before


@dataclass(frozen=True, slots=True)
class Content:
    """What an answer says."""

    number: int
    """Of the answer, over all keys."""
    words: int

    @property
    def pieces(self) -> list[str]:
        """As they are streamed."""
        return [f"#{self.number}/{self.words}", *(f" w{place}" for place in range(self.words))]

    @property
    def tokens(self) -> tuple[int, int]:
        """Prompt and completion tokens: different for different answers."""
        return 10 + self.number % 7, self.words + 1

    @classmethod
    def read(cls, text: str) -> "Content | None":
        """The content of which this is the whole text; None: it is not whole."""
        number, _slash, words = text.partition(" ")[0].removeprefix("#").partition("/")
        if not (number.isdigit() and words.isdigit()):
            return None
        found = cls(int(number), int(words))
        return found if text == "".join(found.pieces) else None


@dataclass
class Platform:
    """The server, and what it has served."""

    weights: dict[str, int]
    chance: random.Random
    port: int = 0
    whole: set[int] = field(default_factory=set)
    """Numbers of answers that were played to their end."""
    plays: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    """Chats by key."""
    _numbers: int = 0

    def next(self, key: str) -> tuple[str, Content]:
        """The next play for a call with this key."""
        self.calls[key] += 1
        [play] = self.chance.choices(list(self.weights), list(self.weights.values()))
        self.plays[play] += 1
        self._numbers += 1
        return play, Content(self._numbers, self.chance.randint(3, 20))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, call by call."""
        try:
            while (request := await _read(reader)) is not None:
                if not await self._answer(writer, *request):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the gateway has left or was killed
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, key: str, body: bytes) -> bool:
        """Play one answer; False: the connection is to be closed."""
        if not body:
            await _json(writer, 200, {"object": "list", "data": [{"id": "m-1"}]})
            return True
        play, content = self.next(key)
        if play == "nothing":
            return False
        if play == "stall":
            await asyncio.sleep(_STALL_S)
            return False
        if play in _REFUSALS:
            await _REFUSALS[play](writer, self.chance)
            return True
        asked = orjson.loads(body)
        ended = await (_stream if asked.get("stream") else _whole)(writer, play, content)
        if ended:
            self.whole.add(content.number)
        return ended


@contextlib.asynccontextmanager
async def running(weights: dict[str, int], seed: int) -> AsyncIterator[Platform]:
    """The platform on a free port."""
    platform = Platform(weights, random.Random(seed))  # noqa: S311 # no secret
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        with contextlib.suppress(asyncio.CancelledError):
            await platform.serve(reader, writer)

    server = await asyncio.start_server(serve, HOST, 0)
    platform.port = server.sockets[0].getsockname()[1]
    try:
        yield platform
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _read(reader: asyncio.StreamReader) -> tuple[str, bytes] | None:
    """Key and body of the next request; None: there is none."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head.decode("latin-1").split("\r\n")[1:]
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return headers.get("authorization", ""), body


async def _json(
    writer: asyncio.StreamWriter, status: int, content: object, *headers: str, missing: int = 0
) -> None:
    body = orjson.dumps(content)
    now = format_datetime(datetime.now(UTC), usegmt=True)
    head = [f"HTTP/1.1 {status} X", "content-type: application/json", f"date: {now}", *headers]
    head.append(f"content-length: {len(body)}")
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body[: len(body) - missing])
    await writer.drain()


async def _rate(writer: asyncio.StreamWriter, chance: random.Random) -> None:
    """429, with the wait in one of its forms, or none."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    waits: tuple[list[str], ...]
    waits = (["retry-after: 1"], ["retry-after-ms: 300"], [f"retry-after: {later}"], [])
    error = {"message": "Rate limit reached for requests", "type": "requests"}
    await _json(
        writer, 429, {"error": error | {"code": "rate_limit_exceeded"}}, *chance.choice(waits)
    )


async def _error(writer: asyncio.StreamWriter, _chance: random.Random) -> None:
    await _json(writer, 500, {"error": {"message": "Internal error", "type": "server_error"}})


async def _refused(writer: asyncio.StreamWriter, _chance: random.Random) -> None:
    await _json(writer, 503, {"error": {"message": "Overloaded", "type": "server_error"}})


_REFUSALS: dict[str, Callable[[asyncio.StreamWriter, random.Random], Awaitable[None]]] = {
    "rate": _rate,
    "error": _error,
    "refused": _refused,
}


def _usage(content: Content) -> dict[str, int]:
    prompt, completion = content.tokens
    total = prompt + completion
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total}


async def _whole(writer: asyncio.StreamWriter, play: str, content: Content) -> bool:
    """A blocking answer; False: it was not whole."""
    if play == "slow":
        await asyncio.sleep(_EVENT_S * content.words)
    message = {"role": "assistant", "content": "".join(content.pieces)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    answer = {"id": "x", "object": "chat.completion", "created": 1, "model": "m"}
    answer |= {"choices": [choice], "usage": _usage(content)}
    if play == "error_inside":
        answer = {"error": {"message": "It broke midway", "type": "server_error", "code": 500}}
        await _json(writer, 200, answer)
        return False
    missing = 40 if play in ("cut", "cut_cleanly", "stall_inside") else 0
    await _json(writer, 200, answer, missing=missing)
    if play == "stall_inside":
        await asyncio.sleep(_STALL_S)
    return not missing


async def _stream(writer: asyncio.StreamWriter, play: str, content: Content) -> bool:
    """A streamed answer; False: it was not whole, and the connection is to be closed."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked"
    writer.write(head + b"\r\n\r\n")
    pieces = content.pieces
    is_whole = play in ("whole", "slow")
    # At least one word is missing, and at least one goes out first.
    for piece in pieces if is_whole else pieces[: 1 + content.number % (len(pieces) - 1)]:
        await _event(writer, {"content": piece})
        await asyncio.sleep(_EVENT_S if play == "slow" else 0)
    if is_whole:
        await _event(writer, {}, "stop")
        await _event(writer, None, usage=_usage(content))
        await _piece(writer, b"data: [DONE]\n\n")
        await _piece(writer, b"")
    elif play == "error_inside":
        await _piece(writer, b'data: {"error":{"message":"It broke midway","code":500}}\n\n')
        await _piece(writer, b"")
    elif play == "cut_cleanly":
        await _piece(writer, b"")
    elif play == "stall_inside":
        await asyncio.sleep(_STALL_S)
    return is_whole


async def _event(
    writer: asyncio.StreamWriter,
    delta: dict[str, str] | None,
    reason: str | None = None,
    **more: object,
) -> None:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": reason}]
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    await _piece(writer, b"data: " + orjson.dumps({**chunk, "choices": choices, **more}) + b"\n\n")


async def _piece(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))
    await writer.drain()
