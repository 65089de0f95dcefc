"""The benchmark measures what it says: true counts, and no error ever counted as an answer."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import orjson
import pytest

from bench import contenders, load, upstream
from bench.asking import Scenario, Target
from bench.check import WrongAnswer, check
from bench.processes import PATH


def _chunk(word: str, reason: str | None) -> bytes:
    choice = {"index": 0, "delta": {"content": word}, "finish_reason": reason}
    return b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n"


def _chunks(count: int) -> list[bytes]:
    """As the mock upstream's, one with nothing in it at each end."""
    words = ["", *[upstream.WORD] * (count - 2)]
    return [*(_chunk(word, None) for word in words), _chunk("", "stop")]


async def _talking(streamed: bytes) -> asyncio.Server:
    """A server whose blocking answers are the upstream's, and whose streams are these events."""
    choice = {"message": {"content": upstream.WORD * upstream.ANSWER_WORDS}}
    blocking = orjson.dumps({"choices": [choice | {"finish_reason": "stop"}]})

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        asked = orjson.loads(await reader.readexactly(length))
        content = streamed + b"data: [DONE]\n\n" if asked.get("stream") else blocking
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(content) + content)
        writer.close()

    return await asyncio.start_server(serve, upstream.HOST, 0)


@pytest.fixture
async def direct() -> AsyncIterator[Target]:
    """The mock upstream itself."""
    async with await upstream.listen() as server:
        yield Target(upstream.HOST, upstream.port_of(server), PATH)


@pytest.fixture
async def relayed(direct: Target) -> AsyncIterator[Target]:
    """The bare relay in front of it, in its own process."""
    async with contenders.bare_relay(direct.port, set()) as contender:
        yield contender.target


async def test_every_blocking_answer_is_counted(relayed: Target) -> None:
    outcome = await load.run(relayed, Scenario("", upstream.CHAT_MODEL, 4, requests=50))

    assert (outcome.answers, outcome.events, outcome.errors) == (50, 0, {})
    assert len(outcome.waits_s) == 50
    assert 0 < outcome.wait_ms(0.5) <= outcome.wait_ms(0.99)


@pytest.mark.parametrize("model", ["bench-stream-30", "bench-paced-30-1000"])
async def test_every_streamed_event_is_counted(relayed: Target, model: str) -> None:
    outcome = await load.run(relayed, Scenario("", model, 4, events=30, requests=10))

    assert (outcome.answers, outcome.events, outcome.errors) == (10, 300, {})


async def test_the_bare_relay_passes_the_check_and_is_reaped(direct: Target) -> None:
    async with contenders.bare_relay(direct.port, set()) as contender:
        await check(contender.target)
        assert contender.cpu_s() > 0
        assert contender.rss_mb() > 10
        assert contender.peak_mb() >= contender.rss_mb()
        assert 0 < contender.start_s < 30

    with pytest.raises(ProcessLookupError):
        os.kill(contender.pid, 0)


async def test_a_cut_stream_is_an_error_and_no_answer(relayed: Target, direct: Target) -> None:
    for target in (direct, relayed):
        outcome = await load.run(target, Scenario("", "bench-cut-5", 2, events=5, requests=6))

        assert (outcome.answers, outcome.events, outcome.errors) == (0, 0, {"cut": 6})


@pytest.mark.parametrize(
    ("scenario", "error"),
    [
        (Scenario("", "bench-stream-9", 1, events=10, requests=1), "wrong count of events"),
        (Scenario("", "bench-paced-9-1", 1, events=9, requests=1, stall_s=0.1), "stalled"),
        (Scenario("", "bench-stream-many", 1, events=10, requests=1), "status 400"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_no_whole_answer_has_a_name(
    direct: Target, scenario: Scenario, error: str
) -> None:
    outcome = await load.run(direct, scenario)

    assert (outcome.answers, outcome.errors) == (0, {error: 1})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "no completion"),
        (b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", "status 503"),
        (b"hello\r\n", "garbled"),
        (b"", "cut"),
    ],
)
async def test_a_broken_peer_gives_errors(answer: bytes, error: str) -> None:
    async with await _peer(answer) as server:
        target = Target(upstream.HOST, upstream.port_of(server), PATH)
        outcome = await load.run(target, Scenario("", upstream.CHAT_MODEL, 1, requests=2))

    assert (outcome.answers, outcome.errors) == (0, {error: 2})


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: {}\n\ndata: {}\n\ndata: [DONE]\n\n", (1, 2, {})),
        (b"data: {}\n\ndata: {}\n\n", (0, 0, {"no [DONE]": 1})),
    ],
    ids=["whole", "without done"],
)
async def test_a_stream_in_pieces_of_one_byte_is_counted_the_same(
    stream: bytes, expected: tuple[int, int, dict[str, int]]
) -> None:
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in stream) + b"0\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + pieces

    async with await _peer(answer) as server:
        target = Target(upstream.HOST, upstream.port_of(server), PATH)
        outcome = await load.run(target, Scenario("", "bench-stream-2", 1, events=2, requests=1))

    assert (outcome.answers, outcome.events, outcome.errors) == expected


