"""Idempotency-Key: the same request is made once, another one with that key is refused."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from gateway.models import MediaTask
from licences.issuing import issue
from tests.gateway.conftest import Site
from tests.gateway.media.pictures import images, png
from tests.gateway.media.platform import FilmMaker
from tests.upstreams import Connection, answer

PATH = "/acme/v1/images/generations"


async def make(site: Site, key: str = "k-1", licence: str | None = None, **over: Any) -> Any:
    body = {"model": "m-1", "prompt": "a cat", **over}
    headers = {**site.headers(licence), "Idempotency-Key": key}
    return await site.client.post(PATH, json=body, headers=headers)


async def test_the_same_request_is_made_once(site: Site) -> None:
    site.upstream.default = images(png())

    first, second = await make(site), await make(site)

    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert len(site.upstream.requests) == 1
    assert len(await site.records(1)) == 1


async def test_another_request_with_the_same_key_is_refused(site: Site) -> None:
    site.upstream.default = images(png())
    await make(site)

    response = await make(site, prompt="a dog")

    assert response.status_code == 409
    assert response.json()["error"]["code"] == "idempotency_key_reused"
    assert len(site.upstream.requests) == 1


async def test_twins_at_the_same_time_make_one_call(site: Site) -> None:
    arrived = asyncio.Event()
    go_on = asyncio.Event()

    async def slow(peer: Connection) -> None:
        arrived.set()
        await go_on.wait()
        await images(png())(peer)

    site.upstream.default = slow
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(make(site)) for _number in range(8)]
        await arrived.wait()
        while await MediaTask.objects.acount() < 1:
            await asyncio.sleep(0.01)
        go_on.set()

    assert {call.result().status_code for call in calls} == {200}
    assert len({call.result().content for call in calls}) == 1
    assert len(site.upstream.requests) == 1


async def test_uploaded_pictures_belong_to_the_request(site: Site) -> None:
    site.upstream.default = images(png())
    headers = {**site.headers(), "Idempotency-Key": "k-2"}

    async def edit(picture: bytes) -> int:
        response = await site.client.post(
            "/acme/v1/images/edits",
            data={"model": "m-1", "prompt": "bluer"},
            files={"image": ("a.png", picture, "image/png")},
            headers=headers,
        )
        return int(response.status_code)

    assert [await edit(png()), await edit(png()), await edit(png(colour="blue"))] == [200, 200, 409]
    assert len(site.upstream.requests) == 1


async def test_films_too(site: Site, films: FilmMaker) -> None:
    headers = {**site.headers(), "Idempotency-Key": "k-3"}
    ids = set()
    for _number in range(3):
        response = await site.client.post(
            "/acme/v1/videos", json={"model": "m-1", "prompt": "a cat"}, headers=headers
        )
        ids.add(response.json()["id"])
    await site.gateway.media.end_of(min(ids), 10)

    assert (len(ids), films.submits) == (1, 1)


async def test_a_key_is_a_licences_own(site: Site) -> None:
    site.upstream.default = images(png())
    _licence, other = await sync_to_async(issue)(name="eve")
    await site.reload()
    await make(site)

    assert (await make(site, licence=other, prompt="a dog")).status_code == 200


async def test_a_key_is_forgotten_after_a_day(site: Site) -> None:
    site.upstream.default = images(png())
    await make(site)
    await MediaTask.objects.aupdate(created_at=timezone.now() - timedelta(hours=25))

    assert (await make(site, prompt="a dog")).status_code == 200


@pytest.mark.parametrize(
    ("status", "calls"),
    [(429, 2), (404, 2), (400, 2), (500, 1)],
)
async def test_what_was_surely_refused_may_be_tried_again_and_nothing_else(
    site: Site, settings: Any, status: int, calls: int
) -> None:
    site.upstream.default = answer({"error": {"message": "no"}}, status)
    settings.TOKENS_QUEUE_S = 0.0  # told at once that the key rests
    refused = await make(site)
    settings.TOKENS_QUEUE_S = 5.0
    site.upstream.default = images(png())

    again = await make(site)

    assert refused.status_code >= 400
    assert len(site.upstream.requests) == calls
    assert (again.status_code == 200) is (calls == 2)
    assert ("x-should-retry" in refused.headers) is (calls == 1)


async def test_a_key_that_is_too_long_is_refused(site: Site) -> None:
    response = await make(site, "k" * 256)

    assert (response.status_code, response.json()["error"]["param"]) == (400, "Idempotency-Key")
