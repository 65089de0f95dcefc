"""What is counted of calls that end in every way there is."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.metrics import series
from platforms.models import ModelMapping, Platform
from tests.gateway.conftest import Site
from tests.gateway.media.pictures import images, png
from tests.gateway.test_limits import limit
from tests.upstreams import answer, chunk, completion, hello, sse, stream

CALL = ("acme", "chat", "m-1")
WITH_DETAILS = completion(
    usage={
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }
)


def number(site: Site, *key: str) -> float:
    """Of a histogram: how many."""
    values = site.gateway.metrics.numbers.get(key, [0.0])
    return values[0] if len(values) == 1 else sum(values[1:])


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what happens after the client has its last byte, or has left."""
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.01)


async def mapped(site: Site, **columns: Any) -> None:
    """m-1 is a model that the operator has set up, at a price."""
    platform = await Platform.objects.aget()
    columns = {"price_request_micros": 1000, **columns}
    await ModelMapping.objects.acreate(platform=platform, public_name="m-1", **columns)
    await site.reload()


async def completed(site: Site) -> None:
    assert (await site.chat()).status_code == 200


async def streamed(site: Site) -> None:
    site.upstream.plays = [hello()]
    assert (await site.chat(stream=True)).status_code == 200


async def refused(site: Site) -> None:
    assert (await site.chat(messages=[])).status_code == 400


async def failed(site: Site) -> None:
    site.upstream.plays = [answer({"error": {"message": "no"}}, status=500)]
    assert (await site.chat()).status_code == 502


async def cut(site: Site) -> None:
    site.upstream.plays = [stream(sse(chunk("Hel")), end=False)]
    assert (await site.chat(stream=True)).status_code == 200


async def cancelled(site: Site) -> None:
    site.upstream.plays = [stream(sse(chunk("Hel")), hang=True)]
    body = {"model": "m-1", "messages": [{"role": "user", "content": "x"}], "stream": True}
    path = "/acme/v1/chat/completions"
    async with site.client.stream("POST", path, json=body, headers=site.headers()) as response:
        await anext(response.aiter_bytes())


@pytest.mark.parametrize(
    ("call", "outcome", "status", "failure"),
    [
        (completed, "completed", "200", ""),
        (streamed, "completed", "200", ""),
        (failed, "upstream_error", "502", "broken"),
        (cut, "truncated", "200", "broken"),
        (cancelled, "cancelled", "499", ""),
    ],
)
async def test_each_end_is_counted_once_by_its_name(
    site: Site,
    call: Callable[[Site], Awaitable[None]],
    outcome: str,
    status: str,
    failure: str,
) -> None:
    await mapped(site)

    await call(site)

    ended = (series.REQUESTS, *CALL, outcome, status)
    await until(lambda: number(site, *ended) == 1)
    requests = [key for key in site.gateway.metrics.numbers if key[0] == series.REQUESTS]
    assert requests == [ended]
    assert number(site, series.SECONDS, *CALL) == 1
    assert number(site, series.FIRST_BYTE, *CALL) == (outcome != "upstream_error")
    assert number(site, series.OVERHEAD, *CALL[:2]) == (outcome == "completed")
    numbers = site.gateway.metrics.numbers
    failures = {key: n for key, n in numbers.items() if key[0] == series.FAILURES}
    assert failures == ({(series.FAILURES, "acme", failure): [1.0]} if failure else {})


async def test_tokens_and_costs_add_up(site: Site) -> None:
    site.upstream.default = answer(WITH_DETAILS)
    await mapped(site)

    await completed(site)
    await completed(site)

    counted = {
        kind: number(site, series.USED_TOKENS, "acme", "m-1", kind)
        for kind in ("prompt", "cached", "completion", "reasoning")
    }
    assert counted == {"prompt": 20, "cached": 8, "completion": 10, "reasoning": 6}
    assert number(site, series.COST, "acme", "m-1") == 2000
    assert sum([record.cost_micros for record in await site.records(2)]) == 2000


