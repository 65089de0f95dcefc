"""Sensitive actions ask again who it is."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from gateway.console import confirming
from licences.models import Licence
from platforms.models import Platform
from tests.console.people import PASSWORD, in_role, person, signed_in
from tests.console.rows import MAKE
from tests.console.test_matrix import pages

pytestmark = pytest.mark.django_db
ADD = "/admin/licences/licence/add/"
CONFIRM = "/admin/confirm/"


@pytest.fixture
def ada() -> User:
    return person("ada", "owner", PASSWORD)


@pytest.fixture
def stale(ada: User) -> Client:
    """Ada's browser, some time after she signed in."""
    client = signed_in(ada)
    make_stale(client)
    return client


def make_stale(client: Client) -> None:
    session = client.session
    session["confirmed_at"] -= 601
    session.save()


def test_signing_in_counts_as_having_confirmed(ada: User) -> None:
    assert signed_in(ada).get(ADD).status_code == 200


def test_a_form_asks_first_and_leads_back(stale: Client) -> None:
    asked = stale.get(f"{ADD}?name=x")
    assert asked["Location"] == f"{CONFIRM}?next=%2Fadmin%2Flicences%2Flicence%2Fadd%2F%3Fname%3Dx"

    wrong = stale.post(asked["Location"], {"password": "wrong"})
    assert wrong.status_code == 200
    right = stale.post(asked["Location"], {"password": PASSWORD})

    assert right["Location"] == f"{ADD}?name=x"
    assert stale.get(ADD).status_code == 200


def test_a_form_that_is_sent_too_late_changes_nothing_and_says_so(stale: Client) -> None:
    asked = stale.post(ADD, {"name": "bob"})
    assert not Licence.objects.exists()

    page = stale.post(asked["Location"], {"password": PASSWORD}, follow=True).content.decode()

    assert "Nothing was changed yet" in page


@pytest.mark.parametrize(
    "name",
    [
        "admin:licences_licence_rotate",
        "admin:licences_licence_delete",
        "admin:platforms_credential_add",
        "admin:platforms_credential_change",
        "admin:platforms_credential_delete",
        "admin:platforms_platform_change",
        "admin:auth_user_add",
        "admin:auth_user_change",
        "admin:auth_user_delete",
        "admin:auth_user_password_change",
        "admin:auth_user_second_factor",
        "admin:auth_group_add",
        "admin:auth_group_change",
        "console:security_app",
        "console:security_codes",
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_sensitive_asks(stale: Client, name: str, method: str) -> None:
    key = name.removeprefix("admin:").rpartition("_")[0]
    key = "auth_user" if name.startswith("admin:auth_user") else key
    needs_row = "<" in str(pages()[name].pattern)

    path = reverse(name, args=[MAKE[key]().pk] if needs_row else [])

    assert getattr(stale, method)(path)["Location"].startswith(CONFIRM)


def test_every_pattern_matches_a_page_or_one_of_alerts() -> None:
    from fnmatch import fnmatchcase

    names = pages()

    assert [
        pattern
        for pattern in confirming.FORMS
        if "alert" not in pattern and not any(fnmatchcase(name, pattern) for name in names)
    ] == []


def test_deleting_by_an_action_asks_and_switching_does_not(stale: Client) -> None:
    row = MAKE["platforms_platform"]()
    listed = reverse("admin:platforms_platform_changelist")

    def act(*action: str) -> str:
        sent = {"action": action, "_selected_action": [row.pk], "post": "yes"}
        location: str = stale.post(listed, sent)["Location"]
        return location

    assert act("delete_selected").startswith(CONFIRM)
    assert act("delete_selected", "disable_selected").startswith(CONFIRM)
    assert not act("disable_selected").startswith(CONFIRM)
    assert Platform.objects.get().enabled is False


def test_looking_asks_nothing(stale: Client) -> None:
    viewer = in_role("viewer")
    make_stale(viewer)
    path = reverse("admin:platforms_credential_change", args=[MAKE["platforms_credential"]().pk])

    assert viewer.get(path).status_code == 200
    assert stale.get("/admin/platforms/credential/").status_code == 200
    assert stale.get("/admin/gateway/usagerecord/").status_code == 200


def test_it_can_be_switched_off(stale: Client, settings: Any) -> None:
    settings.TOKENS_CONFIRM_S = 0

    assert stale.get(ADD).status_code == 200


def test_guessing_the_password_there_locks_out_too(stale: Client) -> None:
    statuses = [stale.post(CONFIRM, {"password": "wrong"}).status_code for _try in range(5)]

    assert statuses == [200, 200, 200, 200, 429]
    assert stale.post(CONFIRM, {"password": PASSWORD}).status_code == 429


def test_nor_is_it_guessed_where_it_is_changed(ada: User, stale: Client) -> None:
    def change(old: str) -> int:
        new = "another long password"
        sent = {"old_password": old, "new_password1": new, "new_password2": new}
        return stale.post("/admin/password_change/", sent).status_code

    assert [change("wrong") for _try in range(5)] == [200, 200, 200, 200, 429]
    assert change(PASSWORD) == 429
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_nobody_confirms_by_anothers_password(stale: Client) -> None:
    person("bob", "owner", "another long password")

    stale.post(CONFIRM, {"password": "another long password"})

    assert stale.get(ADD).status_code == 302


@pytest.mark.parametrize("evil", ["https://evil.example/", "//evil.example/"])
def test_it_leads_nowhere_else(stale: Client, evil: str) -> None:
    response = stale.post(f"{CONFIRM}?next={evil}", {"password": PASSWORD})

    assert response["Location"] == "/admin/"
