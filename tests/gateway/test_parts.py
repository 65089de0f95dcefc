"""Files of a chat that are given by their address: fetched, guarded, and handed on as data."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.fetch import Fetcher
from platforms.models import CatalogueVersion, Platform
from tests import openai_schema
from tests.gateway.conftest import Site
from tests.gateway.media.pictures import png
from tests.upstreams import Upstream, answer

PDF = b"%PDF-1.7\n%%EOF\n"


@pytest.fixture
async def host(site: Site) -> AsyncIterator[Upstream]:
    """A web server whose files may be fetched."""
    async with Upstream() as host:
        site.gateway.media.fetcher = Fetcher([f"127.0.0.1:{host.port}"])
        yield host


async def ask(site: Site, url: str, **file: str) -> Any:
    part = {"type": "file", "file": {"file_data": url, **file}}
    return await site.chat(messages=[{"role": "user", "content": [part]}])


def sent(site: Site) -> dict[str, str]:
    found: dict[str, str] = site.upstream.requests[0].json["messages"][0]["content"][0]["file"]
    return found


@pytest.mark.parametrize(
    ("data", "declared", "media_type"),
    [
        (PDF, "application/octet-stream", "application/pdf"),
        (png(), "text/html", "image/png"),
        (b"a,b\n1,2\n", "text/csv", "text/csv"),
        (b"just words", "application/x-odd", "text/plain"),
    ],
)
async def test_a_file_is_fetched_and_sent_as_what_it_is(
    site: Site, host: Upstream, data: bytes, declared: str, media_type: str
) -> None:
    host.default = answer(data, content_type=declared)

    response = await ask(site, f"{host.base_url}/reports/May%202026.pdf?token=x")

    assert response.status_code == 200, response.text
    encoded = base64.b64encode(data).decode()
    assert sent(site)["file_data"] == f"data:{media_type};base64,{encoded}"
    assert sent(site)["filename"] == "May 2026.pdf"


async def test_a_name_that_was_given_is_kept(site: Site, host: Upstream) -> None:
    host.default = answer(PDF)

    await ask(site, f"{host.base_url}/x", filename="own.pdf")

    assert sent(site)["filename"] == "own.pdf"


@pytest.mark.parametrize(
    ("data", "status", "says"),
    [
        (b"<!doctype html><html></html>", 200, "an HTML page"),
        (b"", 200, "empty"),
        (PDF, 404, "404"),
    ],
)
async def test_what_is_no_file_is_refused_by_name(
    site: Site, host: Upstream, data: bytes, status: int, says: str
) -> None:
    host.default = answer(data, status)

    response = await ask(site, f"{host.base_url}/x")

    error = response.json()["error"]
    openai_schema.error(response.json())
    assert (response.status_code, error["param"]) == (400, "messages[0].content[0].file.file_data")
    assert says in error["message"]
    assert site.upstream.requests == []


async def test_private_addresses_are_refused(site: Site, host: Upstream) -> None:
    for url in (site.upstream.base_url, "http://169.254.169.254/latest", "http://[::1]/"):
        response = await ask(site, url)

        assert response.status_code == 400, url
        assert response.json()["error"]["code"] == "invalid_file"
    assert host.requests == []


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        ({"protocol": "anthropic"}, "claude-opus-4-7"),
        ({"protocol": "gemini"}, "gemini-3-flash"),
    ],
)
async def test_a_picture_that_the_platform_would_not_fetch_is_sent_as_data(
    site: Site, host: Upstream, fields: dict[str, str], model: str
) -> None:
    host.default = answer(png(), content_type="text/plain")
    await Platform.objects.aupdate(**fields)
    await CatalogueVersion.objects.aupdate(number=99)
    await site.reload()

    part = {"type": "image_url", "image_url": {"url": f"{host.base_url}/cat"}}
    await site.chat(model=model, messages=[{"role": "user", "content": [part]}])

    sent = site.upstream.requests[0].body.decode()
    assert base64.b64encode(png()).decode() in sent
    assert "image/png" in sent
    assert "/cat" not in sent


async def test_a_platform_that_fetches_pictures_gets_the_address(
    site: Site, host: Upstream
) -> None:
    url = f"{host.base_url}/cat"
    part = {"type": "image_url", "image_url": {"url": url}}
    await site.chat(messages=[{"role": "user", "content": [part]}])

    assert site.upstream.requests[0].json["messages"][0]["content"][0]["image_url"]["url"] == url
    assert host.requests == []


async def test_what_is_no_picture_is_refused_by_name(site: Site, host: Upstream) -> None:
    host.default = answer(PDF)
    await Platform.objects.aupdate(protocol="gemini")
    await CatalogueVersion.objects.aupdate(number=99)
    await site.reload()

    part = {"type": "image_url", "image_url": {"url": f"{host.base_url}/cat"}}
    response = await site.chat(model="gemini-3", messages=[{"role": "user", "content": [part]}])

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "messages[0].content[0].image_url.url"
    assert "give a picture" in response.json()["error"]["message"]
