"""Limits and budgets over real sockets: what holds while many call, and what is free afterwards."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from gateway.models import Outcome
from licences.limits.limiter import Limiter
from licences.limits.memory import MemoryCounters
from licences.limits.redis import RedisCounters
from licences.limits.terms import Bucket, Budget, Usage
from licences.models import Licence
from platforms.models import Credential, ModelMapping, Platform
from tests.gateway.conftest import SECRET, Site
from tests.gateway.redis_server import running_redis
from tests.make import make_credential
from tests.upstreams import answer, raw

PRICE = 1000  # micro-units per request
COMPLETION = {
    "id": "x",
    "object": "chat.completion",
    "created": 1,
    "model": "m-1",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}


async def limit(site: Site, **columns: Any) -> None:
    """Give the site's licence these limits, in force at once."""
    licence = await Licence.objects.aget()
    for name, value in columns.items():
        setattr(licence, name, value)
    await licence.asave()
    await site.reload()


async def price(site: Site, **prices: int) -> None:
    platform = await Platform.objects.aget()
    await ModelMapping.objects.acreate(platform=platform, public_name="m-1", **prices)
    await site.reload()


async def held(site: Site, **bounds: Any) -> Usage:
    licence = await Licence.objects.aget()
    budgets = (Budget("total", 1),)
    return await site.gateway.limiter.usage(
        Bucket(f"licence:{licence.pk}", "licence", budgets=budgets, **bounds)
    )


@pytest.fixture
async def plenty(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """A client with room for hundreds of calls at once."""
    limits = httpx.Limits(max_connections=300)
    async with httpx.AsyncClient(base_url=site.url, timeout=60, limits=limits) as client:
        yield client


@pytest.mark.parametrize(
    ("prices", "asked"),
    [
        ({"price_request_micros": PRICE}, {}),
        ({"price_completion_micros": 200_000_000}, {"max_tokens": 4000}),
    ],
    ids=["the worst is the truth", "the worst is more than the truth"],
)
async def test_two_hundred_calls_on_a_budget_for_ten_are_ten(
    site: Site, plenty: httpx.AsyncClient, prices: dict[str, int], asked: dict[str, Any]
) -> None:
    site.upstream.default = answer(COMPLETION)
    await price(site, **prices)
    await limit(site, budget_total_micros=10 * PRICE)
    body = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}], **asked}

    async def call() -> httpx.Response:
        return await plenty.post("/acme/v1/chat/completions", json=body, headers=site.headers())

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(call()) for _ in range(200)]
    answers = [one.result() for one in calls]

    passed = [one for one in answers if one.status_code == 200]
    refused = [one for one in answers if one.status_code == 429]
    assert (len(passed), len(refused)) == (10, 190)
    assert {one.json()["error"]["code"] for one in refused} == {"insufficient_quota"}
    assert {one.headers["x-should-retry"] for one in refused} == {"false"}
    assert len(site.upstream.requests) == 10
    records = await site.records(200)
    assert sum(record.cost_micros for record in records) == 10 * PRICE
    assert {record.outcome for record in records} == {Outcome.COMPLETED, Outcome.REFUSED}
    found = await held(site)
    assert (found.reserved, found.under_way) == (0, 0)
    assert found.spent is not None
    assert found.spent.total == 10 * PRICE


async def test_a_spent_budget_refuses_at_equality_and_a_raised_one_lets_through(site: Site) -> None:
    site.upstream.default = answer(COMPLETION)
    await price(site, price_request_micros=PRICE)
    await limit(site, budget_day_micros=PRICE)

    before, refused = await site.chat(), await site.chat()
    await limit(site, budget_day_micros=PRICE + 1)
    after = await site.chat()

    assert [one.status_code for one in (before, refused, after)] == [200, 429, 200]
    sentence = refused.json()["error"]["message"]
    assert sentence.startswith("The budget of this licence for this day (UTC) is spent: 0.001.")
    now = timezone.now()
    left_s = 86400 - (now.hour * 3600 + now.minute * 60 + now.second)
    assert abs(int(refused.headers["retry-after"]) - left_s) < 10


