"""The start page: what it shows, to whom, in which zone, with how many queries."""

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateway.models import MediaTask, UsageDay
from gateway.usage import rows
from licences.issuing import issue
from platforms.models import Platform
from tests.gateway.usage.records import record
from tests.make import make_credential, make_platform

pytestmark = pytest.mark.django_db
HTML = "<img src=x onerror=alert(1)>"
CARDS = {
    "gateway.view_usageday": "Success rate",
    "platforms.view_credential": "Number by state",
    "gateway.view_mediatask": "The one that has waited longest",
    "gateway.view_usagerecord": "Latest failures",
}


def signed_in(*permissions: str, superuser: bool = False) -> Client:
    user = User.objects.create(username="op", is_staff=True, is_superuser=superuser)
    for name in permissions:
        app, codename = name.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def owner() -> Client:
    return signed_in(superuser=True)


def use(ago: timedelta = timedelta(), **over: Any) -> None:
    at = int((timezone.now() - ago).timestamp()) * 1_000_000
    with transaction.atomic():
        rows.insert([rows.checked(record(at=at, **over))])


def page(client: Client, days: int | str = 1, zone: str = "") -> str:
    if zone:
        client.cookies["tokens_zone"] = zone
    answer = client.get(f"/admin/?days={days}")
    assert answer.status_code == 200
    return answer.content.decode()


def figure(text: str, name: str) -> str:
    found = re.search(rf">{re.escape(name)}</dt>\s*<dd[^>]*>(.*?)</dd>", text, re.DOTALL)
    assert found, name
    return unescape(found[1]).strip()


def chart(text: str, id: str) -> dict[str, Any]:
    found = re.search(rf'<script id="{id}" type="application/json">(.*?)</script>', text, re.DOTALL)
    assert found, id
    loaded: dict[str, Any] = orjson.loads(found[1])
    return loaded


@pytest.mark.parametrize("days", [1, 7, 30])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Europe/Berlin", "America/Havana"])
def test_the_newest_request_is_in_every_period_wherever_one_is(
    owner: Client, days: int, zone: str
) -> None:
    use(prompt_tokens=1500, completion_tokens=500, cost_micros=2_500_000, latency_ms=2000)

    text = page(owner, days, zone)

    assert figure(text, "Requests") == "1"
    assert figure(text, "Success rate") == "100 %"
    assert figure(text, "Tokens") == "2.00 k"
    assert figure(text, "Cost") == "2.50 USD"
    assert re.fullmatch(r"[12]\.\d\d s", figure(text, "Latency, p95"))
    assert figure(text, "First token, median") == "-"
    assert chart(text, "chart-platform-cost")["series"][0]["name"] == "acme"
    steps = [value for value in chart(text, "chart-model-tokens")["series"][0]["values"] if value]
    assert steps == [2000]


def test_each_period_reaches_as_far_as_it_says(owner: Client) -> None:
    here = ZoneInfo("Asia/Kathmandu")
    midnight = datetime.combine(timezone.now().astimezone(here).date(), datetime.min.time(), here)
    for days in (0, 1, 8, 40):
        use(timezone.now() - midnight - timedelta(minutes=1) + timedelta(days=days))

    found = [figure(page(owner, days, "Asia/Kathmandu"), "Requests") for days in (1, 7, 30)]

    # A minute after midnight: of today, of yesterday, of eight and of forty days ago.
    assert found == ["1", "2", "3"]


@pytest.mark.parametrize("days", ["", "2", "-1", "x", "9" * 400, "７"])
def test_another_period_is_today(owner: Client, days: str) -> None:
    use()

    assert len(chart(page(owner, days, "UTC"), "chart-latency")["labels"]) == 24


def test_trends_are_told_in_words(owner: Client) -> None:
    use(timedelta(days=20))
    for _n in range(4):
        use(timedelta(days=8), latency_ms=1000)
    use(latency_ms=9000)

    text = " ".join(page(owner, 7).split())

    assert '<span aria-hidden="true">▼</span> 75 % less' in text
    assert re.search(r'tk-worse"><span aria-hidden="true">▲</span> [\d.]+ % worse', text)
    assert "Compared with the 7 days before" in text


def test_beyond_seven_the_rest_is_summed(owner: Client) -> None:
    for n in range(10):
        for _n in range(n + 1):
            use(platform=f"p{n}", model="m")

    found = chart(page(owner), "chart-platform-requests")["series"]

    assert [series["name"] for series in found] == [*(f"p{n}" for n in range(9, 2, -1)), "others"]
    assert sum(value or 0 for value in found[-1]["values"]) == 1 + 2 + 3
    assert found[-1]["rest"] is True


def test_an_empty_system_is_led_to_the_first_steps(owner: Client) -> None:
    text = page(owner)

    assert "Nothing has been used yet" in text
    assert 'href="/admin/first-steps/"' in text
    assert "Success rate" not in text


