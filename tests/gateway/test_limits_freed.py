"""What a call held is free again: whenever its client leaves, and whatever becomes of Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest

from licences.limits.limiter import Limiter
from licences.limits.memory import MemoryCounters
from licences.limits.redis import RedisCounters
from licences.limits.terms import Usage
from platforms.models import Credential, Platform
from tests.gateway.conftest import Site
from tests.gateway.redis_server import RedisServer, redis_server
from tests.gateway.test_limits import PRICE, held, limit, price
from tests.upstreams import Play, answer, chunk, completion, raw, sse, stream

BODY = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}]}
WORDS = {"price_completion_micros": 1_000_000_000}
HANGS = raw(b"", hang=True)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(params=["memory", "redis"])
async def limited(request: pytest.FixtureRequest, site: Site) -> AsyncIterator[Site]:
    """The site, with counters of both kinds, room for two calls at once and for money."""
    if request.param == "memory":
        counters: Any = MemoryCounters()
    else:
        counters = RedisCounters(request.getfixturevalue("redis").url)
        await counters._client.flushall()
    site.gateway.limiter = Limiter(counters, site.gateway._spent_of)
    await price(site, **WORDS)
    await limit(site, concurrency=2, budget_total_micros=5_000_000)
    yield site
    await counters.aclose()


async def until_free(site: Site) -> Usage:
    async with asyncio.timeout(8):
        while (found := await held(site)).under_way or found.reserved:
            await asyncio.sleep(0.01)
    assert site.gateway.limiter._open == {}
    return found


async def until_under_way(site: Site, count: int) -> None:
    async with asyncio.timeout(8):
        while (await held(site)).under_way != count:
            await asyncio.sleep(0.01)


class Caller:
    """A client on a bare socket, that can leave at any moment."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def send(self, body: dict[str, Any], *, only_head: bool = False) -> None:
        data = orjson.dumps(body)
        port = int(self.site.url.rpartition(":")[2])
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            "POST /acme/v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
            f"authorization: Bearer {self.site.key}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(data)}\r\n\r\n"
        )
        self.writer.write(head.encode() + (data[:5] if only_head else data))
        await self.writer.drain()

    async def leave(self) -> None:
        self.writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


async def _with_half_a_body(site: Site, caller: Caller) -> None:
    await caller.send(BODY, only_head=True)


async def _waiting_for_money(site: Site, caller: Caller) -> None:
    # Another call has reserved more than all that is left.
    other = Caller(site)
    await other.send({**BODY, "max_tokens": 100_000})
    await until_under_way(site, 1)
    await caller.send(BODY)
    await asyncio.sleep(0.1)  # nothing tells that it waits, but that it has not come further
    assert (await held(site)).under_way == 1
    await other.leave()


async def _waiting_for_a_credential(site: Site, caller: Caller) -> None:
    await Credential.objects.aupdate(max_concurrency=1)
    platform = await Platform.objects.aget()
    await platform.asave()
    await site.reload()
    other = Caller(site)
    await other.send({**BODY, "max_tokens": 10})
    await until_under_way(site, 1)
    await caller.send({**BODY, "max_tokens": 10})
    await until_under_way(site, 2)
    await caller.leave()
    await until_under_way(site, 1)
    await other.leave()


async def _waiting_for_the_first_byte(site: Site, caller: Caller) -> None:
    await caller.send({**BODY, "stream": True})
    await until_under_way(site, 1)


async def _waiting_for_a_whole_answer(site: Site, caller: Caller) -> None:
    await caller.send(BODY)
    await until_under_way(site, 1)


async def _in_the_middle_of_a_stream(site: Site, caller: Caller) -> None:
    site.upstream.default = stream(sse(chunk("Hello you there")), hang=True)
    await caller.send({**BODY, "stream": True})
    await caller.reader.readuntil(b"Hello you there")


STAGES: list[Callable[[Site, Caller], Awaitable[None]]] = [
    _with_half_a_body,
    _waiting_for_money,
    _waiting_for_a_credential,
    _waiting_for_the_first_byte,
    _waiting_for_a_whole_answer,
    _in_the_middle_of_a_stream,
]


