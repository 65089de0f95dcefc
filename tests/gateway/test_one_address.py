"""`/v1/…` without a platform: the model names it, or is unique among what the licence may call."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from licences.issuing import issue
from platforms.models import Platform
from tests import openai_schema
from tests.gateway.conftest import Site
from tests.gateway.media.pictures import images, png
from tests.make import make_credential, make_mapping, make_platform
from tests.upstreams import Upstream, answer, completion, hello


@pytest.fixture
async def two(site: Site) -> AsyncIterator[Site]:
    """A second platform, `other`, with a model of its own and one that both have."""
    async with Upstream(answer(completion("from the other"))) as other:

        def rows() -> None:
            acme = Platform.objects.get()
            second = make_platform("other", base_url=f"{other.base_url}/v1")
            make_credential(second)
            for platform, names in ((acme, ("mine", "both")), (second, ("theirs", "both"))):
                for name in names:
                    make_mapping(platform, name)
            make_mapping(acme, "pic", kind="image")
            make_mapping(second, "off", enabled=False)

        await sync_to_async(rows)()
        await site.reload()
        yield site


async def ask(site: Site, model: str, key: str | None = None, **over: Any) -> Any:
    body = {"model": model, "messages": [{"role": "user", "content": "Hello"}], **over}
    return await site.client.post("/v1/chat/completions", json=body, headers=site.headers(key))


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("mine", "Hello"),
        ("acme/mine", "Hello"),
        ("acme/both", "Hello"),
        ("acme/not-mapped", "Hello"),
        ("theirs", "from the other"),
        ("other/both", "from the other"),
        ("other/org/name", "from the other"),
    ],
)
async def test_the_model_names_the_platform(two: Site, model: str, says: str) -> None:
    response = await ask(two, model)

    body = response.json()
    openai_schema.completion(body)
    assert (body["choices"][0]["message"]["content"], body["model"]) == (says, model)
    [record] = await two.records(1)
    platform = "acme" if says == "Hello" else "other"
    assert (record.platform, record.model) == (
        platform,
        model.removeprefix(f"{platform}/"),
    )


async def test_a_stream_too(two: Site) -> None:
    two.upstream.default = hello()

    response = await ask(two, "acme/mine", stream=True)

    assert response.text.endswith("data: [DONE]\n\n")
    assert '"model":"acme/mine"' in response.text


@pytest.mark.parametrize(
    ("model", "status", "code", "says"),
    [
        ("both", 400, "ambiguous_model", "acme/both, other/both"),
        ("nowhere", 404, "model_not_found", "platform/model"),
        ("off", 404, "model_not_found", "platform/model"),
        ("nobody/x", 404, "model_not_found", "nobody/x"),
        ("/x", 404, "model_not_found", "/x"),
        ("acme/", 404, "model_not_found", "acme/"),
        ("acme/pic", 400, "invalid_value", "a model of the kind image"),
    ],
)
async def test_what_names_none_or_several_is_refused(
    two: Site, model: str, status: int, code: str, says: str
) -> None:
    response = await ask(two, model)

    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, "model")
    assert says in error["message"]


async def test_only_what_the_licence_may_call_is_looked_at(two: Site) -> None:
    _licence, key = await sync_to_async(issue)(
        name="eve", platforms=["acme"], model_patterns=["mine", "both"]
    )
    await two.reload()

    assert (await ask(two, "both", key)).status_code == 200
    for model in ("theirs", "other/theirs"):
        hidden = await ask(two, model, key)
        assert (hidden.status_code, hidden.json()["error"]["code"]) == (404, "model_not_found")
    listed = await two.client.get("/v1/models", headers=two.headers(key))
    assert [row["id"] for row in listed.json()["data"]] == ["acme/both", "acme/mine"]


async def test_all_models_are_listed_with_their_platform(two: Site) -> None:
    two.upstream.default = answer({"object": "list", "data": [{"id": "extra"}]})

    response = await two.client.get("/v1/models", headers=two.headers())

    openai_schema.model_list(response.json())
    names = {row["id"] for row in response.json()["data"]}
    assert {"acme/mine", "acme/extra", "other/theirs", "acme/both", "other/both"} <= names
    assert "other/off" not in names
    one = await two.client.get("/v1/models/acme%2Fmine", headers=two.headers())
    assert one.json() == {"id": "acme/mine", "object": "model", "owned_by": "acme"} | {
        "created": one.json()["created"]
    }
    assert (await two.client.get("/v1/models/theirs", headers=two.headers())).status_code == 200
    assert (await two.client.get("/v1/models/nope", headers=two.headers())).status_code == 404


async def test_pictures_and_their_tasks(two: Site) -> None:
    two.upstream.default = images(png())
    body = {"model": "acme/pic", "prompt": "a cat", "async": True}

    made = await two.client.post("/v1/images/generations", json=body, headers=two.headers())
    id = made.json()["id"]
    await two.gateway.media.end_of(id, 10)
    shown = [
        (await two.client.get(f"{prefix}/images/{id}", headers=two.headers())).status_code
        for prefix in ("/v1", "/acme/v1", "/other/v1")
    ]

    assert made.json()["model"] == "pic"
    assert shown == [200, 200, 404]
    videos = await two.client.get("/v1/videos", headers=two.headers())
    assert videos.json()["data"] == []


async def test_unknown_paths_and_strangers_are_answered_in_openais_shape(two: Site) -> None:
    for path, status in (("/v1/nothing", 404), ("/v1", 404), ("/v1/models", 401)):
        headers = {} if status == 401 else two.headers()
        response = await two.client.get(path, headers=headers)
        openai_schema.error(response.json())
        assert response.status_code == status, path
