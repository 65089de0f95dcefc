"""The page of live requests, and the way from it to what is booked."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from gateway.models import UsageRecord

pytestmark = pytest.mark.django_db
RECORD = "/admin/live/record/foaicmpl-1/"


def signed_in(client: Client, *permissions: str, staff: bool = True) -> Client:
    user = User.objects.create_user("olga", password="pw", is_staff=staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("permissions", "staff", "status"),
    [(("watch_live",), True, 200), ((), True, 403), (("watch_live",), False, 302)],
    ids=["may", "may not", "no staff"],
)
def test_the_page_is_for_staff_with_the_permission(
    client: Client, permissions: tuple[str, ...], staff: bool, status: int
) -> None:
    assert signed_in(client, *permissions, staff=staff).get("/admin/live/").status_code == status


def test_who_may_not_see_records_gets_no_way_to_them(client: Client) -> None:
    signed_in(client, "watch_live")

    page = client.get("/admin/live/").content.decode()

    assert "usagerecord" not in page
    assert "/record/" not in page
    assert client.get(RECORD).status_code == 403


def test_a_request_leads_to_its_record_once_it_is_booked(client: Client) -> None:
    signed_in(client, "watch_live", "view_usagerecord")
    early = client.get(RECORD)
    fields: dict[str, Any] = {"endpoint": "chat", "outcome": "completed", "status": 200}
    record = UsageRecord.objects.create(request_id="foaicmpl-1", at=timezone.now(), **fields)

    found = client.get(RECORD)

    assert early.status_code == 404
    assert "not booked" in early.content.decode()
    assert found["Location"] == f"/admin/gateway/usagerecord/{record.pk}/change/"
    assert client.get(found["Location"]).status_code == 200


def test_an_id_that_nobody_gave_is_shown_as_text(client: Client) -> None:
    signed_in(client, "view_usagerecord")

    page = client.get("/admin/live/record/%3Cimg src=x onerror=alert(1)%3E/")

    assert page.status_code == 404
    assert "<img src=x" not in page.content.decode()