async def test_requests_per_minute_are_counted_and_told(site: Site) -> None:
    site.upstream.default = answer(COMPLETION)
    await limit(site, rpm=2, tpm=5000)

    first, second, third = [await site.chat() for _ in range(3)]

    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert second.headers["x-ratelimit-remaining-requests"] == "0"
    assert second.headers["x-ratelimit-limit-tokens"] == "5000"
    assert third.status_code == 429
    error = third.json()["error"]
    assert (error["type"], error["code"]) == ("requests", "rate_limit_exceeded")
    assert 55 <= int(third.headers["retry-after"]) <= 61
    told = (
        third.headers["x-ratelimit-reset-requests"],
        first.headers["x-ratelimit-reset-requests"],
    )
    assert all(re.fullmatch(r"5\ds|1m[01]s", duration) for duration in told)
    assert len(site.upstream.requests) == 2
    assert [record.outcome for record in await site.records(3)] == [
        Outcome.COMPLETED,
        Outcome.COMPLETED,
        Outcome.REFUSED,
    ]


async def test_tokens_are_reserved_by_guess_and_counted_by_truth(site: Site) -> None:
    site.upstream.default = answer(COMPLETION)
    await limit(site, tpm=4000)

    for _ in range(3):  # each reserves some 1,000 and uses 15
        assert (await site.chat()).status_code == 200

    assert (await held(site)).tokens == 45


async def test_limits_of_models_are_apart_from_the_licences(site: Site) -> None:
    site.upstream.default = answer(COMPLETION)
    await limit(site, rpm=10, model_limits={"m-*": {"rpm": 1}})

    statuses = [
        (await site.chat(model=model)).status_code for model in ("m-1", "m-2", "n-1", "n-2")
    ]

    assert statuses == [200, 429, 200, 200]


async def test_a_platforms_limits_are_for_all_licences_together(site: Site) -> None:
    site.upstream.default = answer(COMPLETION)
    platform = await Platform.objects.aget()
    platform.rpm = 1
    await platform.asave()
    await site.reload()

    first, second = await site.chat(), await site.chat()

    assert (first.status_code, second.status_code) == (200, 429)
    assert "platform “acme”" in second.json()["error"]["message"]
    platform.rpm = 2
    await platform.asave()
    await site.reload()
    assert [(await site.chat()).status_code for _ in range(2)] == [200, 429]


Ending = Callable[[Site], Any]


async def _completes(site: Site) -> None:
    assert (await site.chat()).status_code == 200


async def _streams(site: Site) -> None:
    site.upstream.default = answer(COMPLETION)
    assert (await site.chat(stream=True)).status_code == 200


async def _fails(site: Site) -> None:
    site.upstream.default = answer({"error": {"message": "no"}}, 500)
    assert (await site.chat()).status_code == 502


async def _breaks(site: Site) -> None:
    site.upstream.default = raw(b"")
    assert (await site.chat()).status_code == 502


async def _is_refused(site: Site) -> None:
    site.upstream.default = answer({"error": {"message": "no"}}, 400)
    assert (await site.chat()).status_code == 400


async def _times_out(site: Site) -> None:
    platform = await Platform.objects.aget()
    platform.first_byte_s = 0.1
    await platform.asave()
    await site.reload()
    site.upstream.default = raw(b"", hang=True)
    assert (await site.chat()).status_code == 504


async def _is_left(site: Site) -> None:
    site.upstream.default = raw(b"", hang=True)
    with pytest.raises(httpx.ReadTimeout):
        body = {"model": "m-1", "messages": [{"role": "user", "content": "Hello"}]}
        await site.client.post(
            "/acme/v1/chat/completions", json=body, headers=site.headers(), timeout=0.3
        )


@pytest.mark.parametrize(
    "ends", [_completes, _streams, _fails, _breaks, _is_refused, _times_out, _is_left]
)
async def test_nothing_is_held_after_any_end(site: Site, ends: Ending) -> None:
    site.upstream.default = answer(COMPLETION)
    await price(site, price_request_micros=PRICE)
    await limit(site, concurrency=1, budget_total_micros=100 * PRICE)

    await ends(site)

    async with asyncio.timeout(5):
        while (found := await held(site)).under_way:
            await asyncio.sleep(0.01)
    assert (found.under_way, found.reserved) == (0, 0)
    assert site.gateway.limiter._open == {}


