"""Booking: each line once, whatever happens in between."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import DatabaseError, InterfaceError, connections
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, given, settings, strategies as st

from gateway.models import JournalBatch, UsageDay, UsageRecord
from gateway.usage import booking as module, rows
from gateway.usage.booking import Booking
from gateway.usage.journal import Journal
from licences.issuing import issue
from licences.models import Licence, LicenceSpend
from tests.gateway.usage.records import NOON, record
from tests.make import make_credential, make_platform

pytestmark = pytest.mark.django_db(transaction=True)
DAY = 86_400_000_000


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()


def booked() -> list[str]:
    return list(UsageRecord.objects.order_by("id").values_list("request_id", flat=True))


def left_over(folder: Path, data: bytes, name: str = "host-1-dead.jsonl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def text(*records: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(r) + b"\n" for r in records)


def test_a_line_becomes_a_record_with_all_its_fields(journal: Journal) -> None:
    line = record(
        stream=True,
        cached_tokens=2,
        cost_micros=58,
        price_version=3,
        prices={"prompt": 2_000_000},
        first_byte_ms=5,
        credential_id=9,
        credential_name="main",
        error_code="x",
    )
    journal.append(line)

    assert Booking(journal.path.parent, journal).book() == 1

    saved: dict[str, Any] = dict(UsageRecord.objects.values().get())
    assert {name: saved[name] for name in line if name != "at"} == {
        name: value for name, value in line.items() if name != "at"
    }
    assert saved["at"].isoformat() == "2026-11-23T12:00:00+00:00"
    assert (saved["images"], saved["upstream_model"]) == (0, "")


def test_booking_again_books_nothing(journal: Journal) -> None:
    booking = Booking(journal.path.parent, journal)
    journal.append(record())
    assert booking.book() == 1
    assert booking.book() == 0
    journal.append(record())
    assert booking.book() == 1

    assert Booking(journal.path.parent, journal).book() == 0  # another one, without memory
    assert UsageRecord.objects.count() == 2
    assert UsageDay.objects.get().requests == 2


@pytest.mark.parametrize("step", ["_insert_records", "_add_to_days", "_add_to_spends", "_note_use"])
def test_a_failure_at_any_step_leaves_nothing_and_the_next_try_all(
    journal: Journal, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    licence, _key = issue(name="ada")
    booking = Booking(journal.path.parent, journal)
    journal.append(record(licence_id=licence.pk, cost_micros=5))

    def fail(*_args: Any) -> None:
        raise DatabaseError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(rows, step, fail)
        with pytest.raises(DatabaseError):
            booking.book()
    assert (UsageRecord.objects.count(), UsageDay.objects.count()) == (0, 0)
    assert (LicenceSpend.objects.count(), JournalBatch.objects.count()) == (0, 0)

    assert booking.book() == 1
    assert UsageDay.objects.get().cost_micros == 5
    assert {s.cost_micros for s in LicenceSpend.objects.all()} == {5}


def test_what_a_dead_process_left_is_booked_and_its_file_deleted(tmp_path: Path) -> None:
    lines = [record() for _ in range(5)]
    path = left_over(tmp_path, text(*lines))

    assert Booking(tmp_path, None).book() == 5

    assert booked() == [line["request_id"] for line in lines]
    assert not path.exists()


def test_a_file_that_was_booked_in_part_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first, second = record(), record()
    path = left_over(tmp_path, text(first))
    data = path.read_bytes()
    Booking(tmp_path, None).book()
    path.write_bytes(data + text(second))

    assert Booking(tmp_path, None).book() == 1
    assert booked() == [first["request_id"], second["request_id"]]


def test_two_that_book_the_same_file_book_it_once(tmp_path: Path) -> None:
    lines = [record() for _ in range(300)]
    left_over(tmp_path, text(*lines))

    def book(_number: int) -> int:
        try:
            return Booking(tmp_path, None).book()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(book, range(4)))

    assert sum(counts) == 300
    assert sorted(booked()) == sorted(line["request_id"] for line in lines)


def test_a_long_file_is_booked_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 1000)
    left_over(tmp_path, text(*(record() for _ in range(50))))

    assert Booking(tmp_path, None).book() == 50
    assert JournalBatch.objects.count() > 5
    assert UsageRecord.objects.count() == 50


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x00\n",
        b'{"request_id": "x", "at"\n',
        b"[]\n",
        b"{}\n",
        b'{"request_id": "x"}\n',
        b'{"request_id": "x", "at": "noon"}\n',
        b'{"request_id": "x", "at": 1, "status": "ok"}\n',
        b'{"request_id": "x", "at": 1, "prompt_tokens": null}\n',
        b'{"request_id": "torn at the end',
    ],
)
def test_garbage_is_set_aside_and_holds_nothing_up(tmp_path: Path, garbage: bytes) -> None:
    good = record()
    path = left_over(tmp_path, text(good) + garbage)

    assert Booking(tmp_path, None).book() == 1

    assert booked() == [good["request_id"]]
    assert path.with_suffix(".bad").read_bytes().strip() == garbage.strip()
    assert not path.exists()


def test_a_record_that_is_there_already_is_summed_once(tmp_path: Path) -> None:
    line = record(cost_micros=5)
    left_over(tmp_path, text(line, line), "one.jsonl")
    left_over(tmp_path, text(line, record(cost_micros=2)), "two.jsonl")

    Booking(tmp_path, None).book()

    assert UsageRecord.objects.count() == 2
    assert (UsageDay.objects.get().requests, UsageDay.objects.get().cost_micros) == (2, 7)


def test_what_an_upstream_exaggerates_is_capped(tmp_path: Path) -> None:
    line = record(prompt_tokens=10**15, model="m\x00" * 500, completion_tokens=-5)
    left_over(tmp_path, text(line))

    Booking(tmp_path, None).book()

    saved = UsageRecord.objects.get()
    assert (saved.prompt_tokens, saved.completion_tokens) == (2**31 - 1, 0)
    assert saved.model == "m" * 200


def test_spend_is_kept_by_total_day_and_month(tmp_path: Path) -> None:
    licence, _key = issue(name="ada")
    mine = {"licence_id": licence.pk, "cost_micros": 5}
    left_over(
        tmp_path,
        text(record(**mine), record(**mine, at=NOON + DAY), record(**mine, at=NOON + 30 * DAY)),
    )

    Booking(tmp_path, None).book()

    spends = {(s.window, str(s.starts_on)): s.cost_micros for s in LicenceSpend.objects.all()}
    assert spends == {
        ("total", "1970-01-01"): 15,
        ("day", "2026-11-23"): 5,
        ("day", "2026-11-24"): 5,
        ("day", "2026-12-23"): 5,
        ("month", "2026-11-01"): 10,
        ("month", "2026-12-01"): 5,
    }


def test_a_deleted_licence_keeps_its_records(tmp_path: Path) -> None:
    left_over(tmp_path, text(record(licence_id=404, cost_micros=5)))

    assert Booking(tmp_path, None).book() == 1
    assert not LicenceSpend.objects.exists()


def test_last_use_is_noted_without_a_reload(tmp_path: Path) -> None:
    licence, _key = issue(name="ada")
    credential = make_credential(make_platform())
    from licences.models import LicenceVersion
    from platforms.models import CatalogueVersion

    versions = LicenceVersion.current(), CatalogueVersion.current()
    mine = {"licence_id": licence.pk, "credential_id": credential.pk}
    left_over(tmp_path, text(record(**mine, at=NOON + DAY), record(**mine)))

    Booking(tmp_path, None).book()

    credential.refresh_from_db()
    used = Licence.objects.get().last_used_at
    assert used == credential.last_used_at
    assert used is not None
    assert used.day == 24
    assert (LicenceVersion.current(), CatalogueVersion.current()) == versions


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "prompt_tokens": st.integers(0, 10**6),
                "cost_micros": st.integers(0, 10**9),
                "model": st.sampled_from(["a", "b"]),
                "licence_id": st.sampled_from([None, 1, 2]),
                "at": st.integers(0, 5).map(lambda days: NOON + days * DAY),
                "status": st.sampled_from([200, 404, 502]),
            }
        ),
        max_size=30,
    ),
    st.integers(400, 3000),
)
def test_roll_ups_are_the_records_sums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[Any], batch: int
) -> None:
    UsageRecord.objects.all().delete()
    UsageDay.objects.all().delete()
    JournalBatch.objects.all().delete()
    monkeypatch.setattr(module, "BATCH_BYTES", batch)
    left_over(tmp_path, text(*(record(**line) for line in lines)))

    Booking(tmp_path, None).book()

    names = ("prompt_tokens", "cost_micros", "completion_tokens")
    of_records = [UsageRecord.objects.aggregate(s=Sum(name))["s"] for name in names]
    assert [UsageDay.objects.aggregate(s=Sum(name))["s"] for name in names] == of_records
    assert (UsageDay.objects.aggregate(s=Sum("requests"))["s"] or 0) == len(lines)
    failed = UsageRecord.objects.filter(status__gte=400).count()
    assert (UsageDay.objects.aggregate(s=Sum("errors"))["s"] or 0) == failed


def test_the_own_file_is_replaced_when_it_is_long(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROTATE_BYTES", 100)
    booking = Booking(journal.path.parent, journal)
    first = journal.path
    journal.append(record())
    booking.book()
    journal.append(record())

    assert booking.book() == 1
    assert not first.exists()
    assert booking.lag_bytes == 0


def test_a_line_that_comes_while_the_file_is_replaced_is_booked(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROTATE_BYTES", 100)
    booking = Booking(journal.path.parent, journal)
    journal.append(record())
    rotate = journal.rotate

    def late(booked: int) -> bool:
        journal.append(record())
        return rotate(booked)

    monkeypatch.setattr(journal, "rotate", late)

    assert [booking.book(), booking.book()] == [1, 1]


def test_zeros_of_a_power_failure_hold_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", 1000)
    zeros = left_over(tmp_path, b"\0" * 2500, "a.jsonl")
    left_over(tmp_path, text(record()), "b.jsonl")

    assert Booking(tmp_path, None).book() == 1

    assert zeros.with_suffix(".bad").read_bytes().count(b"\0") == 2500
    assert not zeros.exists()


def test_a_file_that_cannot_be_read_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.jsonl").symlink_to("a.jsonl")  # cannot be opened, by root neither
    booking = Booking(tmp_path, None)
    left_over(tmp_path, text(record()), "b.jsonl")

    assert booking.book() == 1
    assert booking.book() == 0
    assert caplog.text.count("a.jsonl cannot be booked") == 1


def test_batches_of_files_long_gone_are_forgotten(tmp_path: Path) -> None:
    left_over(tmp_path, text(record()), "new.jsonl")
    for days_ago in (6, 8):
        JournalBatch.objects.create(
            file=f"{days_ago}.jsonl",
            start=0,
            end=9,
            records=1,
            booked_at=timezone.now() - timedelta(days=days_ago),
        )

    Booking(tmp_path, None).book()

    assert set(JournalBatch.objects.values_list("file", flat=True)) == {"6.jsonl", "new.jsonl"}


@pytest.mark.parametrize("error", [DatabaseError, InterfaceError, OSError])
async def test_an_outage_ends_nothing_and_is_logged_once(
    tmp_path: Path,
    error: type[Exception],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.TOKENS_BOOKING_S = 0.001
    loop, again, tries = asyncio.get_running_loop(), asyncio.Event(), iter(range(100))

    def fails_thrice() -> int:
        if next(tries) < 3:
            raise error("gone")
        loop.call_soon_threadsafe(again.set)
        return 0

    booking = Booking(tmp_path, None)
    monkeypatch.setattr(booking, "book", fails_thrice)
    task = loop.create_task(booking.run())
    async with asyncio.timeout(10):
        await again.wait()
    task.cancel()
    await asyncio.wait([task])
    await booking.flush(10)

    assert caplog.text.count("Usage waits in the journal") == 1


def test_after_the_last_flush_no_batch_is_begun(journal: Journal) -> None:
    booking = Booking(journal.path.parent, journal)
    asyncio.run(booking.flush(10))
    journal.append(record())
    rest = left_over(journal.path.parent, text(record()))

    assert booking.book() == 0
    assert rest.exists()
