"""What stands above the forms of platforms and credentials, and who gets its buttons."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from platforms import probing
from platforms.models import Credential, Platform
from platforms.probing import ModelResult, ProbeResult
from platforms.records import Cooldown, LastTest
from tests.make import make_credential, make_mapping, make_platform

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>"
TRIED = (
    ModelResult("good", True, 200, 31, "answers"),
    ModelResult("ill", False, 404, 8, f"not_found: {EVIL}"),
)


@pytest.fixture
def operator(admin_client: Client) -> Client:
    return admin_client


@pytest.fixture
def viewer() -> Client:
    client = Client()
    user = User.objects.create(username="viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    return client


def url(row: Any, rest: str = "change/") -> str:
    return f"/admin/platforms/{row._meta.model_name}/{row.pk}/{rest}"


def text(client: Client, row: Any) -> str:
    return client.get(url(row)).content.decode()


def test_a_test_is_kept_and_shown_model_by_model(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_credential(make_platform("acme"))
    result = ProbeResult(True, 200, 12, "2 models listed", ("good", "ill"), TRIED)
    monkeypatch.setattr(probing, "_probes", [lambda _platform, _key: result])

    for _time in range(2):
        operator.post(url(key.platform, "do/test/"))

    assert LastTest.objects.count() == 1
    for row in (key, key.platform):
        shown = text(operator, row)
        assert "2 models listed" in shown
        assert "31 ms" in shown
        assert escape(f"not_found: {EVIL}") in shown
        assert EVIL not in shown
    assert "not for every mapped model" in text(operator, key.platform)


def test_without_a_key_a_test_is_kept_once_too(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = make_platform("acme", auth_style="none")
    said = iter([ProbeResult(False, None, 3, "network: no\x00"), ProbeResult(True, 200, 3, "yes")])
    monkeypatch.setattr(probing, "_probes", [lambda _platform, _key: next(said)])

    operator.post(url(platform, "do/test/"))
    assert "The last test failed." in text(operator, platform)
    operator.post(url(platform, "do/test/"))

    assert [(test.ok, test.detail) for test in LastTest.objects.all()] == [(True, "yes")]
    assert "It is ready." in text(operator, platform)


def test_the_platforms_page_says_what_comes_next(operator: Client) -> None:
    platform = make_platform("acme")
    assert "no enabled credential yet" in text(operator, platform)

    make_credential(platform)
    assert "test whether it answers" in text(operator, platform)

    Platform.objects.update(enabled=False)
    assert "It is switched off" in text(operator, platform)
    operator.post(url(platform, "do/enable/"))
    platform.refresh_from_db()
    assert platform.enabled


def test_the_address_for_clients_can_be_copied(operator: Client, settings: Any) -> None:
    platform = make_platform("acme")
    assert '<code id="client-url" class="tk-code pf-url">http://testserver/acme/v1</code>' in text(
        operator, platform
    )

    settings.TOKENS_PUBLIC_URL = "https://ai.example"
    assert ">https://ai.example/acme/v1</code>" in text(operator, platform)


def test_credentials_stand_on_the_platforms_page_with_their_health(operator: Client) -> None:
    platform = make_platform("acme")
    make_credential(platform, "well")
    make_credential(platform, "off", enabled=False)
    tired = make_credential(platform, "tired")
    until = timezone.now() + timedelta(minutes=5)
    Cooldown.objects.create(credential=tired, model="m", until=until, reason=EVIL)

    shown = text(operator, platform)

    assert 'tk-badge-good">active' in shown
    assert 'tk-badge">switched off' in shown
    assert 'tk-badge-warn">resting' in shown
    assert escape(EVIL) in shown
    assert EVIL not in shown


@pytest.mark.parametrize("verb", ["test", "drain", "undrain", "enable-now"])
def test_a_viewer_has_no_buttons_on_a_credential(viewer: Client, verb: str) -> None:
    key = make_credential(make_platform("acme"))

    assert f"/do/{verb}/" not in text(viewer, key)
    assert viewer.post(url(key, f"do/{verb}/")).status_code == 404
    assert not Credential.objects.filter(draining=True).exists()


def test_a_viewer_has_no_buttons_on_a_platform(viewer: Client) -> None:
    key = make_credential(make_platform("acme"))

    shown = text(viewer, key.platform)

    for part in ("/do/test/", "/models/", "credential/add/", "/admin/playground/"):
        assert part not in shown.partition('id="main"')[2]
    assert "Base URL for clients" in shown


def test_buttons_take_a_post_only(operator: Client) -> None:
    key = make_credential(make_platform("acme"))

    assert operator.get(url(key, "do/drain/")).status_code == 405
    assert operator.get(url(key.platform, "do/test/")).status_code == 405
    assert operator.post(url(key.platform, "do/other/")).status_code == 404


def test_json_is_shown_a_member_a_line_and_what_was_refused_as_it_was_typed(
    operator: Client,
) -> None:
    platform = make_platform("acme", rules={"n_max": 1, "efforts": ["low"]})
    assert escape('{\n  "n_max": 1,') in text(operator, platform)

    mapping = make_mapping(platform, "m")
    data = {"public_name": "m", "kind": "chat", "platform": platform.pk, "parameters": "{oops"}
    answer = operator.post(url(mapping), data)
    assert "{oops" in answer.content.decode()
    assert "parameters" in answer.context["adminform"].form.errors


def test_prices_stand_in_the_list_as_people_say_them(operator: Client) -> None:
    platform = make_platform("acme")
    make_mapping(platform, "m", price_prompt_micros=2_500_000, price_image_micros=40_000)
    make_mapping(platform, "gift")

    shown = operator.get("/admin/platforms/modelmapping/").content.decode()

    assert "2.50 prompt, per million" in shown
    assert "0.04 an image" in shown
    assert "none: free" in shown
