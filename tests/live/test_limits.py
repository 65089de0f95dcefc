"""Limits over real processes: three that share a Redis, one that is killed, one that restarts."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.gateway.redis_server import RedisServer, redis_server
from tests.live.server import Server, served
from tests.upstreams import Upstream, raw, running_upstream

pytestmark = pytest.mark.live

Told = dict[str, list[dict[str, float]]]
"""What a licence is told of itself: its limits, its budgets."""

LIMITS = """
from licences.issuing import issue
from platforms.models import ModelMapping, Platform
platform = Platform.objects.get(slug="up")
# Four tokens of m-tokens cost as much as a request of m-request; a thousand cost much more.
ModelMapping.objects.create(platform=platform, public_name="m-request", price_request_micros=1000)
ModelMapping.objects.create(
    platform=platform, public_name="m-tokens", price_completion_micros=250_000_000
)
result = [issue(name=str(number), **{columns!r})[1] for number in range(2)]
"""
SPENT = """
from gateway.models import UsageRecord
from licences.models import LicenceSpend
result = [
    UsageRecord.objects.filter(status=200).count(),
    list(LicenceSpend.objects.filter(window="total").values_list("cost_micros", flat=True)),
]
"""
SECRETS = {  # what machines share
    "TOKENS_SECRET_KEY": "s" * 50,
    "TOKENS_LICENCE_PEPPER": "p" * 50,
    "TOKENS_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}


def prepared(server: Server, upstream: Upstream, **columns: int) -> list[str]:
    """Keys of two licences with these limits."""
    server.prepare(upstream.base_url)
    keys: list[str] = server.query(LIMITS.format(columns=columns))
    return keys


@contextlib.contextmanager
def machines(
    folder: Path, count: int, redis: RedisServer, **settings: str
) -> Iterator[list[Server]]:
    """Gateways over one database and one Redis, not started yet; the first is to be prepared."""
    database = f"sqlite:///{folder}/shared.sqlite3?timeout=20"
    with contextlib.ExitStack() as stack:
        found = []
        for number in range(count):
            own = folder / str(number)
            own.mkdir()
            found.append(
                stack.enter_context(
                    served(own, DATABASE_URL=database, REDIS_URL=redis.url, **SECRETS, **settings)
                )
            )
        yield found


async def called(
    server: Server, key: str, client: httpx.AsyncClient, model: str = "m-request"
) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"Authorization": f"Bearer {key}"}
    return await client.post(f"{server.url}/up/v1/chat/completions", json=body, headers=headers)


def many_connections() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=300))


async def test_two_hundred_calls_on_three_processes_and_a_budget_for_ten_are_ten(
    tmp_path: Path,
) -> None:
    with (
        redis_server() as redis,
        running_upstream() as upstream,
        machines(tmp_path, 3, redis, TOKENS_BUDGET_WAIT_S="30") as servers,
    ):
        keys = prepared(servers[0], upstream, budget_total_micros=10_000)
        for server in servers:
            server.start()
        counted = [
            await two_hundred(servers, key, model)
            for key, model in zip(keys, ("m-request", "m-tokens"), strict=True)
        ]
        for server in servers:
            assert server.stop() == 0
        booked, costs = servers[0].query(SPENT)

    assert counted == [{"passed": 10, "insufficient_quota": 190}] * 2
    assert len(upstream.requests) == 20
    assert (booked, costs) == (20, [10_000, 10_000])


async def two_hundred(servers: list[Server], key: str, model: str) -> Counter[str]:
    """What became of calls at once, by turns to each of the servers."""
    async with many_connections() as client, asyncio.TaskGroup() as group:
        calls = [
            group.create_task(called(servers[number % len(servers)], key, client, model))
            for number in range(200)
        ]
    answers = [call.result() for call in calls]
    return Counter(
        "passed" if one.status_code == 200 else one.json()["error"]["code"] for one in answers
    )


async def test_what_a_killed_process_held_is_free_again_after_its_lease(tmp_path: Path) -> None:
    with (
        redis_server() as redis,
        running_upstream(raw(b"", hang=True)) as upstream,
        machines(tmp_path, 2, redis, TOKENS_LIMIT_LEASE_S="2") as (dying, living),
    ):
        key, _other = prepared(dying, upstream, concurrency=3, budget_total_micros=1_000_000)
        dying.start()
        living.start()
        async with many_connections() as client, asyncio.TaskGroup() as group:

            async def cut() -> None:
                with pytest.raises(httpx.TransportError):
                    await called(dying, key, client)

            for _number in range(3):
                group.create_task(cut())
            while len(upstream.requests) < 3:
                await asyncio.sleep(0.01)
            await asyncio.sleep(2.5)  # renewed: as long as the process lives
            full = await called(living, key, client)
            held = await told(living, key, client)
            dying.kill()
            killed = asyncio.get_running_loop().time()
            while (await told(living, key, client))["limits"][0]["used"]:
                await asyncio.sleep(0.05)
            freed_s = asyncio.get_running_loop().time() - killed
            freed = await told(living, key, client)
        assert full.status_code == 429
        assert full.headers["retry-after"] == "1"

    assert held["limits"][0]["used"] == 3
    assert held["budgets"][0]["reserved"] == 0.003
    assert freed_s < 4
    assert freed["budgets"][0]["reserved"] == 0


async def told(
    server: Server, key: str, client: httpx.AsyncClient
) -> dict[str, list[dict[str, float]]]:
    headers = {"Authorization": f"Bearer {key}"}
    response = await client.get(f"{server.url}/v1/licence", headers=headers)
    found: Told = response.json()
    return found


async def test_kill_9_loses_nothing_of_a_budget_in_memory(tmp_path: Path) -> None:
    with running_upstream() as upstream, served(tmp_path) as server:
        key, _other = prepared(server, upstream, budget_day_micros=10_000)
        server.start()
        async with httpx.AsyncClient(timeout=20) as client:
            before = [(await called(server, key, client)).status_code for _ in range(6)]
            server.kill()  # before anything of it can have been booked for sure
            server.start()
            after = [(await called(server, key, client)).status_code for _ in range(6)]

    assert before == [200] * 6
    assert after == [200] * 4 + [429] * 2