@pytest.mark.parametrize("stage", STAGES)
async def test_a_client_that_leaves_at_any_stage_holds_nothing(
    limited: Site, stage: Callable[[Site, Caller], Awaitable[None]]
) -> None:
    limited.upstream.default = HANGS
    caller = Caller(limited)

    await stage(limited, caller)
    await caller.leave()

    found = await until_free(limited)
    assert found.spent is None or (found.spent.total > 0) is (stage is _in_the_middle_of_a_stream)
    limited.upstream.default = answer(completion())
    assert (await limited.chat()).status_code == 200


@pytest.mark.parametrize(
    ("play", "status"),
    [
        (answer({"error": {"message": "no"}}, 500), 502),
        (answer(b"no JSON at all"), 502),
        (stream(sse(chunk("Hel")), end=False), 502),
        (HANGS, 504),
    ],
    ids=["an error", "nonsense", "a cut answer", "a time-out"],
)
@pytest.mark.parametrize("streams", [False, True])
async def test_a_call_that_fails_holds_nothing(
    limited: Site, play: Play, status: int, streams: bool
) -> None:
    if play is HANGS:
        platform = await Platform.objects.aget()
        platform.first_byte_s = 0.2
        await platform.asave()
        await limited.reload()
    limited.upstream.default = play

    response = await limited.chat(stream=streams)

    begun = streams and response.status_code == 200  # cut after its first byte
    assert begun or response.status_code == status
    assert not begun or "[DONE]" not in response.text
    await until_free(limited)


async def test_a_stream_that_the_shutdown_cuts_holds_nothing(limited: Site) -> None:
    limited.upstream.default = stream(sse(chunk("Hel")), hang=True)
    caller = Caller(limited)
    await caller.send({**BODY, "stream": True})
    await caller.reader.readuntil(b"Hel")

    for task in asyncio.all_tasks():
        if "run_asgi" in repr(task.get_coro()):
            task.cancel()  # as uvicorn does when its time for a graceful end is over

    await until_free(limited)
    await caller.leave()


async def test_a_redis_that_restarts_in_the_middle_of_calls_forgets_nothing_spent(
    site: Site,
) -> None:
    gate = asyncio.Event()

    async def play(peer: Any) -> None:
        await gate.wait()
        await answer(completion())(peer)

    await price(site, price_request_micros=PRICE)
    with redis_server() as server:
        counters = RedisCounters(server.url)
        site.gateway.limiter = Limiter(counters, site.gateway._spent_of)
        await limit(site, concurrency=2, budget_total_micros=3 * PRICE)
        assert (await site.chat()).status_code == 200
        await site.records(1)  # booked
        site.upstream.default = play
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(site.chat()) for _ in range(2)]
            await until_under_way(site, 2)
            server.kill()
            server.start()
            gate.set()
        assert [call.result().status_code for call in calls] == [200, 200]
        await site.records(3)

        refused = await until_back(site)

        assert refused.json()["error"]["code"] == "insufficient_quota"
        found = await until_free(site)
        assert found.spent is not None
        assert found.spent.total == 3 * PRICE
        await counters.aclose()


async def until_back(site: Site) -> httpx.Response:
    """The first answer that is not “Redis is gone”; that takes a second at most."""
    async with asyncio.timeout(5):
        while (response := await site.chat()).status_code == 503:
            await asyncio.sleep(0.05)
        return response


async def test_while_redis_is_away_budgets_are_closed_and_it_comes_back_by_itself(
    site: Site,
) -> None:
    await price(site, price_request_micros=PRICE)
    with redis_server() as server:
        counters = RedisCounters(server.url)
        site.gateway.limiter = Limiter(counters, site.gateway._spent_of)
        await limit(site, budget_total_micros=2 * PRICE)
        assert (await site.chat()).status_code == 200
        await site.records(1)

        server.kill()
        async with asyncio.timeout(1):
            away = [(await site.chat()).status_code for _ in range(10)]
        server.start()

        assert away == [503] * 10
        assert (await until_back(site)).status_code == 200
        assert (await site.chat()).status_code == 429
        await counters.aclose()