def test_a_day_without_usage_is_no_empty_system(owner: Client) -> None:
    use(timedelta(days=3))

    text = page(owner)

    assert "Nothing has been used yet" not in text
    assert figure(text, "Requests") == "0"
    assert figure(text, "Success rate") == "-"
    assert "Nothing has failed in this period." in text


@pytest.fixture
def busy() -> Platform:
    platform = make_platform("acme")
    make_credential(platform)
    make_credential(platform, "two", disabled_reason="401")
    use(outcome="upstream_error", status=502, error="It broke.")
    now = timezone.now()
    for n, state in enumerate(("queued", "queued", "running", "storing", "completed", "failed")):
        MediaTask.objects.create(
            id=f"video_{n}", licence_id=1, state=state, created_at=now, due_at=now, deadline_at=now
        )
    return platform


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("permission", CARDS)
def test_a_viewer_sees_the_cards_of_his_permissions_alone(permission: str) -> None:
    text = page(signed_in(permission))

    assert {sign for sign in CARDS.values() if sign in text} == {CARDS[permission]}
    assert "Top licences" not in text


@pytest.mark.usefixtures("busy")
def test_who_may_see_nothing_is_told_so() -> None:
    text = page(signed_in())

    assert "Your account may not see any of these figures." in text
    assert not [sign for sign in CARDS.values() if sign in text]
    assert "acme" not in text


def test_credentials_are_counted_by_state_and_linked(owner: Client, busy: Platform) -> None:
    text = page(owner)

    address = f"/admin/platforms/credential/?platform__id__exact={busy.pk}"
    assert f'href="{address}&amp;state=out">1 out of service' in text
    assert f'href="{address}&amp;state=active">1 active' in text
    for state in ("out", "active"):
        listed = owner.get(f"{address}&state={state}").context_data["cl"]  # type: ignore[index]
        assert listed.result_count == 1


@pytest.mark.usefixtures("busy")
def test_tasks_that_have_not_ended_are_counted(owner: Client) -> None:
    found = re.findall(r"state__exact=(\w+)\">(\d+)<", page(owner))

    assert found == [("queued", "2"), ("running", "2")]


@pytest.mark.usefixtures("busy")
def test_the_latest_failures_lead_to_their_records(owner: Client) -> None:
    text = page(owner)

    [link] = re.findall(r'href="(/admin/gateway/usagerecord/\d+/change/)"', text)
    assert "It broke." in text
    assert owner.get(link).status_code == 200


def test_what_others_name_is_shown_as_text(owner: Client) -> None:
    licence, _key = issue(name=HTML)
    bad: dict[str, Any] = {
        "platform": HTML,
        "model": HTML,
        "licence_name": HTML,
        "licence_id": licence.pk,
    }
    use(**bad)
    use(**bad, outcome="truncated", error=HTML, error_code=HTML)

    text = page(owner) + licences(owner).content.decode()

    assert "<img src=x" not in text
    assert "&lt;img src=x" in text
    assert chart(text, "chart-model-requests")["series"][0]["name"] == HTML


def licences(client: Client, days: int = 1) -> Any:
    return client.get(f"/admin/dashboard/licences/?days={days}")


def test_top_licences_are_linked_and_deleted_ones_named(owner: Client) -> None:
    licence, _key = issue(name="ada")
    use(licence_id=licence.pk, cost_micros=5_000_000)
    use(licence_id=4040, cost_micros=7_000_000)

    text = licences(owner).content.decode()

    assert f'<a href="/admin/licences/licence/{licence.pk}/change/">ada</a>' in text
    assert text.index("licence 4040, deleted") < text.index("ada")
    assert "5.00 USD" in text


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        ((), 403),
        (("gateway.view_usageday",), 403),
        (("licences.view_licence",), 403),
        (("gateway.view_usageday", "licences.view_licence"), 200),
    ],
)
def test_top_licences_want_both_permissions(permissions: tuple[str, ...], status: int) -> None:
    use(licence_name="ada")
    answer = licences(signed_in(*permissions))

    assert answer.status_code == status


def test_strangers_are_sent_to_sign_in() -> None:
    for address in ("/admin/", "/admin/dashboard/licences/"):
        answer = Client().get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/admin/login/")


def test_queries_do_not_grow_with_usage(owner: Client, busy: Platform) -> None:
    few = _queries(owner)
    for n in range(15):
        use(timedelta(days=n), platform=f"p{n}", model=f"m{n}", outcome="truncated")
        make_credential(make_platform(f"p{n}"), f"key {n}")

    assert _queries(owner) == few
    assert few < 25
    assert UsageDay.objects.count() > 15


def _queries(client: Client) -> int:
    with CaptureQueriesContext(connection) as found:
        page(client, 30)
        licences(client, 30)
    return len(found)
