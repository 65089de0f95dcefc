"""What a call waits for between attempts, for how long, and what is kept of each attempt."""

import time
from collections.abc import Iterable

import pytest
from asgiref.sync import sync_to_async

from gateway import failover
from platforms.models import Credential, Platform
from tests.gateway.conftest import SECRET, Site
from tests.gateway.test_failover import by_key, error, fallen_back, nothing_is_left
from tests.make import make_credential
from tests.upstreams import Connection, Play, Upstream, answer, completion, hello


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "BACKOFF_S", 0.001)


def in_turn(plays: Iterable[Play]) -> Play:
    """Another play for each request; the last one for all that come after."""
    left = list(plays)

    async def play(peer: Connection) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(peer)

    return play


def slower(ms: float) -> Play:
    return error(429, **{"retry-after-ms": f"{ms:g}"})


async def second_key(site: Site, rests_s: float) -> None:
    """A key that has been told to rest before."""
    platform = await Platform.objects.aget(slug="acme")
    row: Credential = await sync_to_async(make_credential)(platform, "second", "sk-2")
    await site.reload()
    site.gateway.pool.others_cooled(row.pk, "m-1", rests_s)


async def test_the_key_that_was_just_told_to_rest_is_waited_for_if_it_is_free_first(
    site: Site,
) -> None:
    await second_key(site, 60)
    site.configure(queue_s=5.0)
    site.upstream.default = by_key({SECRET: in_turn([slower(300), answer(completion())])})

    response = await site.chat()

    assert response.status_code == 200
    assert [one.headers["authorization"] for one in site.upstream.requests] == [
        f"Bearer {SECRET}"
    ] * 2


async def test_retry_after_is_of_the_first_to_be_free_tried_or_not(site: Site) -> None:
    await second_key(site, 60)
    site.configure(queue_s=1.0)
    site.upstream.default = slower(20_000)

    response = await site.chat()

    assert response.status_code == 429
    assert 19 <= int(response.headers["retry-after"]) <= 20


@pytest.mark.parametrize("stream", [False, True])
async def test_a_wait_for_a_key_is_not_the_platforms_silence(site: Site, stream: bool) -> None:
    await Platform.objects.filter(slug="acme").aupdate(first_byte_s=0.2)
    platform = await Platform.objects.aget(slug="acme")
    await platform.asave()
    await site.reload()
    site.configure(queue_s=5.0)
    site.upstream.default = in_turn([slower(700), hello() if stream else answer(completion())])

    response = await site.chat(stream=stream)

    assert response.status_code == 200
    assert '"error"' not in response.text
    nothing_is_left(site)


@pytest.mark.parametrize("ms", [0, 0.5])
async def test_a_platform_that_says_at_once_is_not_stormed(site: Site, ms: float) -> None:
    site.configure(queue_s=1.5)
    site.upstream.default = slower(ms)
    began = time.monotonic()

    response = await site.chat()

    assert response.status_code == 429
    assert time.monotonic() - began < 5
    assert len(site.upstream.requests) <= 9
    nothing_is_left(site)


async def test_a_fallbacks_keys_are_gone_through_though_the_platform_before_failed(
    site: Site,
) -> None:
    async with Upstream() as spare:
        await fallen_back(site, spare)
        platform = await Platform.objects.aget(slug="spare")
        await sync_to_async(make_credential)(platform, "other", "sk-other")
        await site.reload()
        site.configure(attempts=1, queue_s=0.0)
        site.upstream.default = error(503)
        spare.default = in_turn([slower(30_000), answer(completion())])

        response = await site.chat()

        assert response.status_code == 200
        assert response.headers["x-tokens-attempts"] == "3"


async def test_a_cut_stream_is_kept_as_a_failed_attempt_and_shown(site: Site) -> None:
    async def cut(peer: Connection) -> None:
        await peer.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        await peer.piece(b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n')
        peer.writer.close()

    site.upstream.default = cut

    await site.chat(stream=True)

    [record] = await site.records(1)
    assert [one.get("failure") for one in record.tries] == ["broken"]
    await site.gateway.in_database_thread(site.gateway._refresh)
    assert (await Credential.objects.aget()).last_error
