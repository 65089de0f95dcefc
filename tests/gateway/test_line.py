"""The short way to a client: what goes over it is the HTTP that ASGI's long way would make."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any, cast

import orjson
import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.client import LINE, Client
from gateway.line import Line, _chunked
from tests.gateway.conftest import Site
from tests.upstreams import chunk, hello, sse, stream


class Wire:
    """A client that speaks HTTP by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def ask(self, site: Site, version: str = "1.1", *more: str, **over: Any) -> None:
        body = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}], **over}
        content = orjson.dumps(body)
        lines = (
            f"POST /acme/v1/chat/completions HTTP/{version}",
            f"host: x\r\nauthorization: Bearer {site.key}\r\ncontent-length: {len(content)}",
            *more,
            "\r\n",
        )
        self.writer.write("\r\n".join(lines).encode() + content)

    async def head(self) -> tuple[bytes, dict[bytes, bytes]]:
        """The status line, and the headers, each of which came once."""
        lines = (await self.reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        pairs = [line.partition(b": ") for line in lines[1:]]
        headers = {name: value for name, _colon, value in pairs}
        assert len(headers) == len(pairs)
        return lines[0], headers

    async def answer(self) -> tuple[dict[bytes, bytes], Any]:
        """An answer of status 200 with a length, and its JSON."""
        status, headers = await self.head()
        assert status == b"HTTP/1.1 200 OK"
        return headers, orjson.loads(await self.reader.readexactly(int(headers[b"content-length"])))

    async def pieces(self) -> list[bytes]:
        """A body in chunks, to its end."""
        found = []
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            found.append((await self.reader.readexactly(size + 2))[:-2])
        assert await self.reader.readexactly(2) == b"\r\n"
        return found


@pytest.fixture
async def wire(site: Site) -> AsyncIterator[Wire]:
    host, _, port = site.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    async with asyncio.timeout(20):
        yield Wire(reader, writer)
    writer.transport.abort()


async def test_one_connection_carries_answers_and_streams_in_turn(site: Site, wire: Wire) -> None:
    for turn in range(2):
        wire.ask(site)
        headers, answer = await wire.answer()
        assert answer["choices"][0]["message"]["content"] == "Hello"
        assert headers[b"content-type"] == b"application/json"
        assert headers[b"x-request-id"].decode() == answer["id"]
        assert b"date" in headers
        assert b"connection" not in headers

        site.upstream.plays = [hello()]
        wire.ask(site, stream=True)
        status, headers = await wire.head()
        assert status == b"HTTP/1.1 200 OK"
        assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
        assert headers[b"transfer-encoding"] == b"chunked"
        assert headers[b"x-accel-buffering"] == b"no"
        text = b"".join(await wire.pieces())
        assert text.endswith(b"data: [DONE]\n\n")
        assert text.count(b"data: ") == 4, turn


async def test_what_is_asked_in_one_go_is_answered_in_order(site: Site, wire: Wire) -> None:
    names = [f"m-{number}" for number in range(5)]
    for name in names:
        wire.ask(site, model=name)

    assert [(await wire.answer())[1]["model"] for _ in names] == names


@pytest.mark.parametrize(
    ("version", "header"), [("1.0", "x: y"), ("1.1", "connection: close")], ids=["1.0", "close"]
)
@pytest.mark.parametrize("streamed", [False, True], ids=["blocking", "stream"])
async def test_who_wants_one_answer_only_is_told_and_left(
    site: Site, wire: Wire, version: str, header: str, streamed: bool
) -> None:
    site.upstream.plays = [hello()] if streamed else []
    wire.ask(site, version, header, stream=streamed)

    _status, headers = await wire.head()
    rest = await wire.reader.read()

    assert headers[b"connection"] == b"close"
    assert rest.endswith(b"0\r\n\r\n" if streamed else b"}")


async def test_who_does_not_read_is_waited_for_and_gets_all_of_it(site: Site, wire: Wire) -> None:
    piece = sse(*(chunk("x" * 1000) for _ in range(100)))
    count = 200  # 24 MB in all: more than sockets hold
    site.upstream.plays = [
        stream(*[piece] * count, sse(chunk(reason="stop")) + b"data: [DONE]\n\n")
    ]
    wire.ask(site, stream=True)
    await wire.head()
    wire.reader._limit = 2**20  # type: ignore[attr-defined] # of what it reads ahead

    text = b"".join(await wire.pieces())

    assert text.count(b"x" * 1000) == 100 * count
    assert text.endswith(b"data: [DONE]\n\n")


class Cycle:
    """What a line needs to know of uvicorn's."""

    keep_alive = True
    default_headers = ((b"date", b"now"),)

    def __init__(self, **over: Any) -> None:
        self.response_started = self.response_complete = self.disconnected = False
        self.transport = self.written = io.BytesIO()
        self.message_event = asyncio.Event()
        self.flow = FlowControl(cast(asyncio.Transport, None))
        vars(self).update(over)


def line(cycle: Cycle) -> Line:
    return Line(cast(RequestResponseCycle, cycle))


async def test_who_leaves_is_told_of_once_and_takes_nothing_more() -> None:
    told: list[str] = []
    left = line(Cycle())
    assert left.is_open
    left.on_gone(lambda: told.append("forgotten"))
    left.on_gone(None)
    left.lost()
    left.on_gone(lambda: told.append("late"))  # it has left already
    assert told == []  # whoever asks is not interrupted while he asks
    await asyncio.sleep(0)
    left.lost()

    assert told == ["late"]
    assert not left.is_open


@pytest.mark.parametrize(
    ("state", "is_open", "is_streaming"),
    [
        ({}, True, False),
        ({"response_started": True}, True, True),
        ({"response_started": True, "response_complete": True}, False, False),
        ({"response_started": True, "disconnected": True}, False, False),
    ],
    ids=["before the head", "after it", "after the end", "without a client"],
)
def test_nothing_is_written_where_it_does_not_belong(
    state: dict[str, bool], is_open: bool, is_streaming: bool
) -> None:
    found = line(Cycle(**state))
    client = Client({"method": "POST", "path": "/", "headers": [], LINE: found}, none, none)

    assert (found.is_open, found.is_streaming) == (is_open, is_streaming)
    if not is_streaming:
        assert client.write_now(b": ping") is False


async def none(*_arguments: Any) -> Any:
    raise AssertionError("not by ASGI")


@pytest.mark.parametrize("value", [b"acme\r\nset-cookie: a=b", b"a\nb", b"a\rb", b"a\x00"])
def test_no_header_can_bring_another_along(value: bytes) -> None:
    cycle = Cycle()

    with pytest.raises(RuntimeError, match="line break"):
        line(cycle).answer([(b"x-tokens-platform", value)], b"{}")
    assert not cycle.written.getvalue()


@pytest.mark.parametrize("size", [1, 9, 10, 15, 16, 1023, 1024, 70_000])
def test_a_chunk_says_its_size_in_hex(size: int) -> None:
    assert _chunked(b"x" * size) == f"{size:x}\r\n{'x' * size}\r\n".encode()
