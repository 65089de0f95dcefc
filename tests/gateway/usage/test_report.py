"""The report, and the command and pages that show it."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateway.admin.dated import Dated
from gateway.models import Outcome, UsageDay, UsageRecord
from gateway.usage import report, rows
from tests.gateway.usage.records import record

pytestmark = pytest.mark.django_db
TODAY = timezone.now().date()


@pytest.fixture(autouse=True)
def _days() -> None:
    for days_ago, licence, platform, model, cost in (
        (0, "ada", "acme", "m-1", 3_000_000),
        (0, "bob", "acme", "m-2", 1_500_000),
        (3, "ada", "acme", "m-1", 250_000),
        (40, "ada", "other", "m-1", 9_000_000),
    ):
        UsageDay.objects.create(
            day=TODAY - timedelta(days=days_ago),
            licence_id=1 if licence == "ada" else 2,
            licence_name=licence,
            platform=platform,
            model=model,
            requests=2,
            errors=1,
            prompt_tokens=10,
            completion_tokens=4,
            cost_micros=cost,
        )


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("usage", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("licence", [("ada (1)", 4, 3.25), ("bob (2)", 2, 1.5)]),
        ("platform", [("acme", 6, 4.75)]),
        ("model", [("acme/m-1", 4, 3.25), ("acme/m-2", 2, 1.5)]),
        ("day", [(str(TODAY - timedelta(days=3)), 2, 0.25), (str(TODAY), 4, 4.5)]),
    ],
)
def test_sums_by_group_the_dearest_first(by: str, expected: list[Any]) -> None:
    rows = json.loads(run("report", "--by", by, "--since", "7d", "--json"))

    assert [(row["key"], row["requests"], row["cost"]) for row in rows] == expected
    assert set(rows[0]) == {
        *("key", "requests", "errors", "prompt_tokens", "completion_tokens", "cached_tokens"),
        *("images", "seconds", "cost"),
    }


def test_the_table_has_a_total() -> None:
    last = run("report", "--since", "60d").strip().splitlines()[-1]

    assert last.split()[0] == "Total"
    assert "13.75 USD" in last


def test_csv_has_a_head_and_plain_numbers() -> None:
    head, first, *_rest = run("report", "--since", "7d", "--csv").splitlines()

    assert head.startswith("key,requests,errors,")
    assert first == "ada (1),4,2,20,8,0,0,0,3.25"


def test_names_that_callers_chose_steer_neither_terminal_nor_spreadsheet() -> None:
    UsageDay.objects.update(platform="=1+1", model="\x1b[2J\n")

    table = run("report", "--by", "model")
    sheet = run("report", "--by", "platform", "--csv")

    assert "\x1b" not in table
    assert len(table.splitlines()) == 3
    assert sheet.splitlines()[1].startswith("'=1+1,")


def test_nothing_is_said_in_words() -> None:
    UsageDay.objects.all().delete()

    assert "Nothing was used since" in run("report")
    assert json.loads(run("report", "--json")) == []


@pytest.mark.parametrize(
    ("since", "day"),
    [
        ("1d", TODAY),
        ("7d", TODAY - timedelta(days=6)),
        ("2w", TODAY - timedelta(days=13)),
        ("0d", TODAY),
        ("2026-11-01", date(2026, 11, 1)),
    ],
)
def test_periods(since: str, day: date) -> None:
    assert report.first_day(since) == day


@pytest.mark.parametrize("since", ["", "7", "7y", "yesterday", "2026-13-01"])
def test_what_is_no_period_says_what_is(since: str) -> None:
    with pytest.raises(CommandError, match="write 7d, 24h"):
        run("report", "--since", since)


def saved_record(**over: Any) -> UsageRecord:
    return UsageRecord.objects.create(
        **{
            "request_id": "foaicmpl-1",
            "at": timezone.now(),
            "licence_id": 1,
            "licence_name": "<b>ada</b>",
            "platform": "acme",
            "endpoint": "chat",
            "model": "<script>m</script>",
            "outcome": Outcome.COMPLETED,
            "status": 200,
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "cost_micros": 58,
            **over,
        }
    )


@pytest.mark.parametrize("page", ["usagerecord", "usageday"])
def test_nobody_can_change_the_books(page: str) -> None:
    client = Client()
    client.force_login(User.objects.create(username="op", is_staff=True, is_superuser=True))
    row = saved_record() if page == "usagerecord" else UsageDay.objects.latest("id")
    change = reverse(f"admin:gateway_{page}_change", args=[row.pk])

    assert client.get(reverse(f"admin:gateway_{page}_changelist")).status_code == 200
    assert client.get(change).status_code == 200
    assert client.post(change, {"cost_micros": 0}).status_code == 403
    assert client.get(reverse(f"admin:gateway_{page}_add")).status_code == 403
    delete = reverse(f"admin:gateway_{page}_delete", args=[row.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403


def test_a_record_is_found_by_its_id_and_shown_as_text() -> None:
    client = Client()
    user = User.objects.create(username="viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_usagerecord"))
    client.force_login(user)
    saved_record()

    url = reverse("admin:gateway_usagerecord_changelist")
    text = client.get(url, {"q": "foaicmpl-1"}).content.decode()

    assert "0.000058 USD" in text
    assert "<script>m" not in text
    assert "<b>ada" not in text
    assert "foaicmpl-1" not in client.get(url, {"q": "foaicmpl-2"}).content.decode().replace(
        "foaicmpl-2", ""
    )


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="op", is_staff=True, is_superuser=True))
    return client


def listed(operator: Client, **query: str) -> Any:
    return operator.get(reverse("admin:gateway_usagerecord_changelist"), query).context["cl"]


def test_one_drills_down_to_the_days_that_have_records(operator: Client) -> None:
    for number, day in enumerate(("2025-03-01", "2026-01-31", "2026-02-01", "2026-02-28")):
        for hour in (0, 23):
            at = datetime.fromisoformat(f"{day}T{hour:02}:30:00").replace(tzinfo=UTC)
            saved_record(request_id=f"foaicmpl-{number}-{hour}", at=at)
    records = listed(operator).queryset

    def periods(kind: str) -> list[str]:
        return [str(begin.date()) for begin in records.datetimes("at", kind)]

    assert periods("year") == ["2025-01-01", "2026-01-01"]
    assert periods("month") == ["2025-03-01", "2026-01-01", "2026-02-01"]
    assert periods("day") == ["2025-03-01", "2026-01-31", "2026-02-01", "2026-02-28"]
    of_february = listed(operator, at__year="2026", at__month="2").queryset
    assert [day.day for day in of_february.datetimes("at", "day")] == [1, 28]


@pytest.mark.parametrize("kind", ["year", "month", "day"])
def test_the_drill_down_finds_what_django_would(kind: Any, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"  # whose clocks change twice a year
    begin = datetime(2025, 10, 20, 1, tzinfo=UTC)
    for number in range(60):
        saved_record(request_id=f"foaicmpl-{number}", at=begin + timedelta(hours=79 * number))

    found = Dated(UsageRecord).datetimes("at", kind)

    assert found == list(UsageRecord.objects.datetimes("at", kind))


def test_a_requests_id_finds_it_alone(operator: Client) -> None:
    saved_record()
    saved_record(request_id="foaicmpl-2", licence_name="foaicmpl-1")

    assert [r.request_id for r in listed(operator, q=" foaicmpl-1 ").result_list] == ["foaicmpl-1"]


def test_an_outcome_of_another_version_is_shown_as_it_is(operator: Client) -> None:
    saved_record(outcome="moderated")

    page = operator.get(reverse("admin:gateway_usagerecord_changelist"))

    assert "moderated" in page.content.decode()


def test_the_page_of_a_request_shows_each_attempt_and_no_words_as_html(
    operator: Client,
) -> None:
    tries = [
        {
            "platform": "acme",
            "model": "<b>m</b>",
            "credential": "one",
            "ms": 1200,
            "failure": "rate",
        },
        {"platform": "spare", "model": "m-2", "credential": "two", "ms": 30},
    ]
    rows.insert([rows.checked({**record(), "attempts": 2, "tries": tries})])
    found = UsageRecord.objects.get(attempts=2)

    page = operator.get(reverse("admin:gateway_usagerecord_change", args=[found.pk]))

    text = page.content.decode()
    assert found.tries == tries
    assert "Attempt 1 failed after 1.20 s: asked too fast" in text
    assert "acme/&lt;b&gt;m&lt;/b&gt;, one" in text
    assert "Attempt 2: 30 ms until the answer began" in text
    assert "<b>m" not in text
