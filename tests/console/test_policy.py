"""What pages may load, and what the console's middleware costs the API: nothing."""

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils.module_loading import import_string

from gateway.console.colours import sheet
from licences.issuing import issue
from platforms.adding import add_platform
from tests.console.colours import FILE
from tests.console.people import in_role

ROOT = Path(__file__).parents[2]


def policy(response: Any) -> dict[str, str]:
    header: str = response["Content-Security-Policy"]
    parts = (part.partition(" ") for part in header.split("; "))
    return {name: value for name, _space, value in parts}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/admin/", "/admin/live/", "/admin/nowhere/"])
def test_pages_run_nothing_that_is_not_ours(path: str) -> None:
    client = Client() if "login" in path else in_role("owner")

    found = policy(client.get(path))

    assert found["script-src"] == found["style-src"] == found["default-src"] == "'self'"
    assert found["frame-ancestors"] == found["object-src"] == "'none'"
    assert "unsafe" not in str(found)


@pytest.mark.django_db
def test_so_does_the_page_for_who_tried_too_often() -> None:
    client = Client()
    sent = {"username": "ada", "password": "wrong"}

    pages = [client.post("/admin/login/", sent) for _try in range(5)]

    assert pages[-1].status_code == 429
    assert policy(pages[-1])["script-src"] == "'self'"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/admin/security/", "/admin/auth/user/add/"])
def test_pages_carry_no_inline_scripts_and_styles(path: str) -> None:
    client = Client() if "login" in path else in_role("owner")

    text = client.get(path).content.decode()

    scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", text)
    assert (scripts, re.findall(r"<style|\sstyle=|\son\w+=", text)) == ([], [])


@pytest.mark.django_db
def test_who_may_only_look_is_shown_no_inline_styles_either() -> None:
    platform, _new = add_platform("acme", preset="dashscope")
    licence, _key = issue(name="ada", model_limits={"gpt-*": {"rpm": 3}})
    client = in_role("viewer")

    for row in (platform, licence):
        app, model = row._meta.app_label, row._meta.model_name
        text = client.get(f"/admin/{app}/{model}/{row.pk}/change/").content.decode()

        assert "&quot;" in text  # there is JSON to be read
        assert re.findall(r"<style|\sstyle=", text) == []


# WhiteNoise has been sync only all along; the rest must not join it.
@pytest.mark.parametrize(
    "name", [name for name in settings.MIDDLEWARE if not name.startswith("whitenoise.")]
)
def test_no_middleware_costs_an_async_view_a_change_of_threads_by_being_sync_only(
    name: str,
) -> None:
    middleware = import_string(name)

    assert middleware.async_capable


async def test_the_gate_lets_the_api_pass_in_the_same_thread_without_a_query() -> None:
    """Without a database: a query would fail this test, and so would a look at user or session."""
    from tokens_site.middleware import console_gate

    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("x")

    gate = console_gate(view)
    request = HttpRequest()
    request.method, request.path_info = "POST", "/acme/v1/images/generations"

    assert iscoroutinefunction(gate)
    response = await gate(request)

    assert "Content-Security-Policy" not in response


def test_the_sheet_of_colours_is_what_the_settings_say() -> None:
    assert FILE.read_text("utf-8") == sheet()


def test_vendored_files_are_as_they_came_and_are_those_that_are_served() -> None:
    table = (ROOT / "gateway/static/VENDORED.md").read_text("utf-8")
    lines = re.findall(r"^\| `([^`]+)` .* `([0-9a-f]{64})` \|$", table, re.MULTILINE)

    assert lines
    for name, digest in lines:
        path = ROOT / "gateway/static" / name
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
        assert finders.find(name) == str(path)
