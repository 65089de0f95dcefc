"""The playground's pages: who may see them, who gets a pass, and what is written down of it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateway.console.playground import passing
from gateway.models import Outcome, UsageRecord
from licences import issuing, passes
from licences.models import Licence
from tests.make import make_mapping, make_platform

pytestmark = pytest.mark.django_db
PAGE = "/admin/playground/"
PASS = f"{PAGE}pass/"
BOOKED = f"{PAGE}booked/"


def signed_in(*codenames: str, **over: Any) -> Client:
    user = User.objects.create(username="op", is_staff=True, **over)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator() -> Client:
    return signed_in("use_playground")


@pytest.fixture
def ada() -> Licence:
    return issuing.issue(name="ada")[0]


def facts(response: Any) -> Any:
    return response.context["facts"]


def test_the_paths_are_named() -> None:
    names = ("playground", "playground_pass", "playground_booked")

    assert [reverse(f"console:{name}") for name in names] == [PAGE, PASS, BOOKED]


@pytest.mark.parametrize(
    ("method", "path"), [("get", PAGE), ("post", PASS), ("get", BOOKED)], ids=["page", "pass", "b"]
)
def test_only_staff_with_the_permission_come_in(method: str, path: str, ada: Licence) -> None:
    others = {
        "nobody": (Client(), 302),
        "viewer": (signed_in("view_licence", "view_usagerecord", "watch_live"), 403),
    }
    for name, (client, status) in others.items():
        assert getattr(client, method)(path, {"licence": ada.pk}).status_code == status, name
    User.objects.all().delete()
    customer = signed_in("use_playground")
    User.objects.update(is_staff=False)

    assert getattr(customer, method)(path, {"licence": ada.pk}).status_code == 302
    User.objects.update(is_staff=True)
    assert getattr(customer, method)(path, {"licence": ada.pk}).status_code == 200


def test_a_pass_is_for_this_licence_and_this_user(
    operator: Client, ada: Licence, settings: Any
) -> None:
    response = operator.post(PASS, {"licence": ada.pk})

    answer = response.json()
    now_s = timezone.now().timestamp()
    key = passes.signing_key(settings.SECRET_KEY)
    read = passes.read(answer["pass"].encode(), key, now_s)
    assert read is not None
    assert (read.licence_id, read.user_id) == (ada.pk, User.objects.get().pk)
    assert now_s < read.expires_s <= now_s + answer["seconds"] <= now_s + 600
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("id", ["", "0", "4711", "x", "-1", "1.0", "9" * 30, "²", "\x00"])
def test_a_licence_that_is_not_there_gets_no_pass(operator: Client, id: str) -> None:
    response = operator.post(PASS, {"licence": id})

    assert response.status_code == 404
    assert set(response.json()) == {"error"}


def test_a_pass_is_not_given_to_another_sites_form(operator: Client, ada: Licence) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = operator.cookies

    assert strict.get(PASS).status_code == 405
    assert strict.post(PASS, {"licence": ada.pk}).status_code == 403
    token = strict.get(PAGE).cookies["csrftoken"].value
    assert strict.post(PASS, {"licence": ada.pk}, headers={"X-CSRFToken": token}).status_code == 200


def test_the_licences_history_says_once_that_it_is_used_here(
    operator: Client, ada: Licence
) -> None:
    for _round in range(3):
        operator.post(PASS, {"licence": ada.pk})

    [entry] = LogEntry.objects.all()
    assert (entry.object_id, entry.user.username) == (str(ada.pk), "op")
    assert entry.get_change_message() == "Used in the playground."


def test_a_use_after_a_while_is_another_one(
    operator: Client, ada: Licence, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, _key = issuing.issue(name="bob")
    operator.post(PASS, {"licence": ada.pk})
    operator.post(PASS, {"licence": other.pk})
    assert LogEntry.objects.count() == 2

    later = timezone.now() + timedelta(seconds=passing.PAUSE_S + 2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    operator.post(PASS, {"licence": ada.pk})

    assert LogEntry.objects.filter(object_id=str(ada.pk)).count() == 2
    assert set(operator.session["playground"]) == {str(ada.pk)}


def test_the_page_offers_what_is_in_force(operator: Client, ada: Licence) -> None:
    platform = make_platform("acme")
    make_platform("closed", enabled=False)
    make_mapping(platform, "m-1", kind="image")
    gone, _key = issuing.issue(name="gone")
    issuing.revoke(gone)
    Licence.objects.create(
        name="over", key_hash="x", expires_at=timezone.now() - timedelta(hours=1)
    )

    shown = facts(operator.get(PAGE))

    assert [one["name"] for one in shown["licences"]] == ["ada"]
    assert shown["platforms"] == [
        {"slug": "acme", "name": platform.name, "kinds": {"m-1": "image"}}
    ]
    named = facts(operator.get(f"{PAGE}?licence={gone.pk}&platform=acme"))
    assert [one["name"] for one in named["licences"]] == ["gone", "ada"]
    assert named["chosen"] == {"licence": str(gone.pk), "platform": "acme", "model": ""}


@pytest.mark.parametrize(
    ("networks", "is_outside"),
    [([], False), (["127.0.0.0/8"], False), (["192.0.2.0/24"], True), (["nonsense"], False)],
)
def test_the_page_knows_whom_the_networks_keep_out(
    operator: Client, ada: Licence, networks: list[str], is_outside: bool
) -> None:
    Licence.objects.filter(pk=ada.pk).update(networks=networks)

    [shown] = facts(operator.get(PAGE))["licences"]

    assert shown["is_outside"] is is_outside


def test_an_empty_system_says_what_to_do(operator: Client) -> None:
    without_platform = operator.get(PAGE).content.decode()
    make_platform("acme")
    without_licence = operator.get(PAGE).content.decode()

    assert reverse("console:first_steps") in without_platform
    assert "no licence in force" in without_licence
    assert "main.js" not in without_platform + without_licence


def test_links_are_shown_to_those_who_may_follow_them(ada: Licence) -> None:
    make_platform("acme")
    few = facts(signed_in("use_playground").get(PAGE))["urls"]
    User.objects.all().delete()
    many = facts(signed_in("use_playground", "view_usagerecord", "view_mediatask").get(PAGE))[
        "urls"
    ]

    assert (few["usage"], few["tasks"]) == ("", "")
    assert many["usage"] == reverse("admin:gateway_usagerecord_changelist")
    assert many["tasks"] == reverse("admin:gateway_mediatask_changelist")


def test_names_are_text_wherever_they_stand(operator: Client) -> None:
    make_platform("acme")
    issuing.issue(name="</script><img src=x onerror=alert(1)>")

    content = operator.get(PAGE).content.decode()

    assert "<img src=x" not in content
    assert json.loads(json.dumps(facts(operator.get(PAGE))["licences"]))[0]["name"].startswith("</")


def test_what_was_booked_is_told_once_it_is(operator: Client, settings: Any) -> None:
    settings.TOKENS_CURRENCY = "EUR"
    before = operator.get(BOOKED, {"request": "foaicmpl-1"}).json()
    UsageRecord.objects.create(
        request_id="foaicmpl-1",
        at=timezone.now(),
        outcome=Outcome.COMPLETED,
        status=200,
        cost_micros=1_250_000,
        price_version=1,
    )

    after = operator.get(BOOKED, {"request": "foaicmpl-1"}).json()

    assert before == {"booked": None, "files": []}
    assert after["booked"]["outcome"] == "completed"
    assert after["booked"]["cost"].startswith("1.25")
    assert after["booked"]["is_priced"] is True


@pytest.mark.parametrize("id", ["", "x" * 5000, "\x00", "é"])
def test_odd_ids_are_of_nothing(operator: Client, id: str) -> None:
    answer = operator.get(BOOKED, {"request": id, "task": id})

    assert answer.json() == {"booked": None, "files": []}
