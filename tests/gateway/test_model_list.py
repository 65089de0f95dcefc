"""GET models: what this licence may call here."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from licences.issuing import issue
from platforms.models import Platform
from tests import openai_schema
from tests.gateway.conftest import Site
from tests.make import make_mapping
from tests.upstreams import answer


@pytest.fixture(autouse=True)
async def _models(site: Site) -> None:
    def rows() -> None:
        platform = Platform.objects.get()
        make_mapping(platform, "mapped")
        make_mapping(platform, "off", enabled=False)

    await sync_to_async(rows)()
    await site.reload()
    listed = [{"id": "own"}, {"id": "org/name:free"}, {"id": "off"}, {"no": "id"}]
    site.upstream.default = answer({"object": "list", "data": listed})


async def names(site: Site) -> list[str]:
    response = await site.client.get("/acme/v1/models", headers=site.headers())
    openai_schema.model_list(response.json())
    return [model["id"] for model in response.json()["data"]]


async def test_mapped_and_own_models_are_listed_once_and_disabled_ones_not(site: Site) -> None:
    assert await names(site) == ["mapped", "own", "org/name:free"]


async def test_only_mapped_models_are_listed_where_others_do_not_pass(site: Site) -> None:
    await sync_to_async(
        lambda: Platform.objects.get().__class__.objects.update(pass_unmapped=False)
    )()
    await site.gateway.in_database_thread(site.gateway.catalogue.load)

    assert await names(site) == ["mapped"]
    assert site.upstream.requests == []


async def test_a_licence_sees_what_it_may_use(site: Site) -> None:
    _licence, site.key = await sync_to_async(issue)(name="bob", model_patterns=["o*"])

    assert await names(site) == ["own", "org/name:free"]


async def test_the_platform_is_asked_once_in_a_while(site: Site) -> None:
    await names(site)
    await names(site)

    assert len(site.upstream.requests) == 1


async def test_a_platform_that_cannot_list_costs_nothing_but_its_own_names(site: Site) -> None:
    site.upstream.default = answer(b"<html>", 500)

    assert await names(site) == ["mapped"]


@pytest.mark.parametrize("path", ["mapped", "org/name:free", "org%2Fname%3Afree"])
async def test_one_model_is_found_also_with_slashes(site: Site, path: str) -> None:
    response = await site.client.get(f"/acme/v1/models/{path}", headers=site.headers())

    assert response.status_code == 200
    openai_schema.model(response.json())


async def test_an_unknown_model_is_a_404(site: Site) -> None:
    response = await site.client.get("/acme/v1/models/none", headers=site.headers())

    openai_schema.error(response.json())
    assert response.json()["error"]["code"] == "model_not_found"


async def test_the_api_answers_under_any_host_name_as_streams_do(site: Site, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["console.example.org"]

    api = await site.client.get("/acme/v1/models", headers=site.headers())
    console = await site.client.get("/admin/login/")

    assert (api.status_code, console.status_code) == (200, 400)


GOOGLE = {"x-goog-api-key": "also the licence"}
CLAUDE = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("path", "headers", "found"),
    [
        ("/acme/v1/models", CLAUDE, lambda body: body["data"][1]["id"]),
        ("/acme/v1/models", GOOGLE, lambda body: body["models"][1]["name"][7:]),
        ("/acme/v1beta/models", {}, lambda body: body["models"][1]["name"][7:]),
        ("/v1beta/models", {}, lambda body: body["models"][1]["name"].removeprefix("models/acme/")),
        ("/acme/v1beta/models/own", {}, lambda body: body["name"][7:]),
        ("/acme/v1/models/own", CLAUDE, lambda body: body["type"] == "model" and body["id"]),
    ],
)
async def test_each_client_is_told_in_its_own_shape(
    site: Site, path: str, headers: dict[str, str], found: Any
) -> None:
    response = await site.client.get(path, headers={**site.headers(), **headers})

    assert response.status_code == 200, response.text
    assert found(response.json()) == "own"
