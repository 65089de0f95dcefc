"""The gateway's own HTTP/1.1 to platforms, against servers that say exactly these bytes."""

import asyncio
import gzip
import zlib

import pytest

from gateway.direct.wire import DirectWire
from gateway.shapes import Failure
from gateway.wires import (
    KEEP_ALIVE_S,
    Broken,
    Disconnected,
    NotHttp,
    UpstreamResponse,
)
from tests.gateway.direct_peer import OK, Peer, post, whole

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Odd: a\r\nx-odd: b\r\n\r\n"
    b"5\r\nhello\r\n7;name=x\r\n, world\r\n0\r\nTrailer: t\r\n\r\n"
)


async def test_a_request_is_what_it_should_be(wire: DirectWire, peer: Peer) -> None:
    headers = (("Authorization", "Bearer s"), ("user-agent", "mine"), ("X-É", "ü"))

    assert await whole(await post(wire, peer.url, b"abc", headers)) == b"{}"

    host = peer.url.removeprefix("http://")
    lines = peer.requests[0].decode().split("\r\n")
    assert lines[0] == "POST /v1/x?y=1 HTTP/1.1"
    assert sorted(lines[1:-2]) == sorted(
        [
            f"Host: {host}",
            "Content-Type: application/json",
            "Accept-Encoding: identity",
            "user-agent: mine",
            "Authorization: Bearer s",
            "X-É: ü",
            "Content-Length: 3",
        ]
    )
    assert lines[-2:] == ["", "abc"]


@pytest.mark.parametrize("pieces", [0, 1, 7])
@pytest.mark.parametrize(
    ("answer", "close", "body"),
    [
        (OK, False, b"{}"),
        (CHUNKED, False, b"hello, world"),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", True, b"to the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", True, b"old"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 P\r\nx: y\r\n\r\n" + OK, False, b"{}"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", False, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", False, b""),
    ],
    ids=["length", "chunks", "end", "old", "continue", "nothing", "empty"],
)
async def test_every_kind_of_body_is_read_however_it_is_cut(
    wire: DirectWire, peer: Peer, answer: bytes, close: bool, body: bytes, pieces: int
) -> None:
    peer.serve = peer.say(answer, pieces=pieces, close=close)

    assert await whole(await post(wire, peer.url)) == body


async def test_headers_are_found_by_small_names_and_the_first_counts(
    wire: DirectWire, peer: Peer
) -> None:
    peer.serve = peer.say(CHUNKED)

    response = await post(wire, peer.url)

    assert (response.status, response.headers.get("x-odd")) == (200, "a")
    await response.aclose()


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (OK, 1),
        (CHUNKED, 1),
        (OK.replace(b"Content-Length", b"Connection: close\r\nContent-Length"), 3),
        (OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nevil!", 3),
        (OK + b"garbage", 3),
    ],
    ids=["length", "chunks", "close", "one too many", "garbage"],
)
async def test_a_connection_is_used_again_only_if_that_is_safe(
    wire: DirectWire, peer: Peer, answer: bytes, connections: int
) -> None:
    peer.serve = peer.say(answer)

    for _ in range(3):
        assert await whole(await post(wire, peer.url)) in (b"{}", b"hello, world")

    assert peer.connections == connections


async def test_what_was_not_read_to_its_end_is_not_used_again(wire: DirectWire, peer: Peer) -> None:
    peer.serve = peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    response = await post(wire, peer.url)
    assert await response.some() == b"half"
    await response.aclose()
    await response.aclose()

    await asyncio.wait_for(peer.closed.wait(), 5)
    peer.serve = peer.say(OK)
    assert await whole(await post(wire, peer.url)) == b"{}"
    assert peer.connections == 2


