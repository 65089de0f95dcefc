"""Requests that no client should send, and some that odd ones do: told as OpenAI would tell it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway import bounded
from gateway.models import MediaTask
from tests import openai_schema
from tests.gateway.conftest import Site
from tests.gateway.media.pictures import film, images, png
from tests.gateway.media.platform import FilmMaker
from tests.gateway.media.test_videos import content, made

PATHS = ("images/generations?async=true", "images/edits?async=true", "videos")
JSON = "application/json"
FORM = "multipart/form-data; boundary=XX"
URLENCODED = "application/x-www-form-urlencoded"
WORDS = {"model": "m-1", "prompt": "a cat"}


def nested(depth: int) -> Any:
    value: Any = 1
    for _level in range(depth):
        value = [value]
    return value


def form(*fields: tuple[str, str]) -> bytes:
    parts = (
        f'--XX\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (*WORDS.items(), *fields)
    )
    return ("".join(parts) + "--XX--\r\n").encode()


def refusal(response: Any, status: int, code: str | None) -> dict[str, Any]:
    body = response.json()
    openai_schema.error(body)
    assert (response.status_code, body["error"]["code"]) == (status, code), response.text
    error: dict[str, Any] = body["error"]
    return error


@pytest.mark.parametrize(
    ("content_type", "body", "param"),
    [
        (JSON, b'{"model": "m-1", "prompt": "x", "x": %b1%b}' % (b"[" * 300, b"]" * 300), None),
        (JSON, b'{"model": "m-1", "prompt": "x", "n": %b1%b}' % (b"[" * 300, b"]" * 300), None),
        (FORM, form(("x", "[" * 300 + "]" * 300)), None),
        (FORM, form((f"x{'[a]' * 300}", "1")), None),
        (FORM, form((f"x{'[]' * 100_000}", "1")), None),
        (FORM, form(("n", "1"), ("n[]", "2")), "n[]"),
        (FORM, form(("x[a]", "1"), ("x[]", "2")), "x[]"),
        (f"{FORM}; charset=base64", form(("x", "1")), None),
        (f"{FORM}; charset=idna", form(("x", "1")), None),
        (f"{URLENCODED}; charset=latin1", b"model=m-1&prompt=x", None),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_400(
    site: Site, content_type: str, body: bytes, param: str | None
) -> None:
    for path in PATHS:
        response = await site.client.post(
            f"/acme/v1/{path}",
            content=body,
            headers={**site.headers(), "content-type": content_type},
        )

        code = "invalid_json" if b"[[[" in body or b"[a][a]" in body else "invalid_form"
        assert refusal(response, 400, code)["param"] == param
    assert not await MediaTask.objects.aexists()


@pytest.mark.parametrize(
    ("field", "value", "param", "code"),
    [
        ("n", "9" * 5000, "n", "invalid_value"),
        ("stream", True, "stream", "unsupported_parameter"),
        ("partial_images", 2, "partial_images", "unsupported_parameter"),
    ],
)
async def test_a_refusal_names_its_field(
    site: Site, field: str, value: Any, param: str, code: str
) -> None:
    response = await site.client.post(
        "/acme/v1/images/generations", json={**WORDS, field: value}, headers=site.headers()
    )

    assert refusal(response, 400, code)["param"] == param


async def test_a_form_says_yes_and_no_as_python_does(site: Site) -> None:
    site.upstream.default = images(png())

    response = await site.client.post(
        "/acme/v1/images/generations",
        content=form(("async", "1"), ("stream", "False"), ("svg[a][b]", "2"), ("svg[c][]", "x")),
        headers={**site.headers(), "content-type": FORM},
    )

    assert response.status_code == 200, response.text
    task = await MediaTask.objects.aget()
    assert task.id == response.json()["id"]
    assert task.asked["options"] == {"svg": {"a": {"b": 2}, "c": ["x"]}}


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "videos", 1000),
        ("POST", "nothing", 1000),
        ("GET", "videos", 1000),
        ("DELETE", "videos/video_1", 1000),
        ("OPTIONS", "videos", 1000),
        ("HEAD", "models", 1000),
        ("SEARCH", "images/img_1", 1000),
        ("POST", "../../admin/login/", bounded.CONSOLE),
        ("GET", "../../healthz", bounded.CONSOLE),
        ("POST", "../../nowhere", bounded.CONSOLE),
    ],
)
async def test_no_method_and_no_path_takes_an_endless_body(
    site: Site, settings: Any, method: str, path: str, limit: int
) -> None:
    settings.TOKENS_MAX_MEDIA_BODY = 1000
    taken = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal taken
        while taken < limit + 2**20:
            yield bytes(10_000)
            taken += 10_000

    response = await site.client.request(
        method, f"/acme/v1/{path}", content=pieces(), headers=site.headers()
    )

    assert response.status_code == 413
    if method != "HEAD":
        refusal(response, 413, "request_too_large")


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        (f"limit={'9' * 5000}", "limit", "invalid_value"),
        ("limit=", "limit", "invalid_value"),
        ("limit=-1", "limit", "invalid_value"),
        ("order=up", "order", "invalid_value"),
        ("after=%00", None, None),
        ("after=video_%00", "after", "invalid_value"),
        ("after=%ff", "after", "invalid_value"),
        ("a&" * 1500, None, "invalid_request"),
    ],
)
async def test_a_query_that_makes_no_sense_is_a_400(
    site: Site, query: str, param: str | None, code: str | None
) -> None:
    response = await site.client.get(f"/acme/v1/videos?{query}", headers=site.headers())

    if code is None:
        assert response.status_code == 200
    else:
        assert refusal(response, 400, code)["param"] == param


@pytest.mark.parametrize(
    ("wanted", "status", "told"),
    [
        ("bytes=0-", 206, "bytes 0-{last}/{size}"),
        ("bytes=0-{last}", 206, "bytes 0-{last}/{size}"),
        ("bytes=0-99999999", 206, "bytes 0-{last}/{size}"),
        ("bytes=-99999999", 206, "bytes 0-{last}/{size}"),
        ("bytes=5-5", 206, "bytes 5-5/{size}"),
        ("Bytes=5-5", 206, "bytes 5-5/{size}"),
        ("bytes={last}-", 206, "bytes {last}-{last}/{size}"),
        ("bytes={size}-", 416, "bytes */{size}"),
        ("bytes=-0", 416, "bytes */{size}"),
        ("bytes=9-3", 200, None),
        ("bytes=-", 200, None),
        ("bytes=0-1,4-5", 200, None),
        ("lines=0-1", 200, None),
        (f"bytes={'9' * 30}-", 200, None),
    ],
)
async def test_a_range_is_answered_as_such_or_refused_in_openais_shape(
    site: Site, films: FilmMaker, wanted: str, status: int, told: str | None
) -> None:
    size = len(film())
    id = (await made(site))["id"]
    numbers = {"size": size, "last": size - 1}

    response = await content(site, id, range=wanted.format(**numbers))

    assert response.status_code == status
    assert response.headers.get("content-range") == (told and told.format(**numbers))
    if status == 416:
        assert refusal(response, 416, "range_not_satisfiable")["param"] == "Range"
    else:
        assert len(response.content) == int(response.headers["content-length"])


async def test_a_copy_that_is_still_good_is_not_sent_again(site: Site, films: FilmMaker) -> None:
    id = (await made(site))["id"]
    etag = (await content(site, id)).headers["etag"]

    for known, status in [
        (etag, 304),
        (f"W/{etag}", 304),
        (f'"another", {etag}', 304),
        ("*", 304),
        ('"another"', 200),
        ("W/*x", 200),
    ]:
        assert (await content(site, id, if_none_match=known)).status_code == status, known


@pytest.mark.parametrize(
    "path", ["images/generations", "videos", "videos/video_1/content", "models"]
)
async def test_options_tell_the_methods_and_nothing_of_the_code(site: Site, path: str) -> None:
    response = await site.client.options(f"/acme/v1/{path}")

    assert (response.status_code, response.content) == (204, b"")
    assert "OPTIONS" in response.headers["allow"]
