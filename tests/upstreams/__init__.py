"""A programmable upstream on a real socket: it plays what a test gives it, well-formed or not."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

Play = Callable[["Connection"], Any]


@dataclass
class Received:
    """One request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Connection:
    """The upstream's end of one request."""

    request: Received
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n")

    async def piece(self, data: bytes) -> None:
        """One piece of a chunked body."""
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def until_closed(self) -> None:
        """Wait until the other end closes."""
        await self.reader.read()


def answer(
    body: Any, status: int = 200, content_type: str = "application/json", **headers: str
) -> Play:
    """A whole answer; what is no bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)

    async def play(peer: Connection) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await peer.head(
            status, {"content-type": content_type, "content-length": str(len(data)), **named}
        )
        await peer.send(data)

    return play


def stream(*pieces: bytes, end: bool = True, hang: bool = False, gate: Any = None) -> Play:
    """An event stream in these pieces. `end` False: cut off; `hang`: silent afterwards;
    `gate` (an asyncio.Event): waits for it before the last piece."""

    async def play(peer: Connection) -> None:
        await peer.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        for number, data in enumerate(pieces):
            if gate is not None and number == len(pieces) - 1:
                await gate.wait()
            await peer.piece(data)
        if hang:
            await peer.until_closed()
        elif end:
            await peer.send(b"0\r\n\r\n")
        else:
            peer.writer.transport.abort()

    return play


def byte_by_byte(data: bytes) -> Play:
    """An event stream whose every byte is a piece of its own."""
    return stream(*(data[index : index + 1] for index in range(len(data))))


def raw(data: bytes, *, hang: bool = False) -> Play:
    """These bytes instead of HTTP, then the end of the connection (or silence)."""

    async def play(peer: Connection) -> None:
        if data:
            await peer.send(data)
        if hang:
            await peer.until_closed()
        peer.writer.close()

    return play


async def endless(peer: Connection) -> None:
    """A body that never ends."""
    await peer.head(200, {"content-type": "application/json", "transfer-encoding": "chunked"})
    while True:
        await peer.piece(b" " * 65536)


def chunk(content: str | None = None, reason: str | None = None, **over: Any) -> dict[str, Any]:
    """A chunk as OpenAI sends it."""
    delta = {} if content is None else {"content": content}
    return {
        "id": "chatcmpl-upstream",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "upstream-model",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}],
        **over,
    }


USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
DONE = b"data: [DONE]\n\n"


def sse(*chunks: Any) -> bytes:
    """Events of these chunks."""
    return b"".join(b"data: " + orjson.dumps(c) + b"\n\n" for c in chunks)


def hello() -> Play:
    """A usual stream with usage, event by event."""
    return stream(
        sse(chunk("Hel")),
        sse(chunk("lo")),
        sse(chunk(reason="stop")),
        sse(chunk(choices=[], usage=USAGE)),
        DONE,
    )


def completion(content: str = "Hello", **over: Any) -> dict[str, Any]:
    """A completion as OpenAI sends it."""
    return {
        "id": "chatcmpl-upstream",
        "object": "chat.completion",
        "created": 1,
        "model": "upstream-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
        **over,
    }


@dataclass
class Upstream:
    """The server. What is played next is taken from `plays`; when that is empty, `default`."""

    default: Play = field(default_factory=lambda: answer(completion()))
    plays: list[Play] = field(default_factory=list)
    requests: list[Received] = field(default_factory=list)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closes while an answer is being played."""
    base_url: str = ""
    port: int = 0

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def closed_by_peer(self, timeout_s: float = 5) -> None:
        """Wait until a client has closed while it was being answered. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            await self.closed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                play = self.plays.pop(0) if self.plays else self.default
                await play(Connection(request, reader, writer))
                if reader.at_eof():
                    self.closed.set()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed.set()
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    head = b""
    with contextlib.suppress(asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
    if not head:
        return None
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, path, _version = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    if headers.get("transfer-encoding") == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).partition(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")  # no trailers
    return body


@contextlib.contextmanager
def running_upstream(default: Play | None = None) -> Iterator[Upstream]:
    """The server in a thread with a loop of its own, for tests of other processes."""
    upstream = Upstream(default) if default else Upstream()
    ready, loops = threading.Event(), []
    end: list[asyncio.Event] = []

    async def main() -> None:
        async with _entered(upstream):
            end.append(asyncio.Event())
            loops.append(asyncio.get_running_loop())
            ready.set()
            await end[0].wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    ready.wait(10)
    try:
        yield upstream
    finally:
        loops[0].call_soon_threadsafe(end[0].set)
        thread.join(10)


@contextlib.asynccontextmanager
async def _entered(upstream: Upstream) -> AsyncIterator[None]:
    async with upstream:
        yield
