"""`manage.py platform test` and `credential test`."""

import io
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from platforms.models import Credential
from tests.make import make_credential, make_platform
from tests.platforms.running import BAD, refused, run, run_json

pytestmark = pytest.mark.django_db


def test_testing_a_platform_tries_each_enabled_credential(answer: Callable[..., None]) -> None:
    platform = make_platform("acme")
    make_credential(platform, "first", last_error="401")
    make_credential(platform, "second")
    make_credential(platform, "off", enabled=False)

    lines = run("platform", "test", "acme").splitlines()

    assert [line.split()[:4] for line in lines] == [
        ["credential", "ok", "status", "ms"],
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
