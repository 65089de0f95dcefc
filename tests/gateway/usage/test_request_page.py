"""The page of one request, and the lists that lead to it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateway.models import MediaTask, UsageRecord
from gateway.usage.rows import checked, insert
from licences.issuing import issue
from platforms.adding import add_credential, add_platform
from tests.gateway.media.test_tasks import make
from tests.gateway.usage.records import NOON, record

pytestmark = pytest.mark.django_db
LIST = "/admin/gateway/usagerecord/"
XSS = "<script>alert(1)</script>"


def booked(**over: Any) -> UsageRecord:
    line = record(**over)
    insert([checked(line)])
    return UsageRecord.objects.get(request_id=line["request_id"])


def shown(client: Client, row: UsageRecord) -> str:
    text = client.get(f"{LIST}{row.pk}/change/").content.decode()
    return re.sub(r"\s+", " ", text)


def test_what_it_cost_is_told_piece_by_piece(admin_client: Client) -> None:
    prices = {"prompt": 3_000_000, "cached": 300_000, "completion": 15_000_000, "request": 100}
    row = booked(
        prompt_tokens=1200,
        cached_tokens=200,
        completion_tokens=10,
        cost_micros=3_310,
        price_version=4,
        prices=prices,
    )

    text = re.sub(r"<[^>]+>", "|", shown(admin_client, row))

    found = re.findall(
        r"\|(Prompt tokens[^|]*|Completion tokens|Request)\|+([\d,]+)\|+([^|]+)\|+([\d.]+)\|", text
    )
    assert found == [
        ("Prompt tokens", "1,000", "3.00 per million", "0.003"),
        ("Prompt tokens from the cache", "200", "0.30 per million", "0.00006"),
        ("Completion tokens", "10", "15.00 per million", "0.00015"),
        ("Request", "1", "0.0001", "0.0001"),
    ]
    assert "0.00331 USD" in text
    assert "price version 4" in text


def test_nothing_that_others_worded_is_html(admin_client: Client) -> None:
    tries = [{"platform": XSS, "model": XSS, "credential": XSS, "ms": 5, "failure": XSS}]
    texts = ("licence_name", "platform", "model", "upstream_model", "credential_name", "endpoint")
    row = booked(
        **dict.fromkeys((*texts, "error", "error_code"), XSS),
        status=502,
        outcome="upstream_error",
        tries=tries,
    )

    for text in (shown(admin_client, row), admin_client.get(LIST).content.decode()):
        assert "&lt;script&gt;alert(1)" in text
        assert "<script>alert" not in text


def test_its_names_lead_on_as_far_as_one_may_follow(admin_client: Client) -> None:
    licence, _key = issue(name="ada")
    platform, _new = add_platform("acme", base_url="http://127.0.0.1:9/v1")
    add_credential(platform, "main", "sk-0123456789abcdef")
    credential = platform.credentials.get()
    row = booked(
        licence_id=licence.pk,
        credential_id=credential.pk,
        credential_name="main",
        endpoint="videos",
    )
    task = make("video_1", request_id=row.request_id)
    links = [
        f"/admin/licences/licence/{licence.pk}/change/",
        f"/admin/platforms/platform/{platform.pk}/change/",
        f"/admin/platforms/credential/{credential.pk}/change/",
        f"/admin/gateway/mediatask/{task.pk}/change/",
        f"/admin/explorer/?licence={licence.pk}",
    ]
    viewer = User.objects.create(username="viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_usagerecord"))
    only = Client()
    only.force_login(viewer)

    text, little = shown(admin_client, row), shown(only, row)

    assert [link for link in links if f'href="{link}' not in text] == []
    assert [link for link in links if f'href="{link}' in little] == []
    page = admin_client.get(f"/admin/gateway/mediatask/{task.pk}/change/").content.decode()
    assert f'href="{LIST}{row.pk}/change/"' in page


def test_its_neighbours_are_the_same_licences(admin_client: Client) -> None:
    first, _other, second, third = (
        booked(licence_id=licence, at=NOON + moment)
        for licence, moment in ((1, 0), (2, 1), (1, 2), (1, 2))
    )

    def neighbours(row: UsageRecord) -> list[int]:
        found = re.findall(
            rf'href="{LIST}(\d+)/change/" rel="(?:prev|next)"', shown(admin_client, row)
        )
        return [int(pk) for pk in found]

    assert neighbours(first) == [second.pk]
    assert neighbours(second) == [first.pk, third.pk]
    assert neighbours(third) == [second.pk]


def test_it_costs_few_queries(admin_client: Client) -> None:
    row = booked()

    with CaptureQueriesContext(connection) as queries:
        shown(admin_client, row)

    assert len(queries) <= 14


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("model=m-1", 2),
        ("model=M-1", 0),
        ("model=m-1&licence_id=2", 1),
        ("licence_id=2", 2),
        ("licence_id=x", 0),
        ("licence_id=99999999999999999999", 0),
        ("platform=", 1),
        ("at__gte=2026-11-23 12:00:00%2B00:00&at__lt=2026-11-23 12:00:01%2B00:00", 3),
    ],
)
def test_the_list_finds_exactly_what_is_asked(admin_client: Client, query: str, found: int) -> None:
    booked(licence_id=1)
    booked(licence_id=2)
    booked(licence_id=2, model="m-10", platform="")
    booked(licence_id=3, model="other", at=NOON + 10**7)

    page: Any = admin_client.get(f"{LIST}?{query}")

    assert page.context_data["cl"].result_count == found
    assert "style=" not in "".join(re.findall(r"<td.*?</td>", page.content.decode(), re.DOTALL))


def test_a_period_that_came_from_elsewhere_is_told(admin_client: Client) -> None:
    booked()
    query = "at__gte=2026-11-23 00:00:00%2B00:00&at__lt=2026-11-24 00:00:00%2B00:00"

    text = admin_client.get(f"{LIST}?{query}").content.decode()

    assert "2026-11-23 00:00 to 2026-11-24 00:00" in text


def test_lists_of_tasks_and_days_have_no_styles_of_their_own(admin_client: Client) -> None:
    booked()
    make("video_1", state="failed", error_message=XSS, completed_at=timezone.now())
    make("video_2", state="running", created_at=timezone.now() - timedelta(hours=1))

    for path in ("mediatask/", "usageday/"):
        text = admin_client.get(f"/admin/gateway/{path}").content.decode()
        cells = "".join(re.findall(r"<td.*?</td>", text, re.DOTALL))
        assert "style=" not in cells
        assert "<script>alert" not in text
    assert MediaTask.objects.count() == 2
