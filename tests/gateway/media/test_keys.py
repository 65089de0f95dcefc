"""Media tasks keep to the pool: which keys they are ordered with, and what they wait for."""

import time
from collections import Counter
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from gateway.models import MediaTask
from platforms.models import Credential, Platform
from tests.gateway.conftest import SECRET, Site
from tests.gateway.media.pictures import images, png
from tests.gateway.media.platform import FilmMaker
from tests.gateway.media.test_images import make
from tests.gateway.media.test_videos import made
from tests.make import make_credential
from tests.upstreams import Connection, Play, answer

KEYS = (SECRET, *(f"sk-{number}" for number in range(5)))


@pytest.fixture
async def six(site: Site) -> Site:
    """The site with six keys."""
    platform = await Platform.objects.aget()
    for secret in KEYS[1:]:
        await sync_to_async(make_credential)(platform, secret, secret)
    await site.reload()
    return site


def refused(status: int, **headers: str) -> Play:
    return answer({"error": {"message": "no", "type": "x"}}, status, **headers)


def first(count: int, play: Play, then: Play) -> Play:
    """The first requests are answered so, all others otherwise."""
    seen = 0

    async def turn(peer: Connection) -> None:
        nonlocal seen
        seen += 1
        await (play if seen <= count else then)(peer)

    return turn


async def later(site: Site, **over: Any) -> MediaTask:
    """A task that nobody waits for, ended."""
    response = await site.client.post(
        "/acme/v1/images/generations?async=true",
        json={"model": "m-1", "prompt": "a cat", **over},
        headers=site.headers(),
    )
    ended: MediaTask | None = await site.gateway.media.end_of(response.json()["id"], 10)
    assert ended is not None
    return ended


def nothing_under_way(site: Site) -> bool:
    return {health.in_flight for _key, health in site.gateway.pool.healths()} <= {0}


@pytest.mark.parametrize("status", [429, 401, 402])
async def test_refused_keys_do_not_use_up_the_attempts(six: Site, status: int) -> None:
    six.upstream.default = first(5, refused(status), images(png()))

    response = await make(six)

    assert response.status_code == 200
    assert set(Counter(one.headers["authorization"] for one in six.upstream.requests).values()) == {
        1
    }
    assert nothing_under_way(six)


async def test_a_key_out_of_service_is_ordered_with_by_nobody(six: Site) -> None:
    rows = [row async for row in Credential.objects.order_by("pk")]
    out = Credential.objects.filter(pk__in=[row.pk for row in rows[:5]])
    await out.aupdate(disabled_reason="key: refused", disabled_at=timezone.now())
    six.gateway.pool.others_disabled({row.pk: "key: refused" for row in rows[:5]})
    six.upstream.default = images(png())

    for _ in range(10):
        assert (await make(six)).status_code == 200

    assert {one.headers["authorization"] for one in six.upstream.requests} == {f"Bearer {KEYS[5]}"}


async def test_who_waits_for_a_picture_waits_for_a_short_rest(site: Site, settings: Any) -> None:
    settings.TOKENS_QUEUE_S = 5.0
    site.upstream.default = first(1, refused(429, **{"retry-after-ms": "300"}), images(png()))

    response = await make(site)

    assert response.status_code == 200
    assert len(site.upstream.requests) == 2


@pytest.mark.parametrize("calls", [1, 2])
async def test_a_long_rest_is_told_at_once(site: Site, settings: Any, calls: int) -> None:
    settings.TOKENS_QUEUE_S = 5.0
    site.upstream.default = refused(429, **{"retry-after": "60"})
    began = time.monotonic()

    answers: list[httpx.Response] = [await make(site) for _ in range(calls)]

    assert time.monotonic() - began < 4
    for response in answers:
        assert response.status_code == 429
        assert 57 <= int(response.headers["retry-after"]) <= 60
    assert len(site.upstream.requests) == 1


async def test_retry_after_is_of_the_key_that_is_free_first(six: Site, settings: Any) -> None:
    settings.TOKENS_QUEUE_S = 5.0
    six.upstream.default = first(
        1, refused(429, **{"retry-after": "20"}), refused(429, **{"retry-after": "60"})
    )

    response = await make(six)

    assert response.status_code == 429
    assert 18 <= int(response.headers["retry-after"]) <= 20


async def test_a_task_that_nobody_waits_for_waits_longer(site: Site, settings: Any) -> None:
    settings.TOKENS_QUEUE_S = 0.0
    key = await Credential.objects.aget()
    site.gateway.pool.others_cooled(key.pk, "m-1", 0.6)
    site.upstream.default = images(png())

    assert (await later(site)).state == "completed"
    assert len(site.upstream.requests) == 1


async def test_a_remix_calls_no_key_that_is_out_of_service(site: Site, films: FilmMaker) -> None:
    source = await made(site)
    key = await Credential.objects.aget()
    await Credential.objects.aupdate(disabled_reason="key: refused", disabled_at=timezone.now())
    site.gateway.pool.others_disabled({key.pk: "key: refused"})

    response = await site.client.post(
        f"/acme/v1/videos/{source['id']}/remix", json={"prompt": "bluer"}, headers=site.headers()
    )
    ended = await site.gateway.media.end_of(response.json()["id"], 10)

    assert ended is not None
    assert (ended.state, ended.error_code) == ("failed", "no_credential")
    assert films.submits == 1


async def test_a_remix_waits_for_its_own_key(site: Site, films: FilmMaker) -> None:
    source = await made(site)
    key = await Credential.objects.aget()
    site.gateway.pool.others_cooled(key.pk, "m-1", 0.6)

    response = await site.client.post(
        f"/acme/v1/videos/{source['id']}/remix", json={"prompt": "bluer"}, headers=site.headers()
    )
    ended = await site.gateway.media.end_of(response.json()["id"], 10)

    assert ended is not None
    assert ended.state == "completed"
