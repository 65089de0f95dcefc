"""Groups, parameters and conversations: heard at every address and in every language."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from platforms.models import Credential, Platform
from tests.gateway.conftest import Site
from tests.gateway.test_failover import FIVE, used
from tests.make import make_credential, make_mapping
from tests.upstreams import answer, completion

MESSAGES = [{"role": "user", "content": "Hello"}]
META = {"user_id": "ada"}
CONTENTS = [{"role": "user", "parts": [{"text": "Hello"}]}]


@pytest.fixture
async def five(site: Site) -> Site:
    """Five keys, the first two of a group; and a model whose name takes a parameter."""

    def rows() -> None:
        platform = Platform.objects.get()
        Credential.objects.all().delete()
        for number, secret in enumerate(FIVE):
            make_credential(platform, secret, secret, groups=["cheap"] if number < 2 else [])
        make_mapping(platform, "m-1", upstream_name="real", parameters={"cold": {"temperature": 0}})

    await sync_to_async(rows)()
    await site.reload()
    site.upstream.default = answer(completion())
    return site


async def post(site: Site, path: str, body: dict[str, Any], **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await site.client.post(path, json=body, headers={**site.headers(), **named})


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("/acme/v1/chat/completions", ""),
        ("/v1/chat/completions", ""),
        ("/v1/chat/completions", "acme/"),
    ],
)
async def test_hints_are_heard_with_and_without_a_platform_in_the_path(
    five: Site, path: str, prefix: str
) -> None:
    model = f"{prefix}m-1-cold|[cheap]"

    answers = [await post(five, path, {"model": model, "messages": MESSAGES}) for _ in range(8)]

    assert {one.status_code for one in answers} == {200}
    assert {one.json()["model"] for one in answers} == {model}
    assert set(used(five.upstream)) <= set(FIVE[:2])
    assert {(one.json["model"], one.json["temperature"]) for one in five.upstream.requests} == {
        ("real", 0)
    }
    assert {record.model for record in await five.records(8)} == {"m-1"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/acme/v1/messages", {"messages": MESSAGES, "max_tokens": 9}),
        ("/acme/v1/responses", {"input": "Hello"}),
        ("/v1/messages", {"messages": MESSAGES, "max_tokens": 9}),
        ("/v1/responses", {"input": "Hello"}),
    ],
)
async def test_every_language_has_hints(five: Site, path: str, body: dict[str, Any]) -> None:
    for _ in range(6):
        response = await post(five, path, {"model": "m-1-cold|[cheap]", **body})
        assert response.status_code == 200, response.text
    for _ in range(6):
        response = await post(five, path, {"model": "m-1-cold", **body}, x_tokens_group="cheap")
        assert response.status_code == 200, response.text

    assert set(used(five.upstream)) <= set(FIVE[:2])
    assert {one.json["temperature"] for one in five.upstream.requests} == {0}
    wrong = await post(five, path, {"model": "m-1|[dear]", **body})
    assert wrong.status_code == 400


@pytest.mark.parametrize("model", ["m-1-cold|[cheap]", "m-1-cold%7C%5Bcheap%5D"])
async def test_googles_language_has_hints_in_its_path(five: Site, model: str) -> None:
    path = f"/acme/v1beta/models/{model}:generateContent"

    for _ in range(6):
        response = await post(five, path, {"contents": CONTENTS})
        assert response.status_code == 200, response.text

    assert set(used(five.upstream)) <= set(FIVE[:2])
    assert {one.json["temperature"] for one in five.upstream.requests} == {0}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/acme/v1/messages", {"messages": MESSAGES, "max_tokens": 9, "session_id": "talk"}),
        (
            "/acme/v1/messages",
            {"messages": MESSAGES, "max_tokens": 9, "metadata": META},
        ),
        ("/acme/v1/responses", {"input": "Hello", "session_id": "talk"}),
        ("/acme/v1/responses", {"input": "Hello", "prompt_cache_key": "talk"}),
        ("/acme/v1/responses", {"input": "Hello", "user": "ada"}),
        ("/acme/v1beta/models/m-1:generateContent", {"contents": CONTENTS, "session_id": "talk"}),
        ("/v1/chat/completions", {"messages": MESSAGES, "session_id": "talk"}),
    ],
)
async def test_a_conversation_stays_with_its_key_in_every_language(
    five: Site, path: str, body: dict[str, Any]
) -> None:
    for _ in range(12):
        response = await post(five, path, {"model": "m-1", **body})
        assert response.status_code == 200, response.text

    assert len(used(five.upstream)) == 1
    assert all("session_id" not in one.json for one in five.upstream.requests)


async def test_the_list_of_models_shows_the_models_and_no_hints(five: Site) -> None:
    for path in ("/acme/v1/models", "/v1/models"):
        listed = await five.client.get(path, headers=five.headers())
        names = [one["id"].removeprefix("acme/") for one in listed.json()["data"]]
        assert "m-1" in names
        assert "m-1-cold" not in names
