"""Single requests as a file: however many, little memory, at once, and no formulas."""

import asyncio
import csv
import io
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.test import AsyncClient
from django.utils import timezone
from typing_extensions import override

from gateway.models import UsageRecord
from gateway.usage import export
from gateway.usage.groups import Scope
from gateway.usage.rows import checked, insert
from tests.gateway.usage.records import record

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 200_000


def fill(count: int) -> None:
    """So many requests of the last day, by the database alone."""
    insert([checked(record(request_id="foaicmpl-first", at=micros(timedelta(hours=23))))])
    fields = [field for field in UsageRecord._meta.concrete_fields if not field.primary_key]
    columns = [str(field.column) for field in fields]
    shown = ["'foaicmpl-' || n" if name == "request_id" else f'"{name}"' for name in columns]
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers "
            f"WHERE n < {count - 1}) INSERT INTO gateway_usagerecord ({names}) "
            f"SELECT {', '.join(shown)} FROM gateway_usagerecord, numbers"
        )


def micros(ago: timedelta) -> int:
    return int((timezone.now() - ago).timestamp() * 1e6)


def scope(**what: Any) -> Scope:
    today = datetime.now(UTC).date()
    return Scope(today - timedelta(days=2), today, **what)


async def lines(pieces: AsyncIterator[bytes]) -> list[dict[str, str]]:
    text = b"".join([piece async for piece in pieces]).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc to read memory from")
async def test_a_large_file_takes_little_memory_and_begins_at_once() -> None:
    await sync_to_async(fill)(MANY)
    pieces = export.requests(scope())
    clock = asyncio.get_running_loop().time
    began = clock()

    first = await anext(pieces) + await anext(pieces)
    first_s = clock() - began
    base_mb, most_mb, count, size = resident_mb(), 0.0, first.count(b"\n") - 1, len(first)
    async for piece in pieces:
        count, size = count + piece.count(b"\n"), size + len(piece)
        most_mb = max(most_mb, resident_mb() - base_mb)
    whole_s = clock() - began

    assert count == MANY
    assert size > 20e6
    assert most_mb < 12
    assert first_s < whole_s / 10


async def test_the_loop_turns_while_a_batch_is_read() -> None:
    await sync_to_async(fill)(20_000)
    turns, pieces = 0, 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with asyncio.TaskGroup() as group:
        turning = group.create_task(turn())
        async for _piece in export.requests(scope()):
            pieces += 1
        turning.cancel()

    assert pieces == 21
    # The loop is free while the thread works: it turns many times for each piece.
    assert turns > 10 * pieces


async def test_who_leaves_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    await sync_to_async(fill)(10_000)
    reads: list[int] = []

    class Counted(export.Requests):
        @override
        def next(self) -> bytes:
            reads.append(1)
            return super().next()

    monkeypatch.setattr(export, "Requests", Counted)
    pieces = export.requests(scope())
    async with asyncio.timeout(30):
        for _ in range(3):
            await anext(pieces)

    await pieces.aclose()  # type: ignore[attr-defined] # it is a generator

    assert len(reads) == 2
    assert [piece async for piece in pieces] == []


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_requests_of_one_moment_come_once_each_and_in_order(batch: int) -> None:
    times = [3, 1, 1, 1, 2, 1, 1]
    insert(
        checked(
            record(
                request_id=f"foaicmpl-{n}", at=micros(timedelta(minutes=9)) // 10**6 * 10**6 + at
            )
        )
        for n, at in enumerate(times)
    )
    reader, found = export.Requests(scope(), batch), b""

    while piece := reader.next():
        found += piece

    ids = [line.split(b",")[0].decode() for line in found.splitlines()]
    assert ids == [f"foaicmpl-{n}" for n in (1, 2, 3, 5, 6, 4, 0)]


async def test_only_what_is_asked_for_is_in_the_file() -> None:
    at = micros(timedelta(minutes=5))
    given = [
        {"licence_id": 1, "platform": "acme", "model": "m"},
        {"licence_id": 2, "platform": "acme", "model": "m"},
        {"licence_id": 1, "platform": "other", "model": "M"},
        {"licence_id": 1, "platform": "acme", "model": "m", "at": micros(timedelta(days=9))},
    ]
    await sync_to_async(insert)([checked(record(**{"at": at, **one})) for one in given])

    async def count(**what: Any) -> int:
        return len(await lines(export.requests(scope(**what))))

    assert await count() == 3
    assert await count(licence_id=1) == 2
    assert await count(platform="acme") == 2
    assert await count(model="m") == 2
    assert await count(model="m", licence_id=1) == 1
    assert await count(licence_name="ada") == 3


async def test_no_cell_is_a_formula_and_all_is_said() -> None:
    names = {"model": "=cmd|' /C calc'!A0", "licence_name": "@SUM(1)", "credential_name": "\t1"}
    tricky = {"error": '+1 "said", he\r\nand left', "error_code": "-1", "upstream_model": "-"}
    line = record(
        at=micros(timedelta(minutes=5)),
        cost_micros=12_500,
        status=502,
        **names,
        **tricky,
    )
    await sync_to_async(insert)([checked(line)])

    [row] = await lines(export.requests(scope()))

    assert list(row) == list(export.COLUMNS)
    assert {name: row[name] for name in (*names, *tricky)} == {
        "model": "'=cmd|' /C calc'!A0",
        "licence_name": "'@SUM(1)",
        "credential_name": "'\t1",
        "error": '\'+1 "said", he\r\nand left',
        "error_code": "'-1",
        "upstream_model": "-",
    }
    assert (row["cost"], row["status"], row["measured"]) == ("0.0125", "502", "yes")
    assert datetime.fromisoformat(row["at"]).tzinfo is not None


async def test_the_view_streams_a_file() -> None:
    await sync_to_async(fill)(2_500)
    user = await User.objects.acreate(username="o", is_staff=True, is_superuser=True)
    client = AsyncClient()
    await client.aforce_login(user)

    answer: Any = await client.get("/admin/explorer/requests.csv", {"period": "7"})

    assert answer.streaming
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="requests-20')
    assert len(await lines(answer.streaming_content)) == 2_500
