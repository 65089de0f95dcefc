"""Lists of millions of rows: which indexes PostgreSQL uses, what is counted, where pages end."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gateway.admin import large
from gateway.models import UsageDay, UsageRecord
from gateway.usage.stepping import values

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
RECORDS = "/admin/gateway/usagerecord/"
DAYS = "/admin/gateway/usageday/"


@pytest.fixture
def console() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="op", is_staff=True, is_superuser=True))
    return client


def records(count: int) -> None:
    UsageRecord.objects.bulk_create(
        UsageRecord(
            request_id=f"foaicmpl-{n}",
            at=NOW - timedelta(minutes=n),
            licence_id=n % 50,
            licence_name=f"licence-{n % 50}",
            platform=f"p{n % 40}",
            model=f"model-{n % 30}",
            credential_name=f"key {n % 60}",
            endpoint="chat.completions",
            outcome="refused" if n % 100 == 0 else "completed",
            measured=n % 100 > 0,
            status=200,
        )
        for n in range(count)
    )


@pytest.fixture
def many() -> None:
    """Enough rows for statistics; plans are those of a table that is too large to be read whole."""
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL is not what runs here")
    records(6_000)
    UsageDay.objects.bulk_create(
        UsageDay(
            day=date(2026, 11, 1) - timedelta(days=n % 90),
            licence_id=n,
            platform=f"p{n % 40}",
            licence_name=f"licence-{n}",
            model="m",
        )
        for n in range(3_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute("SET LOCAL enable_seqscan = off")


def plans(ask: Callable[[], Any]) -> list[str]:
    """How the queries on the tables of usage are answered."""
    with CaptureQueriesContext(connection) as queries:
        ask()
    found = []
    with connection.cursor() as cursor:
        for query in queries.captured_queries:
            if re.search(r'FROM "gateway_usage(record|day)"', query["sql"]):
                cursor.execute("EXPLAIN " + query["sql"])
                found.append("\n".join(line for (line,) in cursor.fetchall()))
    assert found
    return found


@pytest.mark.parametrize(
    ("address", "index"),
    [
        (RECORDS, "usage_at"),
        (f"{RECORDS}?platform=p7", "usage_platform_at"),
        (f"{RECORDS}?outcome__exact=refused", "usage_outcome_at"),
        (f"{RECORDS}?measured__exact=0", "usage_estimated_at"),
        (f"{RECORDS}?q=licence-7", "usage_licence_begins"),
        (f"{RECORDS}?q=model-7", "usage_model_begins"),
        (f"{RECORDS}?q=key 7", "usage_credential_begins"),
        (f"{RECORDS}?q=foaicmpl-77", "gateway_usagerecord_request_id"),
        (f"{RECORDS}?at__year=2026&at__month=10", "usage_at"),
        (f"{RECORDS}?licence_id=7", "usage_licence_at"),
        (f"{RECORDS}?model=model-7", "usage_model_begins"),
        (
            f"{RECORDS}?at__gte=2026-11-01 00:00:00%2B00:00&at__lt=2026-11-02 00:00:00%2B00:00",
            "usage_at",
        ),
        (f"{DAYS}?licence_id=7", "usage_day_licence_day"),
        (f"{DAYS}?platform=p7", "usage_day_platform"),
        (f"{DAYS}?q=licence-77", "usage_day_licence_begins"),
    ],
)
def test_no_page_reads_a_whole_table(many: None, console: Client, address: str, index: str) -> None:
    found = plans(lambda: console.get(address))

    assert any(index in plan for plan in found), "\n\n".join(found)
    assert not [plan for plan in found if "Seq Scan on gateway_usage" in plan]


def pages_of(console: Client, address: str) -> Any:
    answer: Any = console.get(address)
    return answer.context_data["cl"].paginator


def test_more_rows_than_anybody_pages_through_are_not_counted(
    console: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large, "MOST", 100)
    records(120)

    pages = pages_of(console, RECORDS)
    whole = pages_of(console, f"{RECORDS}?platform=p7")

    assert (pages.num_pages, pages.is_cut) == (2, True)
    assert (whole.count, whole.is_cut) == (3, False)
    assert "more than 100 usage records" in " ".join(
        console.get(f"{RECORDS}?measured__exact=1").content.decode().split()
    )
    assert console.get(f"{RECORDS}?p=2").status_code == 200


def test_values_of_a_column_are_all_of_them_in_order() -> None:
    records(45)

    found = values("gateway_usagerecord", "platform")

    assert found == sorted({f"p{n}" for n in range(40)})
    assert values("gateway_usageday", "platform") == []
