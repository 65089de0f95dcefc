"""First steps: each ticks itself off from the real state, and only those act who may."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from gateway.console.first_steps.path import curl, example_model, progress
from gateway.models import UsageDay
from licences.issuing import issue, revoke
from licences.models import Licence
from platforms import probing
from platforms.adding import add_platform, set_secret
from platforms.models import Credential, Platform
from platforms.probing import ProbeResult, probe_and_note
from platforms.records import LastTest
from tests.make import make_credential, make_mapping, make_platform

pytestmark = pytest.mark.django_db
URL = "/admin/first-steps/"


@pytest.fixture
def owner(admin_client: Client) -> Client:
    return admin_client


@pytest.fixture
def viewer() -> Client:
    client = Client()
    user = User.objects.create(username="viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    return client


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Lets every test go well, or not."""

    def use(ok: bool) -> None:
        result = ProbeResult(ok, 200 if ok else 401, 5, "said", ("m-1",) if ok else ())
        monkeypatch.setattr(probing, "_probes", [lambda _platform, _key: result])

    return use


def book(platform: str, *, requests: int = 1, errors: int = 0) -> None:
    UsageDay.objects.create(
        day=date(2026, 11, 26), platform=platform, model="m", requests=requests, errors=errors
    )


def test_nothing_is_done_on_an_empty_system() -> None:
    assert progress().done == (False,) * 5


def test_the_sandbox_is_no_platform_of_ones_own() -> None:
    add_platform("sandbox", preset="sandbox")
    add_platform("toys", preset="sandbox")
    book("sandbox")
    book("toys")

    assert progress().done == (False,) * 5


def test_each_step_is_ticked_by_what_it_is_about(probed: Callable[[bool], None]) -> None:
    platform = make_platform("acme")
    assert progress().done == (True, False, False, False, False)

    key = make_credential(platform)
    assert progress().done == (True, True, False, False, False)

    probed(False)
    probe_and_note(platform, key)
    assert progress().done == (True, True, False, False, False)
    assert progress().test_failed

    probed(True)
    probe_and_note(platform, key)
    assert progress().done == (True, True, True, False, False)

    issue(name="ada")
    assert progress().done == (True, True, True, True, False)

    book("acme", requests=2, errors=2)
    assert not progress().called
    UsageDay.objects.update(errors=1)
    assert progress().done == (True,) * 5


def test_a_platform_that_asks_for_no_key_needs_none() -> None:
    make_platform("acme", auth_style="none")

    assert progress().done[:3] == (True, True, False)


def test_a_key_that_is_switched_off_is_none() -> None:
    make_credential(make_platform("acme"), enabled=False)

    assert not progress().has_key


def test_a_revoked_licence_is_none() -> None:
    issue(name="ada")
    revoke(Licence.objects.get())

    assert not progress().licensed


def test_a_new_secret_or_address_was_not_tested_yet(
    owner: Client, probed: Callable[[bool], None]
) -> None:
    probed(True)
    platform = make_platform("acme")
    key = make_credential(platform)

    probe_and_note(platform, key)
    set_secret(key, "sk-new")
    assert not progress().tested

    probe_and_note(platform, key)
    same = {f.name: getattr(platform, f.name) for f in Platform._meta.fields}
    form = {n: v for n, v in same.items() if v is not None} | {"headers": "{}", "rules": "{}"}
    url = reverse("admin:platforms_platform_change", args=[platform.pk])
    assert owner.post(url, {**form, "note": "Other"}).status_code == 302
    assert progress().tested
    owner.post(url, {**form, "base_url": "http://127.0.0.1:10/v1"})
    assert not progress().tested


def test_the_platform_that_has_come_farthest_is_gone_on_with() -> None:
    make_platform("bare")
    make_credential(make_platform("keyed"))
    make_credential(make_platform("off", enabled=False))

    assert str(progress().platform) == "keyed"


