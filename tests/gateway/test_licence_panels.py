"""What the gateway shows on a licence's page: use by day, last requests, models, rates."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from gateway.console import licence_panels
from gateway.models import UsageDay, UsageRecord
from licences.holders import limits_of
from licences.issuing import issue
from licences.models import Licence
from platforms.adding import add_platform
from platforms.models import ModelMapping

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def licence() -> Licence:
    """A licence that is used."""
    return issue(name="ada")[0]


def client_of(*permissions: str) -> Client:
    """Staff with these permissions."""
    user = User.objects.create(username="-".join(permissions) or "nobody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def used(licence: Licence, days_ago: int = 0, **over: Any) -> None:
    day = timezone.now().date() - timedelta(days=days_ago)
    sums = {"requests": 10, "errors": 1, "prompt_tokens": 2000, "completion_tokens": 500}
    UsageDay.objects.create(
        day=day,
        licence_id=licence.pk,
        **{"platform": "acme", "model": "m", "cost_micros": 1_500_000, **sums, **over},
    )


def record(licence: Licence, number: int, **over: Any) -> UsageRecord:
    return UsageRecord.objects.create(
        request_id=f"foaicmpl-{licence.pk}-{number}",
        at=timezone.now() - timedelta(minutes=number),
        licence_id=licence.pk,
        endpoint="chat.completions",
        **{"platform": "acme", "model": "m", "outcome": "completed", "status": 200, **over},
    )


def shown(client: Client, licence: Licence) -> str:
    answer = client.get(reverse("admin:licences_licence_change", args=[licence.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def chart(text: str, name: str) -> Any:
    found = re.search(rf'<script id="licence-{name}" type="application/json">(.*?)</script>', text)
    assert found, name
    return json.loads(found[1])


def test_the_charts_have_every_day_and_the_sums_of_all_models(licence: Licence) -> None:
    used(licence)
    used(licence, model="n")
    used(licence, days_ago=29)
    used(licence, days_ago=30)
    other, _key = issue(name="bob")
    used(other, requests=999)

    text = shown(client_of("view_licence", "view_usageday"), licence)

    requests, cost = chart(text, "requests"), chart(text, "cost")
    assert len(requests["labels"]) == 30
    answered, failed = (series["values"] for series in requests["series"])
    assert (answered[0], answered[-1], sum(answered)) == (9, 18, 27)
    assert (failed[-1], sum(failed)) == (2, 3)
    assert cost["series"][0]["values"][-1] == 3.0
    assert "30 requests, 3 of them failed; 6.00 k prompt and 1.50 k completion tokens" in text
    assert "4.50 USD" in text


def test_the_last_ten_requests_are_linked_and_so_are_all(licence: Licence) -> None:
    records = [record(licence, number) for number in range(12)]
    client = client_of("view_licence", "view_usagerecord")

    text = shown(client, licence)

    pages = [reverse("admin:gateway_usagerecord_change", args=[one.pk]) for one in records]
    assert [page in text for page in pages] == [True] * 10 + [False] * 2
    url = reverse("admin:gateway_usagerecord_changelist") + f"?licence_id={licence.pk}"
    assert url in text
    record(issue(name="bob")[0], 1)
    assert len(client.get(url).context["cl"].result_list) == 12


@pytest.mark.parametrize(
    ("outcome", "badge"),
    [
        ("completed", "tk-badge tk-badge-good"),
        ("upstream_error", "tk-badge tk-badge-bad"),
        ("refused", "tk-badge tk-badge-warn"),
        ("cancelled", "tk-badge"),
        ("of a newer version", "tk-badge"),
    ],
)
def test_outcomes_are_badges(licence: Licence, outcome: str, badge: str) -> None:
    record(licence, 1, outcome=outcome)
    words = UsageRecord(outcome=outcome).get_outcome_display()

    text = shown(client_of("view_licence", "view_usagerecord"), licence)

    assert f'<span class="{badge}">{words}</span>' in text


def test_who_may_not_see_usage_does_not(licence: Licence) -> None:
    used(licence)
    record(licence, 1)

    text = shown(client_of("view_licence"), licence)

    assert "The last 30 days" not in text
    assert "Last requests" not in text


def test_a_licence_that_is_not_used_says_so(licence: Licence) -> None:
    text = shown(client_of("view_licence", "view_usageday", "view_usagerecord"), licence)

    assert "Not used in the last 30 days" in text
    assert "No requests yet" in text


def test_what_callers_and_platforms_say_is_shown_as_text(licence: Licence) -> None:
    used(licence, model=EVIL, platform=EVIL)
    record(licence, 1, model=EVIL, platform=EVIL, error_code=EVIL, outcome="refused", status=400)

    text = shown(client_of("view_licence", "view_usageday", "view_usagerecord"), licence)

    assert EVIL not in text


def test_more_usage_costs_no_more_queries(licence: Licence) -> None:
    client = client_of("view_licence", "view_usageday", "view_usagerecord")

    def count() -> int:
        with CaptureQueriesContext(connection) as seen:
            shown(client, licence)
        return len(seen)

    before = count()
    for number in range(20):
        used(licence, days_ago=number)
        record(licence, number)

    assert count() == before


def test_platforms_that_answer_are_told_with_their_chat_models() -> None:
    add_platform("sandbox", preset="sandbox")
    acme, _new = add_platform("acme", base_url="https://acme.example/v1")
    off, _new = add_platform("off", base_url="https://off.example/v1")
    type(off).objects.filter(pk=off.pk).update(enabled=False)
    mappings: dict[str, dict[str, Any]] = {
        "chat-1": {},
        "picture": {"kind": "image"},
        "gone": {"enabled": False},
    }
    for name, over in mappings.items():
        ModelMapping.objects.create(platform=acme, public_name=name, **over)

    found = {reach.slug: reach for reach in licence_panels.reaches()}

    assert set(found) == {"sandbox", "acme"}
    assert found["acme"].models == ("chat-1",)
    assert found["sandbox"].models[0] == "sandbox-chat"


def test_without_a_gateway_in_this_process_nobody_counts(licence: Licence) -> None:
    bucket = limits_of(licence.pk, (5, None, None), {})
    assert bucket is not None

    assert licence_panels.usages_of([bucket]) is None
