"""The tests' own upstream does what it says: plays, records, and notices who hangs up."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.upstreams import (
    DONE,
    Play,
    Upstream,
    answer,
    byte_by_byte,
    completion,
    endless,
    hello,
    raw,
    running_upstream,
    stream,
)


async def ask(upstream: Upstream, **over: Any) -> httpx.Response:
    async with httpx.AsyncClient(timeout=5) as client:
        return await client.post(f"{upstream.base_url}/v1/x", **over)


@pytest.mark.parametrize(
    ("play", "status", "text"),
    [
        (answer({"a": 1}), 200, '{"a":1}'),
        (answer(b"<html>", 502, "text/html"), 502, "<html>"),
        (answer(b"", 204), 204, ""),
        (answer(b'{"half":'), 200, '{"half":'),
        (answer(b"", 302, location="/elsewhere"), 302, ""),
        (stream(b"a", b"b"), 200, "ab"),
        (byte_by_byte("data: ü\n\n".encode()), 200, "data: ü\n\n"),
    ],
)
async def test_it_plays_whole_answers(play: Play, status: int, text: str) -> None:
    async with Upstream(play) as upstream:
        response = await ask(upstream)

    assert (response.status_code, response.text) == (status, text)


@pytest.mark.parametrize(
    "play",
    [
        raw(b""),
        raw(b"garbage\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort"),
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno size\r\n"),
        stream(b"data: cut", end=False),
    ],
    ids=["nothing", "garbage", "wrong length", "wrong chunks", "cut"],
)
async def test_it_breaks_the_protocol_when_told_to(play: Play) -> None:
    async with Upstream(play) as upstream:
        with pytest.raises(httpx.TransportError):
            await ask(upstream)


async def chunks() -> AsyncIterator[bytes]:
    yield b"in "
    yield b"chunks"


@pytest.mark.parametrize("content", [b"in chunks", chunks()], ids=["length", "chunked"])
async def test_it_records_what_it_was_asked(content: Any) -> None:
    async with Upstream() as upstream:
        await ask(upstream, content=content, headers={"X-Name": "value"})

    [request] = upstream.requests
    assert (request.method, request.path, request.body) == ("POST", "/v1/x", b"in chunks")
    assert request.headers["x-name"] == "value"


async def test_plays_come_in_turn_and_then_the_default() -> None:
    async with Upstream(plays=[answer(b"1"), answer(b"2")]) as upstream:
        texts = [(await ask(upstream)).text for _ in range(3)]

    assert texts[:2] == ["1", "2"]
    assert completion()["id"] in texts[2]


async def test_a_gate_holds_the_last_piece_back() -> None:
    gate = asyncio.Event()
    async with Upstream(stream(b"first", b"last", gate=gate)) as upstream:
        reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"first\r\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.1)

        gate.set()

        await reader.readuntil(b"last\r\n")
        writer.close()


@pytest.mark.parametrize("play", [stream(b"data: 1\n\n", hang=True), endless])
async def test_it_notices_that_a_client_hangs_up_in_the_middle(play: Play) -> None:
    async with Upstream(play) as upstream:
        async with httpx.AsyncClient() as client, client.stream("GET", upstream.base_url) as answer:
            await anext(answer.aiter_bytes())
            assert not upstream.closed.is_set()

        await upstream.closed_by_peer()


async def test_it_notices_that_a_client_hangs_up_before_the_head() -> None:
    async with Upstream(raw(b"", hang=True)) as upstream:
        with pytest.raises(httpx.ReadTimeout):
            async with httpx.AsyncClient(timeout=0.1) as client:
                await client.get(upstream.base_url)

        await upstream.closed_by_peer()


def test_it_runs_in_a_thread_for_other_processes() -> None:
    with running_upstream(hello()) as upstream:
        response = httpx.get(upstream.base_url)

    assert response.text.endswith(DONE.decode())