async def test_events_that_come_late_are_told_by_how_much() -> None:
    """The first promises 100 events a second; the others come together, 0.3 s after it."""
    first = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\ndata: {}\n\n\r\n"
    rest = b"data: {}\n\n" * 9 + b"data: [DONE]\n\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}]")
        writer.write(first)
        await asyncio.sleep(0.3)
        writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest))
        writer.close()

    async with await asyncio.start_server(serve, upstream.HOST, 0) as server:
        target = Target(upstream.HOST, upstream.port_of(server), PATH)
        scenario = Scenario("", "bench-paced-10-100", 1, events=10, requests=1, per_second=100)
        outcome = await load.run(target, scenario)

    assert (outcome.answers, outcome.errors) == (1, {})
    assert len(outcome.lags_s) == 11
    assert outcome.lag_ms(0) == 0
    # The second was due after 10 ms, the last after 100.
    assert 240 <= outcome.lag_ms(0.5) <= outcome.lag_ms(0.99) < 5_000
    assert outcome.lag_ms(0.99) >= 285


async def test_the_upstream_tells_usage_only_when_asked(direct: Target) -> None:
    async def last_chunk(**over: object) -> dict[str, object]:
        asked = {"model": "bench-stream-3", "stream": True, **over}
        async with session.post(url, data=orjson.dumps(asked)) as answer:
            events = (await answer.read()).split(b"\n\n")
        assert events[-2:] == [b"data: [DONE]", b""]
        chunk: dict[str, object] = orjson.loads(events[-3].removeprefix(b"data: "))
        return chunk

    url = f"http://{direct.host}:{direct.port}{direct.path}"
    async with aiohttp.ClientSession() as session:
        assert "usage" not in await last_chunk()
        assert (await last_chunk(stream_options={"include_usage": True}))["choices"] == []


async def test_a_wrong_answer_is_never_timed(direct: Target) -> None:
    with pytest.raises(WrongAnswer, match="404"):
        await check(Target(direct.host, direct.port, "/v1/nothing"))


@pytest.mark.parametrize(
    ("streamed", "more"), [(b"", 0), (b'data: {"choices": [], "usage": {}}\n\n', 1)]
)
async def test_what_a_peer_adds_to_a_stream_is_counted_and_must_always_come(
    streamed: bytes, more: int
) -> None:
    """A usage chunk that nobody asked for: of ours it is wrong, of a peer it is counted."""
    async with await _talking(b"".join(_chunks(20)) + streamed) as server:
        target = Target(upstream.HOST, upstream.port_of(server), PATH)
        if more:
            with pytest.raises(WrongAnswer, match="count of chunks is 21; expected 20"):
                await check(target)
        checked = await check(target, exact=False)
        outcome = await load.run(checked, Scenario("", "bench-stream-20", 1, 20, requests=1))
        spare = replace(checked, more_events=more + 1)
        missing = await load.run(spare, Scenario("", "bench-stream-20", 1, 20, requests=1))

    assert checked.more_events == more
    assert (outcome.answers, outcome.events, outcome.errors) == (1, 20 + more, {})
    assert missing.errors == {"wrong count of events": 1}


@pytest.mark.parametrize(
    "chunks",
    [_chunks(19), [*_chunks(20)[:-1], _chunk(" lorem", None)], [b"data: {}\n\n"]],
    ids=["a word short", "no finish reason", "no chunks"],
)
async def test_a_peer_that_says_something_else_is_wrong(chunks: list[bytes]) -> None:
    async with await _talking(b"".join(chunks)) as server:
        with pytest.raises(WrongAnswer):
            await check(Target(upstream.HOST, upstream.port_of(server), PATH), exact=False)


async def test_a_request_carries_the_targets_headers_model_names_and_picture() -> None:
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        seen.extend((head, await reader.readexactly(length)))
        writer.close()

    async with await asyncio.start_server(serve, upstream.HOST, 0) as server:
        port = upstream.port_of(server)
        target = Target(upstream.HOST, port, PATH, "k", (("x-to", "there"),), model_prefix="a-")
        await load.run(target, Scenario("", "m", 1, requests=1, picture_bytes=1_000))

    head, body = seen[0], orjson.loads(seen[1])
    assert b"\r\nx-to: there\r\n" in head
    assert body["model"] == "a-m"
    picture = body["messages"][-1]["content"][1]["image_url"]["url"]
    assert len(base64.b64decode(picture.removeprefix("data:image/png;base64,"))) == 1_000


async def _peer(answer: bytes) -> asyncio.Server:
    """A server that gives this answer to whatever is asked, and closes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}]")
        writer.write(answer)
        writer.close()

    return await asyncio.start_server(serve, upstream.HOST, 0)
