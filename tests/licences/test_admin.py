"""One licence in the admin: issuing, changing, rotating, revoking, and who may."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from licences import issuing
from licences.forms import platform_choices
from licences.keys import hash_key, wellformed
from licences.models import Licence
from tests.licences.people import PEPPER, ada, bob

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("platforms"),
]
LIST = "/admin/licences/licence/"
KEY = re.compile(r"tk-[0-9A-Za-z]{38}")
EMPTY = {
    "name": "",
    "owner": "",
    "note": "",
    "model_patterns": "",
    "networks": "",
    "not_before_0": "",
    "not_before_1": "",
    "expires_at_0": "",
    "expires_at_1": "",
    **dict.fromkeys(("rpm", "tpm", "concurrency", "model_limits"), ""),
    **dict.fromkeys((f"budget_{window}_micros" for window in ("total", "day", "month")), ""),
}


def page(licence: Licence, verb: str = "change") -> str:
    return reverse(f"admin:licences_licence_{verb}", args=[licence.pk])


def posted(**over: Any) -> dict[str, Any]:
    return {**EMPTY, "enabled": "on", **over}


def act(client: Client, action: str, *licences: Licence, **extra: str) -> Any:
    chosen = [str(licence.pk) for licence in licences]
    data = {"action": action, "_selected_action": chosen, **extra}
    return client.post(LIST, data, follow=True)


def history(licence: Licence) -> list[str]:
    entries = LogEntry.objects.filter(object_id=str(licence.pk)).order_by("pk")
    return [entry.get_change_message() for entry in entries]


def issued(client: Client, **over: Any) -> tuple[Licence, str]:
    answer = client.post(f"{LIST}add/", posted(name="carol", **over))
    keys = set(KEY.findall(answer.content.decode()))
    assert len(keys) == 1, answer.content.decode()
    return Licence.objects.get(name="carol"), keys.pop()


def test_adding_a_licence_issues_it_as_filled_in(operator: Client) -> None:
    licence, key = issued(
        operator,
        owner="Carol",
        platforms=["acme"],
        model_patterns="m-*\r\n\r\n m-1 \r\nm-*",
        networks="10.0.0.0/8",
    )

    assert licence.key_hash == hash_key(key.encode(), PEPPER)
    assert (licence.platforms, licence.networks) == (["acme"], ["10.0.0.0/8"])
    assert licence.model_patterns == ["m-*", "m-1"]
    assert history(licence) == ["Added."]


def test_the_key_page_has_a_command_to_paste_and_is_not_cached(operator: Client) -> None:
    answer = operator.post(f"{LIST}add/", posted(name="carol", platforms=["sandbox"]))

    text = answer.content.decode()
    assert answer.status_code == 200
    assert "no-store" in answer["cache-control"]
    assert re.search(r"curl http://testserver/sandbox/v1/models -H .*Bearer tk-", text)


@pytest.mark.parametrize("button", ["_save", "_continue", "_addanother"])
def test_the_key_is_shown_once_and_stored_nowhere(operator: Client, button: str) -> None:
    licence, key = issued(operator, **{button: "1"})

    later = [operator.get(url) for url in (LIST, f"{LIST}add/", page(licence))]
    later += [operator.get(page(licence, "history")), operator.get("/admin/")]
    assert all(answer.status_code == 200 for answer in later)
    assert not any(key in answer.content.decode() for answer in later)
    assert not any(key in str(session.get_decoded()) for session in Session.objects.all())
    assert not any(key in str(vars(entry)) for entry in LogEntry.objects.all())
    assert not any(key in cookie.value for cookie in operator.cookies.values())
    assert not any(key in str(value) for value in Licence.objects.values().get().values())


@pytest.mark.parametrize(
    ("over", "wrong"),
    [
        ({}, "name"),
        ({"name": "x", "networks": "nonsense"}, "networks"),
        ({"name": "x", "model_patterns": "a b"}, "model_patterns"),
        ({"name": "x", "platforms": ["gone"]}, "platforms"),
        ({"name": "x", "networks": "\x00"}, "networks"),
        ({"name": "x", "expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "expires_at"),
    ],
)
def test_a_mistake_is_named_and_issues_nothing(
    operator: Client, over: dict[str, Any], wrong: str
) -> None:
    answer = operator.post(f"{LIST}add/", posted(**over))

    assert list(answer.context["adminform"].form.errors) == [wrong]
    assert not Licence.objects.exists()


def test_changing_a_licence_keeps_its_key_and_writes_history(operator: Client) -> None:
    licence, key = bob()

    answer = operator.post(page(licence), posted(name="bob", platforms=["sandbox"]))

    licence.refresh_from_db()
    assert answer.status_code == 302
    assert licence.key_hash == hash_key(key.encode(), PEPPER)
    assert (licence.platforms, licence.model_patterns) == (["sandbox"], [])
    assert history(licence) == ["Changed Owner, Platforms, Models and Networks."]


def test_saving_a_page_unchanged_changes_nothing(operator: Client) -> None:
    licence, _key = bob()
    initial = operator.get(page(licence)).context["adminform"].form
    data = {name: initial[name].value() for name in ("name", "owner", "platforms")}
    lines = {"model_patterns": "m-*", "networks": "10.0.0.0/8"}

    operator.post(page(licence), posted(**data, **lines))

    licence.refresh_from_db()
    assert (licence.platforms, licence.model_patterns) == (["acme"], ["m-*"])
    assert history(licence) == ["No fields changed."]


def test_a_platform_that_is_gone_stays_ticked_until_it_is_unticked(operator: Client) -> None:
    licence, _key = bob(platforms=["gone"])

    text = operator.get(page(licence)).content.decode()

    assert re.search(r'value="gone"[^>]*checked', text)
    assert "no such platform" in text


def test_without_known_platforms_they_are_written_as_lines(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_choices, "source", None)

    licence, _key = issued(operator, platforms="acme\nother")

    assert licence.platforms == ["acme", "other"]


@pytest.mark.parametrize(("hours", "works"), [("0", False), ("24", True)])
def test_rotating_shows_the_new_key_once(operator: Client, hours: str, works: bool) -> None:
    licence, old = ada()

    asked = operator.get(page(licence, "rotate"))
    answer = operator.post(page(licence, "rotate"), {"overlap_h": hours})

    licence.refresh_from_db()
    new = KEY.findall(answer.content.decode())[0]
    assert KEY.search(asked.content.decode()) is None
    assert new != old
    assert wellformed(new.encode())
    assert licence.key_hash == hash_key(new.encode(), PEPPER)
    assert (licence.previous_key_hash is not None) is works
    assert history(licence)[0].startswith("Rotated the key; the old one")
    for url in (page(licence, "rotate"), page(licence), page(licence, "history")):
        assert new not in operator.get(url).content.decode()


@pytest.mark.parametrize("overlap", ["", "2", "-1", "x"])
def test_rotating_needs_one_of_the_offered_overlaps(operator: Client, overlap: str) -> None:
    licence, _key = ada()
    before = licence.key_hash

    answer = operator.post(page(licence, "rotate"), {"overlap_h": overlap})

    licence.refresh_from_db()
    assert 'class="errorlist"' in answer.content.decode()
    assert licence.key_hash == before


def test_a_revoked_licence_cannot_be_rotated_or_brought_back(operator: Client) -> None:
    licence, _key = ada(expires_at=timezone.now() + timedelta(days=1))
    issuing.revoke(licence)

    rotated = operator.post(page(licence, "rotate"), {"overlap_h": "0"})
    enabled = act(operator, "enable_selected", licence)
    operator.post(page(licence), posted(name="late", networks="10.0.0.1"))

    licence.refresh_from_db()
    assert "is revoked, which is for good" in rotated.content.decode()
    assert "is revoked, which is for good" in enabled.content.decode()
    assert licence.revoked_at is not None
    assert (licence.name, licence.networks) == ("late", [])
    assert licence.expires_at is not None
    assert page(licence, "rotate") not in operator.get(page(licence)).content.decode()


def test_revoking_asks_first_and_is_written_down(operator: Client) -> None:
    one, _key = ada()
    two, _key = bob()

    asked = act(operator, "revoke_selected", one, two)
    untouched = Licence.objects.filter(revoked_at=None).count()
    act(operator, "revoke_selected", one, two, confirmed="yes")

    assert str(one) in asked.content.decode()
    assert untouched == 2
    assert not Licence.objects.filter(revoked_at=None).exists()
    assert (history(one), history(two)) == (["Revoked."], ["Revoked."])


def test_switching_off_and_on_writes_what_changed_only(operator: Client) -> None:
    licence, _key = ada()

    for action in ("enable_selected", "disable_selected", "disable_selected", "enable_selected"):
        act(operator, action, licence)

    assert Licence.objects.get().enabled
    assert history(licence) == ["Switched off.", "Switched on."]


def test_who_may_only_look_cannot_change_anything(viewer: Client) -> None:
    licence, _key = ada()
    before = Licence.objects.values().get()

    seen = viewer.get(page(licence))
    refused = [
        viewer.get(page(licence, "rotate")),
        viewer.post(page(licence, "rotate"), {"overlap_h": "0"}),
        viewer.post(f"{LIST}add/", posted(name="x")),
        viewer.post(page(licence), posted(name="x")),
    ]
    for action in ("revoke_selected", "disable_selected"):
        act(viewer, action, licence, confirmed="yes")

    assert seen.status_code == 200
    assert page(licence, "rotate") not in seen.content.decode()
    assert [answer.status_code for answer in refused] == [403] * 4
    assert Licence.objects.values().get() == before


def test_a_stranger_is_sent_to_the_login() -> None:
    licence, _key = ada()

    answer = Client().post(page(licence, "rotate"), {"overlap_h": "0"})

    assert answer.status_code == 302
    assert "/admin/login/" in answer["location"]


@pytest.mark.usefixtures("operator")
def test_changes_need_the_csrf_token() -> None:
    licence, _key = ada()
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get())

    answers = [
        client.post(page(licence, "rotate"), {"overlap_h": "0"}),
        client.post(f"{LIST}add/", posted(name="x")),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]


def test_names_are_shown_as_text(operator: Client) -> None:
    licence, _key = ada(owner="<script>alert(1)</script>")

    pages = [operator.get(LIST), operator.get(page(licence))]
    pages += [operator.get(page(licence, "rotate")), act(operator, "revoke_selected", licence)]

    assert all("<script>alert" not in answer.content.decode() for answer in pages)
