"""What platforms send instead of pictures and films: told as what it is, and never stored."""

from typing import Any

import pytest
from django.core.files.storage import default_storage

from gateway.models import MediaFile, MediaTask
from tests import openai_schema
from tests.gateway.conftest import Site
from tests.gateway.media.pictures import base64_of, film, images, png
from tests.gateway.media.platform import FilmMaker
from tests.upstreams import Connection, answer

HTML = b"<!doctype html><html><body>Not found</body></html>"


def stored() -> list[str]:
    try:
        folders, files = default_storage.listdir("results")
    except FileNotFoundError:
        return []
    return [*folders, *files]


@pytest.fixture(autouse=True)
def own_storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"b64_json": base64_of(png(64, 64)[:-20])}, "is broken"),
        ({"b64_json": ""}, "empty"),
        ({"b64_json": base64_of(HTML)}, "an HTML page, not a picture"),
        ({"b64_json": "this is not base64!"}, "not base64"),
        ({"b64_json": base64_of(film())}, "video/mp4, not a picture"),
        ({"error": {"code": "x", "message": "Lost it."}}, "Lost it."),
        ({}, "without a picture"),
    ],
)
async def test_a_broken_picture_fails_the_call(site: Site, row: Any, says: str) -> None:
    site.upstream.default = answer({"created": 1, "data": [row]})

    response = await site.client.post(
        "/acme/v1/images/generations",
        json={"model": "m-1", "prompt": "a cat"},
        headers=site.headers(),
    )

    openai_schema.error(response.json())
    assert response.status_code == 502
    assert says in response.json()["error"]["message"]
    task = await MediaTask.objects.aget()
    assert (task.state, says in task.error_message) == ("failed", True)
    assert not await MediaFile.objects.aexists()
    assert stored() == []
    [record] = await site.records(1)
    assert (record.images, record.cost_micros, record.status) == (0, 0, 502)


async def test_good_pictures_beside_a_broken_one_are_kept(site: Site) -> None:
    site.upstream.default = images(png(), HTML, png(colour="blue"))

    response = await site.client.post(
        "/acme/v1/images/generations",
        json={"model": "m-1", "prompt": "a cat", "n": 3},
        headers=site.headers(),
    )

    assert len(response.json()["data"]) == 2
    [record] = await site.records(1)
    assert record.images == 2


async def cut(peer: Connection) -> None:
    await peer.head(200, {"content-type": "video/mp4", "content-length": "5000"})
    await peer.send(film()[:700])
    peer.writer.close()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (answer(film()[:-10], content_type="video/mp4"), "is broken"),
        (answer(b"", content_type="video/mp4"), "empty"),
        (answer(HTML, content_type="video/mp4"), "an HTML page, not a film"),
        (answer(png(), content_type="video/mp4"), "image/png, not a film"),
        (cut, "broke off"),
        (answer({"error": {"message": "gone"}}, 404), "gone"),
    ],
)
async def test_a_broken_film_fails_the_task(
    site: Site, films: FilmMaker, content: Any, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.media.steps.MOST_FAILURES", 3)
    films.content = content

    response = await site.client.post(
        "/acme/v1/videos", json={"model": "m-1", "prompt": "a cat"}, headers=site.headers()
    )
    ended = await site.gateway.media.end_of(response.json()["id"], 20)

    assert ended is not None
    assert ended.state == "failed"
    assert says in ended.error_message
    assert not await MediaFile.objects.aexists()
    assert stored() == []
    assert films.submits == 1


async def test_a_film_that_cannot_be_fetched_at_first_is_fetched_later(
    site: Site, films: FilmMaker
) -> None:
    films.content = cut
    response = await site.client.post(
        "/acme/v1/videos", json={"model": "m-1", "prompt": "a cat"}, headers=site.headers()
    )
    id = response.json()["id"]
    while not films.fetches:
        await site.gateway.media.end_of(id, 0.05)
    films.content = answer(film(), content_type="video/mp4")

    ended = await site.gateway.media.end_of(id, 10)

    assert ended is not None
    assert ended.state == "completed"
