"""The usage explorer: what it sums up, where its rows lead, who may see it."""

import csv
import io
import json
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gateway.console.explorer.asked import asked, today
from gateway.models import UsageDay, UsageModelDay, UsageWeek
from gateway.usage import groups, report, rows
from gateway.usage.groups import By, Scope
from licences.issuing import issue
from tests.gateway.usage.records import record

pytestmark = pytest.mark.django_db
EXPLORER = "/admin/explorer/"
XSS = "<script>alert(1)</script>"


@pytest.fixture
def owner() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="o", is_staff=True, is_superuser=True))
    return client


def staff(*permissions: str) -> Client:
    user = User.objects.create(username="+".join(permissions) or "nobody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def book(count: int = 400, days: int = 50, licences: int = 12) -> None:
    """Requests at random; the same each time."""
    chance = random.Random(7)
    now = timezone.now()
    lines = []
    for _ in range(count):
        licence = 1 + int(chance.random() ** 2 * licences)
        platform = chance.choice(("acme", "other"))
        lines.append(
            record(
                at=int((now - timedelta(days=chance.random() * days)).timestamp() * 1e6),
                licence_id=licence,
                licence_name=f"licence {licence}",
                platform=platform,
                model=chance.choice(("m-1", "m-2", "m-3")),
                status=chance.choice((200, 200, 200, 502)),
                prompt_tokens=chance.randrange(1000),
                cost_micros=chance.randrange(5000),
                images=chance.randrange(3),
                latency_ms=chance.randrange(9000),
            )
        )
    for begin in range(0, count, 90):
        rows.insert(rows.checked(line) for line in lines[begin : begin + 90])


def sheet(client: Client, path: str) -> list[dict[str, str]]:
    text = client.get(path).content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def command(by: str, since: date) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("usage", "report", "--by", by, "--since", str(since), "--json", stdout=out)
    found: list[dict[str, Any]] = json.loads(out.getvalue())
    return found


@pytest.mark.parametrize("by", report.GROUPS)
@pytest.mark.parametrize("days", [1, 6, 30, 47])
def test_the_page_and_the_command_agree(owner: Client, by: By, days: int) -> None:
    book()
    since = today() - timedelta(days=days)

    page: Any = owner.get(EXPLORER, {"from": str(since), "to": str(today()), "by": by})
    said = command(by, since)

    table = page.context_data["table"]
    assert table.count == len(said) > 0
    found = {
        report.key_of(by, line.key): (
            line.sums.requests,
            line.sums.errors,
            line.sums.prompt_tokens,
            line.sums.images,
            line.sums.cost_micros / 1e6,
        )
        for line in table.lines
    }
    names = ("requests", "errors", "prompt_tokens", "images", "cost")
    assert found == {row["key"]: tuple(row[name] for name in names) for row in said}
    assert table.total.requests == sum(row["requests"] for row in said)
    chart = page.context_data["chart"]
    drawn = sum(sum(series["values"]) for series in chart["series"])
    assert drawn == pytest.approx(sum(row["cost"] for row in said))


@pytest.mark.parametrize("by", ["licence", "platform", "model", "day", "month"])
def test_each_roll_up_says_the_same(by: By) -> None:
    book(days=70)
    for days in range(0, 60, 7):
        for length in (0, 5, 8, 23):
            until = today() - timedelta(days=days)
            scope = Scope(until - timedelta(days=length), until, platform="acme")

            assert groups.grouped(scope, by) == groups.grouped(scope, by, from_days=True)


def test_what_was_there_before_the_coarser_roll_ups_is_added_up_by_the_migration() -> None:
    from importlib import import_module

    book()
    weeks = set(UsageWeek.objects.values_list("week", "licence_id", "model", "cost_micros"))
    models = set(UsageModelDay.objects.values_list("day", "platform", "model", "latency_ms"))
    UsageWeek.objects.all().delete()
    UsageModelDay.objects.all().delete()

    with connection.schema_editor() if connection.vendor == "postgresql" else _Editor() as editor:
        import_module("gateway.migrations.0012_coarser_sums").fill(None, editor)

    again = set(UsageWeek.objects.values_list("week", "licence_id", "model", "cost_micros"))
    assert again == weeks
    assert models == set(
        UsageModelDay.objects.values_list("day", "platform", "model", "latency_ms")
    )


class _Editor:
    """SQLite's own wants no transaction around it."""

    connection = connection

    def __enter__(self) -> "_Editor":
        return self

    def __exit__(self, *_: object) -> None: ...

    def execute(self, sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)


@dataclass(frozen=True)
class Case:
    id: str
    given: str
    scope: Scope
    by: str = "licence"
    problems: int = 0


DAY = date(2026, 11, 3)


@pytest.mark.parametrize(
    "case",
    [
        Case("dates", "from=2026-11-03&to=2026-11-03&by=day", Scope(DAY, DAY), "day"),
        Case("turned", "from=2026-11-04&to=2026-11-03", Scope(DAY, date(2026, 11, 4)), problems=1),
        Case(
            "named",
            "from=2026-11-03&to=2026-11-03&licence=ada+(7)&model=m&platform=p",
            Scope(DAY, DAY, "p", "m", 7),
        ),
        Case(
            "none",
            "from=2026-11-03&to=2026-11-03&platform=-&licence=-",
            Scope(DAY, DAY, platform="", licence_id=0),
        ),
        Case(
            "unknown",
            "from=2026-11-03&to=2026-11-03&licence=eve&by=moon&measure=joy",
            Scope(DAY, DAY, licence_name="eve"),
        ),
    ],
    ids=lambda case: case.id,
)
def test_an_address_says_what_is_asked(case: Case) -> None:
    found = asked(QueryDict(case.given).dict())

    assert (found.scope, found.by, len(found.problems)) == (case.scope, case.by, case.problems)
    again = asked(QueryDict(found.query()).dict())
    assert again.scope == found.scope


@pytest.mark.parametrize(("period", "days"), [("today", 1), ("7", 7), ("90", 90), ("", 30)])
def test_periods_end_today(period: str, days: int) -> None:
    scope = asked({"period": period}).scope

    assert (scope.until - scope.since).days + 1 == days
    assert scope.until == datetime.now(UTC).date()


@pytest.mark.parametrize(
    "query",
    [
        "from=0001-01-01&to=9999-12-31",
        "from=x&to=%00",
        "page=99999999999&by=day",
        "page=4444",
        "licence=99999999999999999999&model=%00&platform=%00",
        "period=90&measure=latency&by=month",
        "from=1970-01-01&to=9000-12-31&by=licence",
    ],
)
def test_whatever_an_address_says_there_is_a_page(owner: Client, query: str) -> None:
    book(40)

    assert owner.get(f"{EXPLORER}?{query}").status_code == 200
    assert owner.get(f"{EXPLORER}sums.csv?{query}").status_code == 200


def test_a_row_leads_into_itself_and_then_to_its_requests(owner: Client) -> None:
    book()
    query, seen = "?period=30&by=month", []
    for _step in range(8):
        page: Any = owner.get(EXPLORER + query)
        seen.append(page.context_data["asked"].by)
        row = page.context_data["rows"][-1]
        if not row["deeper"].startswith("?"):
            break
        query = row["deeper"]

    assert seen == ["month", "day", "licence", "platform", "model"]
    listed: Any = owner.get(row["deeper"])
    assert listed.status_code == 200
    assert listed.context_data["cl"].result_count == row["line"].sums.requests > 0


def test_every_groups_requests_are_as_many_as_it_has(owner: Client) -> None:
    book()
    for by in ("licence", "platform", "model", "day"):
        page: Any = owner.get(f"{EXPLORER}?period=90&by={by}")
        for row in page.context_data["rows"]:
            listed: Any = owner.get(row["requests"])
            assert listed.context_data["cl"].result_count == row["line"].sums.requests, by


def test_who_may_see_what() -> None:
    book(20)
    sums, requests = staff("view_usageday"), staff("view_usagerecord")
    paths = ("", "sums.csv", "choices/", "requests.csv")

    def statuses(client: Client) -> list[int]:
        return [client.get(EXPLORER + path).status_code for path in paths]

    assert statuses(sums) == [200, 200, 200, 403]
    assert statuses(requests) == [403, 403, 403, 200]
    assert statuses(staff()) == [403, 403, 403, 403]
    assert statuses(Client()) == [302, 302, 302, 302]
    page = sums.get(EXPLORER).content.decode()
    assert "requests.csv" not in page
    assert "usagerecord/?" not in page


def test_names_are_shown_as_text(owner: Client) -> None:
    rows.insert(
        [
            rows.checked(
                record(
                    at=int(timezone.now().timestamp() * 1e6),
                    licence_name=XSS,
                    platform=XSS,
                    model=f"{XSS}'\"",
                )
            )
        ]
    )

    for by in ("licence", "platform", "model"):
        text = owner.get(EXPLORER, {"by": by, "platform": XSS}).content.decode()
        assert "alert(1)" in text
        assert "<script>alert" not in text


def test_no_cell_of_the_sums_is_a_formula(owner: Client) -> None:
    names = ("=1+1", "+1", "-1", "@x", "\tx", "plain")
    now = int(timezone.now().timestamp() * 1e6)
    rows.insert(rows.checked(record(at=now, model=name)) for name in names)

    found = {row["model"] for row in sheet(owner, f"{EXPLORER}sums.csv?by=model")}

    assert found == {"'=1+1", "'+1", "'-1", "'@x", "'\tx", "plain"}


def test_the_sums_file_has_all_groups_and_plain_numbers(owner: Client) -> None:
    book(licences=130, count=900)

    found = sheet(owner, f"{EXPLORER}sums.csv?period=90")
    page: Any = owner.get(f"{EXPLORER}?period=90&page=2")

    assert len(found) == page.context_data["table"].count > 100
    assert sum(int(row["requests"]) for row in found) == 900
    cost = sum(UsageDay.objects.values_list("cost_micros", flat=True)) / 1e6
    assert sum(float(row["cost"]) for row in found) == pytest.approx(cost)
    assert len(page.context_data["rows"]) == len(found) - 100


def test_more_licences_are_no_more_queries(owner: Client) -> None:
    book(60, licences=2)
    with CaptureQueriesContext(connection) as few:
        owner.get(EXPLORER)
    book(600, licences=90)
    with CaptureQueriesContext(connection) as many:
        owner.get(EXPLORER)

    assert len(many) <= len(few) <= 14


def test_a_licence_is_called_what_it_is_called_now(owner: Client) -> None:
    licence, _key = issue(name="new name")
    now = int(timezone.now().timestamp() * 1e6)
    rows.insert(
        rows.checked(record(at=now, licence_id=number, licence_name="old name"))
        for number in (licence.pk, licence.pk + 1)
    )

    page: Any = owner.get(EXPLORER)

    assert {row["line"].name for row in page.context_data["rows"]} == {"new name", "old name"}


def test_an_empty_explorer_says_what_to_do(owner: Client) -> None:
    assert "Choose a longer period" in owner.get(EXPLORER).content.decode()


def test_licences_and_models_are_offered_by_a_part_of_their_name(owner: Client) -> None:
    licence, _key = issue(name=f"Ada {XSS}")

    found = owner.get(f"{EXPLORER}choices/", {"field": "licence", "q": "aDa"}).json()

    assert found == {"choices": [{"value": f"Ada {XSS} ({licence.pk})", "label": ""}]}
    assert owner.get(f"{EXPLORER}choices/", {"field": "pk", "q": "a"}).json() == {"choices": []}
