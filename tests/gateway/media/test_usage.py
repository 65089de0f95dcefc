"""What pictures and films cost: booked once, at their success, at the price of the order."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from gateway.media import tasks
from gateway.models import MediaTask, UsageDay
from licences.models import LicenceSpend
from platforms.models import ModelMapping, Platform
from tests.gateway.conftest import Site
from tests.gateway.media.pictures import images, png
from tests.gateway.media.platform import FilmMaker
from tests.make import make_mapping
from tests.upstreams import answer

IMAGE = 40_000  # micro-units
SECOND = 100_000


@pytest.fixture
async def priced(site: Site) -> Site:
    def rows() -> None:
        platform = Platform.objects.get()
        make_mapping(platform, "m-1", kind="image", price_image_micros=IMAGE)
        make_mapping(platform, "v-1", kind="video", price_second_micros=SECOND)
        make_mapping(platform, "c-1", kind="chat")

    await sync_to_async(rows)()
    await site.reload()
    return site


async def order(site: Site, path: str, **body: Any) -> Any:
    sent = {"prompt": "a cat", **body}
    return await site.client.post(f"/acme/v1/{path}", json=sent, headers=site.headers())


async def test_pictures_cost_by_their_number(priced: Site) -> None:
    priced.upstream.default = images(png(), png(colour="blue"))

    await order(priced, "images/generations", model="m-1", n=3)

    [record] = await priced.records(1)
    assert (record.images, record.cost_micros) == (2, 2 * IMAGE)
    assert (record.price_version, record.prices) == (1, {"image": IMAGE})
    day = await UsageDay.objects.aget()
    assert (day.requests, day.images, day.cost_micros) == (1, 2, 2 * IMAGE)
    spends = [spend.cost_micros async for spend in LicenceSpend.objects.all()]
    assert set(spends) == {2 * IMAGE}


async def test_films_cost_by_the_second_and_looking_costs_nothing(
    priced: Site, films: FilmMaker
) -> None:
    id = (await order(priced, "videos", model="v-1", seconds="8")).json()["id"]
    await priced.gateway.media.end_of(id, 10)
    for path in (f"videos/{id}", f"videos/{id}/content", "videos", f"videos/{id}?detail=true"):
        await priced.client.get(f"/acme/v1/{path}", headers=priced.headers())

    [record] = await priced.records(1)
    assert (record.seconds, record.cost_micros) == (8.0, 8 * SECOND)
    assert (await UsageDay.objects.aget()).requests == 1


async def test_the_price_is_that_of_the_order(priced: Site, films: FilmMaker) -> None:
    films.polls_needed = 10**6
    id = (await order(priced, "videos", model="v-1", seconds=4)).json()["id"]
    while not films.polls:
        await priced.gateway.media.end_of(id, 0.05)
    await ModelMapping.objects.filter(public_name="v-1").aupdate(price_second_micros=1)
    await priced.reload()
    films.polls_needed = 0
    await priced.gateway.media.end_of(id, 10)

    assert [record.cost_micros for record in await priced.records(1)] == [4 * SECOND]


async def test_what_fails_costs_nothing(priced: Site) -> None:
    priced.upstream.default = answer({"error": {"message": "no"}}, 500)

    await order(priced, "images/generations", model="m-1")

    [record] = await priced.records(1)
    assert (record.images, record.cost_micros, record.status) == (0, 0, 502)


async def test_refused_calls_are_records_without_cost(priced: Site) -> None:
    refused = await order(priced, "images/generations", model="m-1", n=0)
    other_kind = await order(priced, "images/generations", model="c-1")

    assert [refused.status_code, other_kind.status_code] == [400, 400]
    assert "models that make images" in other_kind.json()["error"]["message"]
    records = await priced.records(2)
    assert [(r.outcome, r.cost_micros) for r in records] == [("refused", 0)] * 2
    assert priced.upstream.requests == []


async def test_a_client_that_leaves_while_the_row_is_written_is_charged_all_the_same(
    priced: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    priced.upstream.default = images(png())
    written, go_on = asyncio.Event(), asyncio.Event()
    database = priced.gateway.media.database

    async def slow(work: Any, *args: Any, **named: Any) -> Any:
        done = await database(work, *args, **named)
        if work is tasks.order:
            written.set()
            await go_on.wait()
        return done

    monkeypatch.setattr(priced.gateway.media, "database", slow)
    call = asyncio.get_running_loop().create_task(order(priced, "images/generations", model="m-1"))
    await written.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    # The server sees the connection close, and nobody has begun the task: its lease runs out.
    while priced.gateway.live().count:
        await asyncio.sleep(0.01)
    await priced.records(0)  # what the journal has is booked by now
    go_on.set()
    await MediaTask.objects.aupdate(lease_until=timezone.now() - timedelta(seconds=1))
    task = await MediaTask.objects.aget()
    await priced.gateway.media.end_of(task.pk, 10)

    records = await priced.records(1)
    assert [(r.outcome, r.cost_micros, r.images) for r in records] == [("completed", IMAGE, 1)]
