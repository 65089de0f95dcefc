"""Films through a whole site: ordered, watched, fetched, remixed, listed, deleted."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from gateway.models import MediaFile, MediaTask
from licences.issuing import issue
from tests import openai_schema
from tests.gateway.conftest import Site
from tests.gateway.media.pictures import base64_of, film, png
from tests.gateway.media.platform import FilmMaker
from tests.gateway.media.test_film import SHIPPED
from tests.upstreams import answer


async def order(site: Site, **over: Any) -> dict[str, Any]:
    response = await site.client.post(
        "/acme/v1/videos", json={"model": "m-1", "prompt": "a cat", **over}, headers=site.headers()
    )
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def made(site: Site, **over: Any) -> dict[str, Any]:
    """A film that has ended."""
    task = await order(site, **over)
    await site.gateway.media.end_of(task["id"], 10)
    return await read(site, task["id"])


async def read(site: Site, id: str, query: str = "") -> dict[str, Any]:
    response = await site.client.get(f"/acme/v1/videos/{id}{query}", headers=site.headers())
    found: dict[str, Any] = response.json()
    return found


async def content(site: Site, id: str, query: str = "", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await site.client.get(
        f"/acme/v1/videos/{id}/content{query}", headers={**site.headers(), **named}
    )


async def test_a_film_is_ordered_watched_and_fetched(site: Site, films: FilmMaker) -> None:
    films.polls_needed = 3

    task = await order(site, seconds="4", size="1280x720")
    openai_schema.video(task)
    assert (task["status"], task["progress"], task["seconds"]) == ("queued", 0, "4")
    await site.gateway.media.end_of(task["id"], 10)
    done = await read(site, task["id"])

    openai_schema.video(done)
    assert (done["status"], done["progress"], done["error"]) == ("completed", 100, None)
    response = await content(site, task["id"])
    assert (response.status_code, response.content) == (200, film())
    assert response.headers["content-type"] == "video/mp4"
    assert (films.submits, films.fetches) == (1, 1)
    [record] = await site.records(1)
    assert (record.seconds, record.outcome) == (4.0, "completed")


async def test_content_is_served_in_ranges(site: Site, films: FilmMaker) -> None:
    id = (await made(site))["id"]

    part = await content(site, id, range="bytes=10-19")
    tail = await content(site, id, range="bytes=-5")
    beyond = await content(site, id, range="bytes=999999-")
    same = await content(site, id, if_none_match=part.headers["etag"])
    other = await content(site, id, range="bytes=0-1", if_range='"another"')
    head = await site.client.head(f"/acme/v1/videos/{id}/content", headers=site.headers())

    whole = film()
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"
    assert (tail.status_code, tail.content) == (206, whole[-5:])
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(whole)}")
    assert (same.status_code, same.content) == (304, b"")
    assert (other.status_code, other.content) == (200, whole)
    assert head.headers["content-length"] == str(len(whole))


async def test_content_before_completion_is_a_404_that_says_so(
    site: Site, films: FilmMaker
) -> None:
    films.polls_needed = 10_000
    task = await order(site)

    response = await content(site, task["id"])

    assert (response.status_code, response.json()["error"]["code"]) == (404, "video_not_ready")


async def test_content_whose_days_are_over_is_gone(site: Site, films: FilmMaker) -> None:
    id = (await made(site))["id"]
    await MediaTask.objects.filter(pk=id).aupdate(expires_at=timezone.now() - timedelta(days=1))
    from gateway.media.upkeep import tidy

    assert await tidy(site.gateway.media.tools) == 1
    response = await content(site, id)

    assert (response.status_code, response.json()["error"]["code"]) == (410, "media_expired")
    assert not await MediaFile.objects.aexists()


async def test_a_film_that_failed_there_says_why_and_costs_nothing(
    site: Site, films: FilmMaker
) -> None:
    films.over = {"status": "failed", "error": {"code": "too_odd", "message": "Too odd."}}

    task = await made(site, seconds=8)

    openai_schema.video(task)
    assert (task["status"], task["error"]) == ("failed", {"code": "too_odd", "message": "Too odd."})
    [record] = await site.records(1)
    assert (record.seconds, record.outcome, record.error_code) == (0, "upstream_error", "too_odd")


async def test_what_nobody_has_said_is_read_from_the_film(site: Site, films: FilmMaker) -> None:
    films.content = answer(SHIPPED, content_type="video/mp4")

    task = await made(site)

    assert (task["size"], task["seconds"]) == ("320x180", "2")
    [record] = await site.records(1)
    assert record.seconds == 2.0


async def test_a_strange_status_is_taken_for_in_progress(
    site: Site, films: FilmMaker, caplog: pytest.LogCaptureFixture
) -> None:
    films.polls_needed = 3
    from tests.gateway.media.pictures import video

    films.on_poll = answer(video("dreaming"))
    task = await order(site)
    while films.polls < 2:
        await site.gateway.media.end_of(task["id"], 0.05)
    films.on_poll = None

    ended = await site.gateway.media.end_of(task["id"], 10)

    assert ended is not None
    assert ended.state == "completed"
    assert "'dreaming'" in caplog.text


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("json", {"input_reference": base64_of(png())}),
        ("json", {"input_reference": [f"data:image/png;base64,{base64_of(png())}"]}),
        ("json", {"input_reference": {"image_url": f"data:image/png;base64,{base64_of(png())}"}}),
        ("files", "input_reference"),
        ("files", "input_reference[]"),
        ("data", {"input_reference[image_url]": f"data:image/png;base64,{base64_of(png())}"}),
    ],
)
async def test_a_first_frame_comes_in_any_spelling(
    site: Site, films: FilmMaker, kind: str, given: Any
) -> None:
    fields = {"model": "m-1", "prompt": "a cat", "seconds": "4"}
    sent: dict[str, Any] = {"json": {**fields, **given}} if kind == "json" else {"data": fields}
    if kind == "files":
        sent["files"] = [(given, ("a.png", png(), "image/png"))]
    elif kind == "data":
        sent["files"] = [(name, (None, value)) for name, value in {**fields, **given}.items()]
        del sent["data"]

    response = await site.client.post("/acme/v1/videos", headers=site.headers(), **sent)

    assert response.status_code == 200, response.text
    await site.gateway.media.end_of(response.json()["id"], 10)
    assert png() in films.bodies[0]
    assert b'name="input_reference"' in films.bodies[0]


async def test_a_remix_names_its_source(site: Site, films: FilmMaker) -> None:
    source = await made(site)

    response = await site.client.post(
        f"/acme/v1/videos/{source['id']}/remix", json={"prompt": "bluer"}, headers=site.headers()
    )
    task = response.json()
    ended = await site.gateway.media.end_of(task["id"], 10)

    openai_schema.video(task)
    assert (task["remixed_from_video_id"], task["model"]) == (source["id"], "m-1")
    assert ended is not None
    assert ended.state == "completed"
    assert site.upstream.requests[-1].path  # it was asked
    assert b'"prompt":"bluer"' in films.bodies[1]


async def test_the_list_has_pages_in_openais_shape(site: Site, films: FilmMaker) -> None:
    ids = [(await order(site, prompt=f"film {number}"))["id"] for number in range(5)]

    async def page(query: str) -> Any:
        response = await site.client.get(f"/acme/v1/videos{query}", headers=site.headers())
        openai_schema.validate(response.json(), "VideoListResource")
        return response.json()

    first = await page("?limit=2")
    second = await page(f"?limit=2&after={first['last_id']}")
    oldest = await page("?order=asc&limit=1")

    assert [row["id"] for row in first["data"] + second["data"]] == ids[::-1][:4]
    assert (first["has_more"], oldest["first_id"]) == (True, ids[0])
    assert (await page(f"?after={ids[0]}"))["data"] == []


async def test_a_deleted_film_leaves_nothing_but_its_record(site: Site, films: FilmMaker) -> None:
    id = (await made(site))["id"]
    name = (await MediaFile.objects.aget()).name

    response = await site.client.delete(f"/acme/v1/videos/{id}", headers=site.headers())

    openai_schema.validate(response.json(), "DeletedVideoResource")
    assert (await read(site, id))["error"]["code"] == "task_not_found"
    from django.core.files.storage import default_storage

    assert not default_storage.exists(name)
    assert not await MediaFile.objects.aexists()
    assert len(await site.records(1)) == 1


async def test_a_film_in_the_making_cannot_be_deleted(site: Site, films: FilmMaker) -> None:
    films.polls_needed = 10_000
    id = (await order(site))["id"]
    while not films.polls:
        await site.gateway.media.end_of(id, 0.05)

    response = await site.client.delete(f"/acme/v1/videos/{id}", headers=site.headers())

    assert (response.status_code, response.json()["error"]["code"]) == (409, "video_in_progress")


async def test_others_films_are_not_there(site: Site, films: FilmMaker) -> None:
    id = (await made(site))["id"]
    _licence, other = await sync_to_async(issue)(name="eve")
    await site.reload()
    headers = site.headers(other)

    for method, path in [
        ("GET", f"videos/{id}"),
        ("GET", f"videos/{id}/content"),
        ("HEAD", f"videos/{id}/content"),
        ("DELETE", f"videos/{id}"),
        ("POST", f"videos/{id}/remix"),
        ("GET", f"images/{id}"),
        ("GET", f"videos/%2e%2e%2fvideos%2f{id}"),
        ("GET", f"videos/{id}%2fcontent"),
    ]:
        json = {"prompt": "x"} if method == "POST" else None
        response = await site.client.request(method, f"/acme/v1/{path}", headers=headers, json=json)
        assert response.status_code == 404, (method, path)
    listed = await site.client.get("/acme/v1/videos", headers=headers)
    assert listed.json()["data"] == []