async def test_a_gateway_that_starts_knows_what_was_spent_before(site: Site) -> None:
    site.upstream.default = answer(COMPLETION)
    await price(site, price_request_micros=PRICE)
    await limit(site, budget_total_micros=PRICE)
    assert (await site.chat()).status_code == 200
    await site.records(1)
    site.gateway.limiter = Limiter(MemoryCounters(), site.gateway._spent_of)

    assert (await site.chat()).status_code == 429


async def test_a_licence_can_ask_what_is_left_and_that_counts_as_nothing(site: Site) -> None:
    site.upstream.default = answer(COMPLETION)
    await price(site, price_request_micros=PRICE)
    await limit(
        site,
        rpm=3,
        concurrency=2,
        model_limits={"m-*": {"tpm": 5000}},
        budget_total_micros=10 * PRICE,
        budget_month_micros=5 * PRICE,
    )
    await site.chat()

    answers = [
        (await site.client.get(path, headers=site.headers())).json()
        for path in ("/acme/v1/licence", "/v1/licence")
    ]

    told = answers[0]
    assert answers[1].keys() == told.keys()
    assert answers[1]["budgets"] == told["budgets"]
    assert (told["object"], told["name"], told["expires_at"]) == ("licence", "ada", None)
    limits = {(one["limit"], one["models"]): (one["most"], one["left"]) for one in told["limits"]}
    assert limits == {
        ("requests_per_minute", None): (3, 2),
        ("parallel_requests", None): (2, 2),
        ("tokens_per_minute", "m-*"): (5000, 4985),
    }
    total, month = told["budgets"]
    assert (total["window"], total["spent"], total["left"]) == ("total", 0.001, 0.009)
    assert (month["window"], month["left"], total["ends_at"]) == ("month", 0.004, None)
    assert month["ends_at"] > month["starts_at"]


async def test_a_licence_of_another_platform_learns_nothing_there(site: Site) -> None:
    await limit(site, platforms=["other"])

    response = await site.client.get("/acme/v1/licence", headers=site.headers())

    assert response.status_code == 403


async def test_a_credentials_own_limits_send_calls_to_others(site: Site) -> None:
    site.upstream.default = answer(COMPLETION)
    site.configure(queue_s=0.0)
    platform = await Platform.objects.aget()
    await Credential.objects.aupdate(rpm=1, tier=1)
    second = await sync_to_async(make_credential)(
        platform, "second", "sk-second", tier=2, max_concurrency=5
    )
    await site.reload()

    statuses = [(await site.chat()).status_code for _ in range(3)]
    await Credential.objects.filter(pk=second.pk).adelete()
    await site.reload()
    none_left = await site.chat()

    used = [one.headers["authorization"] for one in site.upstream.requests]
    assert statuses == [200, 200, 200]
    assert used == [f"Bearer {SECRET}", "Bearer sk-second", "Bearer sk-second"]
    assert none_left.status_code == 429
    assert 50 <= int(none_left.headers["retry-after"]) <= 61
    assert site.gateway.limiter._open == {}


async def test_calls_at_once_of_a_credential_wait_their_turn(site: Site) -> None:
    gate = asyncio.Event()
    under_way = 0
    most = 0

    async def play(peer: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 2:
            gate.set()
        await gate.wait()
        under_way -= 1
        await answer(COMPLETION)(peer)

    site.upstream.default = play
    await Credential.objects.aupdate(max_concurrency=2)
    platform = await Platform.objects.aget()
    await platform.asave()
    await site.reload()

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(site.chat()) for _ in range(12)]

    assert {call.result().status_code for call in calls} == {200}
    assert most == 2
    assert {health.in_flight for _key, health in site.gateway.pool.healths()} == {0}


async def test_without_counters_budgets_are_closed_and_limits_open(site: Site) -> None:
    site.upstream.default = answer(COMPLETION)
    await price(site, price_request_micros=PRICE)
    with running_redis() as url:
        counters = RedisCounters(url)
        site.gateway.limiter = Limiter(counters, site.gateway._spent_of)
        await limit(site, rpm=100)
        assert (await site.chat()).status_code == 200
    await limit(site, rpm=100)
    open_answer = await site.chat()
    await limit(site, rpm=100, budget_total_micros=100 * PRICE)
    closed_answer = await site.chat()

    assert open_answer.status_code == 200
    assert closed_answer.status_code == 503
    assert closed_answer.json()["error"]["code"] == "limits_unavailable"
    assert closed_answer.headers["retry-after"] == "2"
    await counters.aclose()
