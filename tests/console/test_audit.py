"""The audit: who, what, when, from where; and for whose eyes."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateway import audit
from gateway.audit import AuditEvent, Kind
from tests.console.people import PASSWORD, in_role, person, signed_in
from tests.console.rows import MAKE

pytestmark = pytest.mark.django_db
LIST = "/admin/gateway/auditevent/"


def kinds() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("kind", flat=True))


def test_signing_in_and_out_and_failing_are_written_down(client: Client) -> None:
    person("ada", "owner", PASSWORD)
    sent = {"username": "ada", "password": "wrong"}

    client.post("/admin/login/", sent, REMOTE_ADDR="203.0.113.7")
    client.post("/admin/login/", {**sent, "password": PASSWORD}, REMOTE_ADDR="203.0.113.7")
    client.post("/admin/logout/", REMOTE_ADDR="203.0.113.7")

    assert kinds() == [Kind.REFUSED, Kind.SIGN_IN, Kind.SIGN_OUT]
    assert {*AuditEvent.objects.values_list("username", "address")} == {("ada", "203.0.113.7")}


def test_a_lock_out_is_written_down(client: Client) -> None:
    for _try in range(8):
        client.post("/admin/login/", {"username": "eve<script>", "password": "x"})

    assert kinds() == [Kind.REFUSED] * 4 + [Kind.LOCKED]  # once, and then nothing
    page = in_role("owner").get(LIST).content.decode()
    assert "eve&lt;script&gt;" in page
    assert "eve<script>" not in page


def test_changes_of_rows_are_in_it_with_the_address() -> None:
    client = in_role("operator")
    row = MAKE["platforms_platform"]()
    sent = {"action": "disable_selected", "_selected_action": [row.pk]}

    client.post("/admin/platforms/platform/", sent, REMOTE_ADDR="203.0.113.9")

    event = AuditEvent.objects.get(kind=Kind.CHANGED)
    assert (event.username, event.address) == ("the-operator", "203.0.113.9")
    assert "Acme" in event.subject or "acme" in event.subject


def test_many_rows_deleted_at_once_are_all_in_it() -> None:
    client = in_role("owner")
    rows = [User.objects.create(username=name) for name in ("bob", "eve")]
    sent = {"action": "delete_selected", "_selected_action": [r.pk for r in rows], "post": "yes"}

    client.post("/admin/auth/user/", sent)

    assert AuditEvent.objects.filter(kind=Kind.DELETED, username="the-owner").count() == 2


def test_a_change_of_roles_says_from_what_to_what() -> None:
    bob = person("bob", "viewer")
    group = Group.objects.get(name="operator")
    form = {"username": "bob", "is_active": "on", "groups": [group.pk]}

    in_role("owner").post(reverse("admin:auth_user_change", args=[bob.pk]), form)

    event = AuditEvent.objects.get(kind=Kind.ROLES)
    assert (event.subject, event.detail) == ("bob", "viewer → operator")


def test_what_is_too_old_goes_and_so_do_ended_sessions() -> None:
    client = in_role("owner")
    old = AuditEvent.objects.create(kind=Kind.SIGN_IN, username="x")
    AuditEvent.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=401))
    Session.objects.create(session_key="gone", session_data="", expire_date=timezone.now())

    audit.prune()

    assert kinds() == [Kind.SIGN_IN]
    assert Session.objects.get().session_key == client.session.session_key


def test_it_outlives_who_is_in_it() -> None:
    bob = person("bob", "viewer")
    signed_in(bob)

    bob.delete()

    assert AuditEvent.objects.get().username == "bob"


def test_filters_and_search_work() -> None:
    client = in_role("owner")

    for query in ("?kind=sign_in", "?q=the-owner", "?q=127.0.0.1", "?at__year=2026"):
        assert client.get(LIST + query).status_code == 200
