"""Pictures through a whole site: blocking and as tasks, in all spellings."""

import base64
from typing import Any

import pytest

from gateway.models import MediaFile, MediaTask
from tests import openai_schema
from tests.gateway.conftest import Site
from tests.gateway.media.pictures import base64_of, images, png
from tests.upstreams import answer


async def make(site: Site, **over: Any) -> Any:
    body = {"model": "m-1", "prompt": "a cat", **over}
    return await site.client.post("/acme/v1/images/generations", json=body, headers=site.headers())


async def test_a_picture_is_made_while_the_caller_waits(site: Site) -> None:
    site.upstream.default = images(png(), usage={"input_tokens": 3, "output_tokens": 4})

    response = await make(site, user="u-1")

    assert response.status_code == 200, response.text
    body = response.json()
    openai_schema.images(body)
    assert base64.b64decode(body["data"][0]["b64_json"]) == png()
    assert body["output_format"] == "png"
    assert site.upstream.requests[0].path == "/v1/images/generations"
    assert site.upstream.requests[0].json == {"model": "m-1", "prompt": "a cat", "user": "u-1"}
    [record] = await site.records(1)
    assert (record.images, record.outcome, record.endpoint) == (
        1,
        "completed",
        "images.generations",
    )
    assert response.headers["x-request-id"] == record.request_id


async def test_a_busy_platform_says_when_to_come_back(site: Site) -> None:
    site.upstream.default = answer({"error": {"message": "Slow down."}}, 429, retry_after="7")

    response = await make(site)

    openai_schema.error(response.json())
    assert response.status_code == 429
    assert response.headers["retry-after"] == "7"
    assert "x-should-retry" not in response.headers


async def test_a_link_shows_the_picture_to_anyone_for_a_while(site: Site) -> None:
    site.upstream.default = images(png())

    url = (await make(site, response_format="url")).json()["data"][0]["url"]
    response = await site.client.get(url)

    assert (response.status_code, response.content) == (200, png())
    assert response.headers["content-type"] == "image/png"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_links_lead_where_the_caller_came_from_or_where_the_operator_says(
    site: Site, settings: Any
) -> None:
    site.upstream.default = images(png())
    settings.ALLOWED_HOSTS = ["console.example"]
    headers = {**site.headers(), "Host": "api.example:8443"}

    async def url() -> str:
        body = {"model": "m-1", "prompt": "a cat", "response_format": "url"}
        path = "/acme/v1/images/generations"
        response = await site.client.post(path, json=body, headers=headers)
        found: str = response.json()["data"][0]["url"]
        return found

    link = await url()
    assert link.startswith("http://api.example:8443/media/")
    path = link.removeprefix("http://api.example:8443")
    assert (await site.client.get(path, headers={"Host": "api.example:8443"})).content == png()
    settings.TOKENS_PUBLIC_URL = "https://tokens.example.org"
    assert (await url()).startswith("https://tokens.example.org/media/")


async def test_a_task_answers_at_once_and_shows_its_pictures_later(site: Site) -> None:
    site.upstream.default = images(png(), png(colour="blue"))

    response = await site.client.post(
        "/acme/v1/images/generations?async=true",
        json={"model": "m-1", "prompt": "a cat", "n": 2},
        headers=site.headers(),
    )
    task = response.json()

    assert (task["object"], task["status"], task["error"]) == ("image", "queued", None)
    await site.gateway.media.end_of(task["id"], 10)
    shown = await site.client.get(
        f"/acme/v1/images/{task['id']}?detail=true", headers=site.headers()
    )
    body = shown.json()
    assert (body["status"], body["progress"], len(body["data"])) == ("completed", 100, 2)
    assert body["detail"]["prompt"] == "a cat"


@pytest.mark.parametrize("name", ["image", "image[]", "image[0]", "images"])
async def test_pictures_to_edit_come_under_any_name(site: Site, name: str) -> None:
    site.upstream.default = images(png(colour="blue"))

    response = await site.client.post(
        "/acme/v1/images/edits",
        data={"model": "m-1", "prompt": "bluer", "n": "1"},
        files=[(name, ("a.png", png(), "image/png"))],
        headers=site.headers(),
    )

    assert response.status_code == 200, response.text
    sent = site.upstream.requests[0]
    assert sent.headers["content-type"].startswith("multipart/form-data")
    assert png() in sent.body
    assert not [file async for file in MediaFile.objects.filter(variant="input")]


@pytest.mark.parametrize(
    "image",
    [
        base64_of(png()),
        f"data:image/png;base64,{base64_of(png())}",
        [f"data:image/png;base64,{base64_of(png())}"],
        {"image_url": f"data:image/png;base64,{base64_of(png())}"},
        [{"image_url": {"url": f"data:image/png;base64,{base64_of(png())}"}}],
    ],
)
async def test_pictures_to_edit_come_in_json_too(site: Site, image: Any) -> None:
    site.upstream.default = images(png())

    response = await site.client.post(
        "/acme/v1/images/edits",
        json={"model": "m-1", "prompt": "bluer", "image": image},
        headers=site.headers(),
    )

    assert response.status_code == 200, response.text
    assert png() in site.upstream.requests[0].body


async def test_a_stranger_is_told_that_there_is_no_such_task(site: Site) -> None:
    from asgiref.sync import sync_to_async

    from licences.issuing import issue

    site.upstream.default = images(png())
    await make(site)
    task = await MediaTask.objects.aget()
    _licence, other = await sync_to_async(issue)(name="eve")
    await site.reload()

    for path in (
        f"images/{task.pk}",
        "images/img_0",
        f"videos/{task.pk}",
        f"images/%2e%2e%2f{task.pk}",
    ):
        response = await site.client.get(f"/acme/v1/{path}", headers=site.headers(other))
        assert response.status_code == 404, path
        openai_schema.error(response.json())
