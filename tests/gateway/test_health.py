"""Health: alive, ready, and what is wrong when not."""

from typing import Any

import pytest

from tests.gateway.conftest import Site


async def test_a_living_process_says_so(site: Site) -> None:
    response = await site.client.get("/healthz")

    assert response.json()["status"] == "ok"


async def test_ready_when_database_and_journal_work(site: Site) -> None:
    response = await site.client.get("/readyz")

    assert response.status_code == 200
    assert (response.json()["database"], response.json()["journal"]) == ("ok", "ok")


async def test_not_ready_names_what_does_not_work(site: Site) -> None:
    site.gateway.journal.trouble = "cannot be written: No space left on device"

    response = await site.client.get("/readyz")

    assert response.status_code == 503
    assert "No space left" in response.json()["journal"]


async def test_the_root_leads_to_the_console(site: Site) -> None:
    response = await site.client.get("/")

    assert (response.status_code, response.headers["location"]) == (302, "/admin/")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_load_balancers_ask_by_address_whatever_the_console_is_called(
    site: Site, settings: Any, path: str
) -> None:
    settings.ALLOWED_HOSTS = ["tokens.example.org"]
    headers = {"Host": "10.0.0.2:8000"}

    assert (await site.client.get(path, headers=headers)).status_code == 200
    assert (await site.client.get("/admin/", headers=headers)).status_code == 400