async def test_a_connection_that_the_platform_has_closed_is_not_chosen(
    wire: DirectWire, peer: Peer
) -> None:
    peer.serve = peer.say(OK, close=True)
    assert await whole(await post(wire, peer.url)) == b"{}"
    await asyncio.wait_for(peer.closed.wait(), 5)
    async with asyncio.timeout(5):
        while any(one.is_open for some in wire._idle.values() for one in some):
            await asyncio.sleep(0.001)

    assert await whole(await post(wire, peer.url)) == b"{}"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", Disconnected),
        (b"HTTP/1.1 200 OK\r\nContent-", Disconnected),
        (b"SSH-2.0-OpenSSH\r\n\r\n", NotHttp),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", NotHttp),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**17, NotHttp),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", NotHttp),
    ],
    ids=["nothing", "half a head", "no HTTP", "upgrade", "endless head", "packed otherwise"],
)
async def test_what_is_no_answer_has_a_name(
    wire: DirectWire, peer: Peer, answer: bytes, error: type[Exception]
) -> None:
    peer.serve = peer.say(answer, close=True)

    with pytest.raises(error):
        await post(wire, peer.url)

    assert not any(one.is_open for one in wire._all)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
    ],
    ids=["length", "chunks", "Chunks", "no chunk"],
)
async def test_a_body_that_is_cut_never_ends_cleanly(
    wire: DirectWire, peer: Peer, answer: bytes
) -> None:
    peer.serve = peer.say(answer, close=True)
    response = await post(wire, peer.url)

    with pytest.raises((Broken, NotHttp)):
        await whole(response)


async def test_a_body_without_a_length_ends_with_a_close_and_not_with_a_reset(
    wire: DirectWire, peer: Peer
) -> None:
    peer.serve = peer.say(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    response = await post(wire, peer.url)
    assert await response._some() == b"half"

    peer.reset()

    with pytest.raises(Broken):
        await whole(response)


async def test_an_answer_before_all_was_sent_ends_the_connection(
    wire: DirectWire, peer: Peer
) -> None:
    """What is left of the body would stand before the next request, perhaps for ever."""

    async def too_large(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await writer.wait_closed()

    peer.serve, peer.reads_bodies = too_large, False
    assert await whole(await post(wire, peer.url, body=bytes(64 * 2**20))) == b"{}"

    peer.serve, peer.reads_bodies = peer.say(OK), True
    assert await whole(await post(wire, peer.url)) == b"{}"
    assert peer.connections == 2


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_what_is_packed_all_the_same_is_unpacked(
    wire: DirectWire, peer: Peer, coding: str
) -> None:
    text = b"hello, world " * 500
    packed = gzip.compress(text) if coding == "gzip" else zlib.compress(text)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\n\r\n"
    peer.serve = peer.say(head.encode() + packed, pieces=50)

    assert await whole(await post(wire, peer.url)) == text
    assert await whole(await post(wire, peer.url)) == text
    assert peer.connections == 1


async def test_what_unpacks_to_a_thousandfold_comes_in_pieces(wire: DirectWire, peer: Peer) -> None:
    packed = gzip.compress(bytes(64 * 2**20))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    peer.serve = peer.say(head + packed)

    response = await post(wire, peer.url)
    sizes = []
    while piece := await response.some():
        sizes.append(len(piece))
    await response.aclose()

    assert sum(sizes) == 64 * 2**20
    assert max(sizes) <= 2**20


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(b"hello" * 99)[:-9], gzip.compress(b"hello") + b"more"],
    ids=["cut", "more than all"],
)
@pytest.mark.parametrize("pieces", [0, 1])
async def test_what_is_packed_and_not_whole_never_ends_cleanly(
    wire: DirectWire, peer: Peer, packed: bytes, pieces: int
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    peer.serve = peer.say(head + packed, pieces=pieces)
    response = await post(wire, peer.url)

    with pytest.raises(Broken):
        await whole(response)
    await response.aclose()


async def test_nothing_is_nothing_also_when_packed(wire: DirectWire, peer: Peer) -> None:
    peer.serve = peer.say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n")

    assert await whole(await post(wire, peer.url)) == b""


@pytest.mark.parametrize(
    "endless", [b"0\r\nX: ", b"0\r\nX: y\r\n", b"1;x="], ids=["trailer", "trailers", "chunk"]
)
async def test_what_comes_beside_the_body_has_an_end(
    wire: DirectWire, peer: Peer, endless: bytes
) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
    filling = b"X-Y: z\r\n" * 2**14 if endless.endswith(b"\n") else b"x" * 2**17

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(endless + filling)

    peer.serve = serve
    response = await post(wire, peer.url)

    with pytest.raises(NotHttp):
        await asyncio.wait_for(whole(response), 5)
    await response.aclose()


async def test_a_reader_that_is_slow_makes_the_platform_wait(wire: DirectWire, peer: Peer) -> None:
    size, sent = 64 * 2**20, 0

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 2**16):
            writer.write(bytes(2**16))
            await writer.drain()
            sent += 2**16

    peer.serve = serve
    response = await post(wire, peer.url)
    before = -1
    while before != sent:  # until nothing moves any more
        before = sent
        await asyncio.sleep(0.2)

    assert sent < size // 2
    assert len(await whole(response)) == size