async def test_strangers_cannot_make_series(site: Site) -> None:
    for name in ("m-1", "m-2", "m-3"):  # passed through: no mapping names them
        assert (await site.chat(model=name)).status_code == 200
    for slug in ("nowhere", "elsewhere"):
        assert (await site.chat(slug)).status_code == 404
        await site.client.get(f"/{slug}/v1/models", headers=site.headers())

    places = {key[1:4] for key in site.gateway.metrics.numbers if key[0] == series.REQUESTS}
    assert places == {
        ("acme", "chat", "other"),
        ("other", "chat", "other"),
        ("other", "models", "other"),
    }


async def test_refusals_are_counted_and_timed_by_nobody(site: Site) -> None:
    await mapped(site)

    await refused(site)

    assert number(site, series.REQUESTS, *CALL[:2], "other", "refused", "400") == 1
    timed = [key for key in site.gateway.metrics.numbers if key[0] == series.SECONDS]
    assert [number(site, *key) for key in timed] == [0]


@pytest.mark.parametrize(
    ("columns", "what"),
    [({"rpm": 1}, "rpm"), ({"budget_day_micros": 1000}, "budget_day")],
)
async def test_limits_that_refuse_are_counted_by_what_they_limit(
    site: Site, columns: dict[str, int], what: str
) -> None:
    await mapped(site)
    await limit(site, **columns)

    statuses = [(await site.chat()).status_code for _ in range(3)]

    assert statuses == [200, 429, 429]
    assert number(site, series.REFUSALS, "licence", what) == 2


async def test_a_view_that_a_limit_refuses_is_counted_too(site: Site) -> None:
    await mapped(site, kind="embedding")
    await limit(site, rpm=1)

    for _ in range(2):
        response = await site.client.post(
            "/acme/v1/embeddings", json={"model": "m-1", "input": "x"}, headers=site.headers()
        )

    assert response.status_code == 429
    assert number(site, series.REFUSALS, "licence", "rpm") == 1


async def test_the_overhead_is_the_gateways_own_time(site: Site) -> None:
    """The platform takes 0.3 seconds, which are not the gateway's."""
    gate = asyncio.Event()
    site.upstream.default = stream(sse(chunk("Hi"), chunk(reason="stop")), gate=gate)
    await mapped(site)

    async with asyncio.TaskGroup() as group:
        call = group.create_task(site.chat(stream=True))
        await until(lambda: len(site.upstream.requests) == 1)
        await asyncio.sleep(0.3)
        gate.set()
    response = call.result()

    assert response.status_code == 200
    seconds = site.gateway.metrics.numbers[(series.FIRST_BYTE, *CALL)][0]
    overhead = site.gateway.metrics.numbers[(series.OVERHEAD, *CALL[:2])][0]
    assert seconds > 0.3
    assert 0 < overhead < seconds - 0.3


async def test_a_wait_for_a_credential_is_told_apart(site: Site) -> None:
    slower = answer({"error": {"message": "slow"}}, status=429, retry_after_ms="200")
    site.upstream.plays = [slower]
    site.configure(attempts=2, queue_s=5.0)
    await mapped(site)

    response = await site.chat()

    assert response.status_code == 200
    assert site.gateway.metrics.numbers[(series.QUEUE_WAIT, *CALL[:2])][0] > 0.1
    assert number(site, series.FAILURES, "acme", "rate") == 1


async def test_a_picture_costs_when_it_is_there(site: Site) -> None:
    site.upstream.plays = [
        answer({"error": {"message": "no"}}, status=400),
        images(png(), usage={"input_tokens": 3, "output_tokens": 4}),
    ]
    await mapped(site, kind="image", price_image_micros=500)

    for status in (400, 200):
        body = {"model": "m-1", "prompt": "a cat"}
        response = await site.client.post(
            "/acme/v1/images/generations", json=body, headers=site.headers()
        )
        assert response.status_code == status

    assert number(site, series.COST, "acme", "m-1") == 1500
    assert number(site, series.USED_TOKENS, "acme", "m-1", "completion") == 4
    assert sum([record.cost_micros for record in await site.records(2)]) == 1500
    ends = {
        key[2:]: n for key, n in site.gateway.metrics.numbers.items() if key[0] == series.REQUESTS
    }
    endpoint = "images.generations"
    assert ends == {
        (endpoint, "m-1", "refused", "400"): [1.0],
        (endpoint, "m-1", "completed", "200"): [1.0],
    }
