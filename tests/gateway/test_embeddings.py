"""Embeddings through a whole site: relayed, checked, booked, tried again."""

from typing import Any

import pytest

from tests import openai_schema
from tests.gateway.conftest import Site
from tests.make import make_credential
from tests.upstreams import answer, raw

USAGE = {"prompt_tokens": 3, "total_tokens": 3}


def vectors(*rows: Any, **over: Any) -> dict[str, Any]:
    data = [{"object": "embedding", "index": n, "embedding": row} for n, row in enumerate(rows)]
    return {"object": "list", "model": "upstream", "data": data, "usage": USAGE, **over}


async def embed(site: Site, **over: Any) -> Any:
    body = {"model": "m-1", "input": "a text", **over}
    return await site.client.post("/acme/v1/embeddings", json=body, headers=site.headers())


async def test_vectors_are_relayed_and_booked(site: Site) -> None:
    site.upstream.default = answer(vectors([0.5, -1]))

    response = await embed(site, dimensions=2, user="u", extra={"kept": True})

    openai_schema.validate(response.json(), "CreateEmbeddingResponse")
    assert response.json()["model"] == "m-1"
    sent = site.upstream.requests[0]
    assert (sent.path, sent.json["extra"], sent.json["dimensions"]) == (
        *("/v1/embeddings", {"kept": True}),
        2,
    )
    [record] = await site.records(1)
    assert (record.endpoint, record.prompt_tokens, record.measured) == ("embeddings", 3, True)


async def test_base64_is_relayed_as_it_comes(site: Site) -> None:
    site.upstream.default = answer(vectors("AAAAPwAAgL8="))

    response = await embed(site, encoding_format="base64")

    assert response.json()["data"][0]["embedding"] == "AAAAPwAAgL8="


@pytest.mark.parametrize(
    ("given", "tokens"),
    [("12345678", 2), (["1234", "12345"], 3), ([1, 2, 3], 3), ([[1, 2], [3]], 3)],
)
async def test_usage_that_is_not_reported_is_estimated(site: Site, given: Any, tokens: int) -> None:
    site.upstream.default = answer(vectors([1.0], usage=None))

    response = await embed(site, input=given)

    assert response.json()["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    [record] = await site.records(1)
    assert (record.prompt_tokens, record.measured) == (tokens, False)


@pytest.mark.parametrize(
    ("over", "param"),
    [
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": ["a", 5]}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a"] * 2049}, "input"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "2"}, "dimensions"),
    ],
)
async def test_what_cannot_be_embedded_is_refused_by_name(
    site: Site, over: dict[str, Any], param: str
) -> None:
    response = await embed(site, **over)

    openai_schema.error(response.json())
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert site.upstream.requests == []


@pytest.mark.parametrize(
    ("play", "status", "code"),
    [
        (answer({"error": {"message": "no"}}, 401), 502, "upstream_credential_refused"),
        (answer({"error": {"message": "slow"}}, 429, retry_after="3"), 429, "rate_limit_exceeded"),
        (answer({"data": []}), 502, "upstream_error"),
        (answer({"data": [{}]}), 502, "upstream_error"),
        (answer({"error": {"message": "inside"}}), 502, "upstream_error"),
        (answer(b"<html>"), 502, "upstream_error"),
        (raw(b""), 502, "upstream_unreachable"),
    ],
)
async def test_a_platforms_trouble_is_told_in_openais_shape(
    site: Site, play: Any, status: int, code: str
) -> None:
    site.upstream.default = play

    response = await embed(site)

    openai_schema.error(response.json())
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    [record] = await site.records(1)
    assert record.error_code == code


async def test_another_credential_is_tried(site: Site) -> None:
    from asgiref.sync import sync_to_async

    from platforms.models import Platform

    await sync_to_async(lambda: make_credential(Platform.objects.get(), "second", "sk-2"))()
    await site.reload()
    site.configure(attempts=3)
    site.upstream.plays = [answer({"error": {"message": "no"}}, 429)]
    site.upstream.default = answer(vectors([1.0]))

    assert (await embed(site)).status_code == 200
    [record] = await site.records(1)
    assert record.attempts == 2
    keys = [request.headers["authorization"] for request in site.upstream.requests]
    assert len(set(keys)) == 2


async def test_a_silent_platform_is_given_up(site: Site) -> None:
    from platforms.models import CatalogueVersion, Platform

    await Platform.objects.aupdate(first_byte_s=0.2)
    await CatalogueVersion.objects.aupdate(number=99)
    await site.reload()
    site.upstream.default = raw(b"", hang=True)

    response = await embed(site)

    assert (response.status_code, response.json()["error"]["code"]) == (504, "upstream_timeout")