def test_a_step_leads_there_and_back(owner: Client) -> None:
    text = owner.get(URL).content.decode()
    assert "/admin/platforms/platform/add/?next=%2Fadmin%2Ffirst-steps%2F" in text
    assert "0 of 5" in text
    data = {"preset_choice": "deepseek", "slug": "deepseek", "headers": "{}"}
    times = {"connect_s": 10, "first_byte_s": 120, "idle_s": 120, "total_s": 1800}

    response = owner.post(
        f"/admin/platforms/platform/add/?preset=deepseek&next={URL}",
        {**data, **times, "enabled": 1},
    )

    assert response["Location"] == URL
    platform = Platform.objects.get()
    text = owner.get(URL).content.decode()
    assert "1 of 5" in text
    assert f"credential/add/?platform={platform.pk}&amp;next=" in text
    response = owner.post(
        f"/admin/platforms/credential/add/?next={URL}",
        {"platform": platform.pk, "name": "main", "secret": "sk-1", "enabled": 1},
    )
    assert response["Location"] == URL


@pytest.mark.parametrize("way", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_way_back_stays_on_this_site(
    owner: Client, way: str, probed: Callable[[bool], None]
) -> None:
    probed(True)
    platform = make_platform("acme", auth_style="none")

    response = owner.post(f"/admin/platforms/platform/{platform.pk}/do/test/", {"next": way})

    assert response["Location"] == f"/admin/platforms/platform/{platform.pk}/change/"


def test_the_sandbox_is_added_once_and_is_in_the_history(owner: Client) -> None:
    for _time in range(2):
        assert owner.post(f"{URL}sandbox/")["Location"] == URL

    assert Platform.objects.get().preset == "sandbox"
    history = reverse("admin:platforms_platform_history", args=[Platform.objects.get().pk])
    assert "Added in the first steps." in owner.get(history).content.decode()


def test_a_sandbox_that_is_none_is_not_taken_for_it(owner: Client) -> None:
    make_platform("sandbox")

    response = owner.post(f"{URL}sandbox/", follow=True)

    assert "is there already with" in response.content.decode()
    assert Platform.objects.get().preset == "custom"


def test_a_viewer_sees_the_path_and_no_button(viewer: Client) -> None:
    platform = make_platform("acme", auth_style="none")

    text = viewer.get(URL).content.decode()

    assert "2 of 5" in text
    for word in ("data-leave>", '<form method="post" action="/admin/platforms', "sandbox/"):
        assert word not in text
    assert viewer.post(f"{URL}sandbox/").status_code == 403
    assert viewer.post(f"/admin/platforms/platform/{platform.pk}/do/test/").status_code == 403
    assert list(Platform.objects.values_list("slug", flat=True)) == ["acme"]


def test_it_is_for_staff_who_may_look_at_platforms(client: Client) -> None:
    assert "/login/" in client.get(URL)["Location"]
    client.force_login(User.objects.create(username="mere", is_staff=True))
    assert client.get(URL).status_code == 403


def test_the_example_is_a_chat_model_that_is_there() -> None:
    platform = make_platform("acme")
    assert example_model(platform) == ""

    tested: dict[str, Any] = {"platform": platform, "ok": True, "at": "2026-11-26T00:00:00Z"}
    LastTest.objects.create(**tested, listed=["text-embedding-3", "chatty"])
    assert example_model(platform) == "chatty"

    make_mapping(platform, "picture", kind="image")
    make_mapping(platform, "best")
    assert example_model(platform) == "best"


def test_names_of_an_upstream_are_quoted_for_the_shell_and_shown_as_text(owner: Client) -> None:
    platform = make_platform("acme", auth_style="none")
    evil = "'; rm -rf / #<script>alert(1)</script>"
    LastTest.objects.create(platform=platform, ok=True, at="2026-11-26T00:00:00Z", listed=[evil])

    text = owner.get(URL).content.decode()

    assert "<script>alert(1)" not in text
    assert "'\"'\"'; rm -rf" in curl("http://x/acme/v1", evil)


def test_all_done_links_on(owner: Client) -> None:
    platform = make_platform("acme", auth_style="none")
    issue(name="ada")
    book("acme")
    LastTest.objects.create(platform=platform, ok=True, at="2026-11-26T00:00:00Z")

    text = owner.get(URL).content.decode()

    assert "5 of 5" in text
    assert "/admin/playground/?platform=acme" in text
    assert Credential.objects.count() == 0