async def taken(response: UpstreamResponse, wanted: int) -> tuple[bytes, int]:
    """The body by way of `each`, of which `wanted` pieces are taken at a time; and how often."""
    pieces: list[bytes] = []
    turns = 0

    def take(piece: bytes) -> bool:
        pieces.append(piece)
        return len(pieces) % wanted != 0

    try:
        async with asyncio.timeout(10):
            while not await response.each(take):
                turns += 1
    finally:
        await response.aclose()
    return b"".join(pieces), turns


@pytest.mark.parametrize("wanted", [1, 3, 1000])
async def test_pieces_are_taken_where_they_are_received_and_none_is_lost(
    wire: DirectWire, peer: Peer, wanted: int
) -> None:
    body = bytes(range(256)) * 20

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 512):
            writer.write(b"200\r\n%b\r\n" % body[start : start + 512])
            await writer.drain()
            await asyncio.sleep(0)
        writer.write(b"0\r\n\r\n")

    peer.serve = serve
    for _ in range(2):
        found, turns = await taken(await post(wire, peer.url), wanted)
        assert found == body
        assert turns > 0 or wanted == 1000
    assert peer.connections == 1


async def test_a_body_that_is_cut_while_it_is_taken_never_ends_cleanly(
    wire: DirectWire, peer: Peer
) -> None:
    peer.serve = peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", close=True)
    came: list[bytes] = []
    response = await post(wire, peer.url)

    def take(piece: bytes) -> bool:
        came.append(piece)
        return True

    with pytest.raises(Failure, match="broke off"):
        await response.each(take)
    await response.aclose()

    assert came == [b"abc"]


async def test_who_takes_pieces_is_told_of_his_own_mistakes(wire: DirectWire, peer: Peer) -> None:
    gate = asyncio.Event()

    async def serve(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        await gate.wait()
        writer.write(b"def")

    def take(piece: bytes) -> bool:
        gate.set()
        if piece == b"def":
            raise LookupError(piece)
        return True

    peer.serve = serve
    response = await post(wire, peer.url)

    with pytest.raises(LookupError):
        await asyncio.wait_for(response.each(take), 5)
    await response.aclose()


async def test_who_is_cancelled_takes_the_connection_along(wire: DirectWire, peer: Peer) -> None:
    asked = asyncio.Event()

    async def serve(_request: bytes, _writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(0)

    peer.serve = serve
    async with asyncio.TaskGroup() as group:
        task = group.create_task(post(wire, peer.url))
        await asked.wait()
        task.cancel()

    await asyncio.wait_for(peer.closed.wait(), 5)


async def test_a_connection_that_waits_too_long_is_closed(
    wire: DirectWire, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await whole(await post(wire, peer.url))
    [[connection]] = wire._idle.values()
    connection.idle_since -= 3600

    wire._sweep(asyncio.get_running_loop())

    await asyncio.wait_for(peer.closed.wait(), 5)
    assert wire._idle == {}


async def test_a_connection_that_waited_too_long_is_not_chosen_before_the_sweep(
    wire: DirectWire, peer: Peer
) -> None:
    await whole(await post(wire, peer.url))
    [[connection]] = wire._idle.values()
    connection.idle_since -= KEEP_ALIVE_S

    assert await whole(await post(wire, peer.url)) == b"{}"
    assert peer.connections == 2


async def test_a_connection_that_the_platform_is_closing_is_not_chosen(
    wire: DirectWire, peer: Peer
) -> None:
    """Not between its last byte and the transport's end, either."""
    await whole(await post(wire, peer.url))
    [connection] = wire._all

    peer.writers[0].close()
    async with asyncio.timeout(5):
        while connection.is_open:
            await asyncio.sleep(0)

    assert connection in wire._all


async def test_no_header_can_smuggle_another(wire: DirectWire, peer: Peer) -> None:
    for value in ("a\r\nX: y", "a\ny", "a\x00"):
        with pytest.raises(ValueError, match="line break"):
            await post(wire, peer.url, headers=(("X-A", value),))

    assert peer.connections == 0


async def test_what_callers_make_long_is_not_kept(wire: DirectWire, peer: Peer) -> None:
    for number in range(3):
        beta = (("anthropic-beta", f"{number}" * 50_000),)
        assert await whole(await post(wire, peer.url, headers=beta)) == b"{}"

    assert beta[0][1].encode() in peer.requests[-1]
    assert wire._heads == {}
