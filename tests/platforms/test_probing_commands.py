"""`manage.py platform test` and `credential test`."""

import io
import json
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from platforms.models import Credential, Platform
from tests.make import make_credential, make_mapping, make_platform
from tests.platforms.running import BAD, refused, run, run_json

pytestmark = pytest.mark.django_db


def test_testing_a_platform_tries_each_enabled_credential(answer: Callable[..., None]) -> None:
    platform = make_platform("acme")
    make_credential(platform, "first", last_error="401")
    make_credential(platform, "second")
    make_credential(platform, "off", enabled=False)

    lines = run("platform", "test", "acme").splitlines()

    assert [line.split()[:4] for line in lines] == [
        ["credential", "model", "ok", "status"],
        ["first", "yes", "200", "12"],
        ["second", "yes", "200", "12"],
    ]
    assert Credential.objects.get(name="first").last_error == ""


def test_a_failed_test_is_shown_noted_and_is_no_success(
    answer: Callable[..., None],
) -> None:
    platform = make_platform("acme")
    make_credential(platform, "good")
    bad = make_credential(platform, "bad")
    answer(bad=BAD)

    out = io.StringIO()
    with pytest.raises(CommandError, match="1 test failed"):
        call_command("platform", "test", "acme", stdout=out)
    with pytest.raises(CommandError, match="1 test failed"):
        call_command("credential", "test", str(bad.pk), "--json", stdout=io.StringIO())

    assert "key: no such key" in out.getvalue()
    bad.refresh_from_db()
    assert bad.last_error == BAD.detail
    assert bad.last_error_at is not None


def test_a_platform_without_keys_is_tried_without(answer: Callable[..., None]) -> None:
    make_platform("acme", auth_style="none")

    [row] = run_json("platform", "test", "acme")

    assert row == {
        "credential": "none needed",
        "model": "",
        "ok": True,
        "status": 200,
        "ms": 12,
        "detail": "2 models listed",
    }


@pytest.mark.parametrize("verb", [("platform", "test"), ("model", "sync")])
def test_a_platform_without_enabled_credential_cannot_be_asked(
    verb: tuple[str, str], answer: Callable[..., None]
) -> None:
    make_credential(make_platform("acme"), enabled=False)

    assert "Add one: manage.py credential add acme" in refused(*verb, "acme")


def test_the_sandbox_can_be_tested_for_real() -> None:
    run("platform", "add", "sandbox", "--preset", "sandbox")

    [row] = run_json("platform", "test", "sandbox")

    assert (row["ok"], row["status"]) == (True, 200)


def test_each_mapped_chat_model_is_asked_for_a_token() -> None:
    run("platform", "add", "sandbox", "--preset", "sandbox")
    platform = Platform.objects.get()
    make_mapping(platform, "good", upstream_name="sandbox-chat")
    make_mapping(platform, "busy", upstream_name="sandbox-429")
    make_mapping(platform, "sandbox-html")
    make_mapping(platform, "picture", upstream_name="sandbox-image", kind="image")
    make_mapping(platform, "off", upstream_name="sandbox-chat", enabled=False)

    out = io.StringIO()
    with pytest.raises(CommandError, match="2 tests failed"):
        call_command("platform", "test", "sandbox", "--json", stdout=out)

    rows = {row["model"]: row for row in json.loads(out.getvalue())}
    assert set(rows) == {"", "good", "busy", "sandbox-html"}
    assert [rows[name]["ok"] for name in ("", "good", "busy")] == [True, True, False]
    assert rows["busy"]["status"] == 429
    assert rows["busy"]["detail"].startswith("rate: ")
    assert rows["sandbox-html"]["status"] == 502
    assert Credential.objects.count() == 0


def test_the_consoles_test_shows_the_models_as_a_table(admin_client: Client) -> None:
    run("platform", "add", "sandbox", "--preset", "sandbox")
    platform = Platform.objects.get()
    make_mapping(platform, "good", upstream_name="sandbox-chat")
    make_mapping(platform, "<b>odd</b>", upstream_name="none")

    page = admin_client.post(
        "/admin/platforms/platform/",
        {"action": "test_selected", "_selected_action": [platform.pk]},
        follow=True,
    ).content.decode()

    assert "<td>good</td><td>✓</td>" in page
    assert "<td>&lt;b&gt;odd&lt;/b&gt;</td><td>✗</td>" in page
