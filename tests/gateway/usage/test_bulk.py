"""What is written in bulk is what was said, whatever is in it; in both databases."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection, transaction

from gateway.models import UsageModelDay, UsageRecord
from gateway.usage import bulk, coarser, rows, sums
from licences.issuing import issue
from licences.models import Licence
from tests.gateway.usage.records import record

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
TEXTS = [
    "plain",
    'quotes " and \\ backslashes \\" \\\\',
    "{braces}, commas, 'single'",
    "NULL",
    "null",
    "",
    " spaces around ",
    "%s per cent %",
    "lines\nand\ttabs\r",
    "中文 é 🙂",
    "$1 ; -- ",
]
KEY = ("day", "platform", "model")

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_as_it_was(text: str) -> None:
    lines = [record(error=text, prices={text or "x": 1}), record(error="other")]

    with transaction.atomic():
        rows.insert([rows.checked(line) for line in lines])

    saved = UsageRecord.objects.get(request_id=lines[0]["request_id"])
    assert (saved.error, saved.prices) == (text, {text or "x": 1})


def test_nothing_is_told_from_zero_and_from_no() -> None:
    lines = [
        record(first_byte_ms=None, licence_id=None, stream=False),
        record(first_byte_ms=0, licence_id=0, stream=True, seconds=0.5),
    ]

    rows.insert([rows.checked(line) for line in lines])

    names = ("first_byte_ms", "licence_id", "stream", "seconds")
    saved = UsageRecord.objects.order_by("request_id").values_list(*names)
    assert list(saved) == [(None, None, False, 0.0), (0, 0, True, 0.5)]


def test_sums_are_made_and_added_to() -> None:
    day = NOW.date()
    for added in (1, 2):
        sums.add(
            UsageModelDay,
            key=KEY,
            sums=coarser.SUMMED,
            also=(),
            rows=[(day, "p", f"m{n}", *[added] * len(coarser.SUMMED)) for n in range(added)],
        )

    found = UsageModelDay.objects.order_by("model").values_list("model", "requests", "seconds")
    assert list(found) == [("m0", 3, 3.0), ("m1", 2, 2.0)]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_there_is_known(text: str) -> None:
    line = record()
    rows.insert([rows.checked({**line, "model": text})])
    asked = [text, "not there"]

    assert bulk.known(UsageRecord, "model", asked) == {text}
    assert bulk.known(UsageRecord, "request_id", [line["request_id"]]) == {line["request_id"]}
    assert bulk.known(Licence, "id", [1, 10**12]) == set()


def test_no_rows_are_no_statement(django_assert_num_queries: pytest.FixtureRequest) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator] # a context manager
        bulk.insert(UsageModelDay, KEY, [])
        bulk.raise_to(Licence, "last_used_at", [], timedelta(0))
        assert bulk.known(Licence, "id", []) == set()


@pytest.mark.parametrize("within", [timedelta(0), timedelta(minutes=1)])
def test_a_moment_is_raised_and_never_lowered(within: timedelta) -> None:
    second = timedelta(seconds=1)
    before = [None, NOW - within - second, NOW - within, NOW, NOW + second]
    licences = [issue(name=f"licence {number}")[0] for number in range(len(before))]
    for licence, at in zip(licences, before, strict=True):
        Licence.objects.filter(pk=licence.pk).update(last_used_at=at)
    rows = [*((licence.pk, NOW) for licence in licences), (10**6, NOW)]

    bulk.raise_to(Licence, "last_used_at", rows, within)

    found = Licence.objects.order_by("pk").values_list("last_used_at", flat=True)
    assert list(found) == [NOW, NOW, NOW - within, NOW, NOW + second]


@pytest.mark.parametrize(
    "at",
    [
        NOW,
        NOW.replace(microsecond=7),
        NOW.replace(microsecond=999_999, hour=3, minute=4, second=5),
        NOW.replace(microsecond=7, tzinfo=timezone(timedelta(hours=-11))),
        NOW.replace(year=987, microsecond=7),
    ],
)
def test_a_moment_is_written_as_django_writes_it(at: datetime) -> None:
    by_django = UsageRecord.objects.create(**{**rows.checked(record()), "at": at})
    rows.insert([{**rows.checked(record()), "at": at}])

    assert UsageRecord.objects.filter(at=at).count() == 2
    assert set(_raw("at")) == {_raw("at", by_django.pk)[0]}


def test_yes_and_no_are_written_as_django_writes_them() -> None:
    line = record(stream=True, measured=False)
    UsageRecord.objects.create(**rows.checked(line))
    rows.insert([rows.checked({**line, "request_id": "other"})])

    assert len(set(_raw("stream"))) == len(set(_raw("measured"))) == 1
    assert UsageRecord.objects.filter(stream=True, measured=False).count() == 2


def _raw(column: str, number: int | None = None) -> list[str]:
    """What the database holds, as text."""
    where = "" if number is None else f" WHERE id = {number}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT CAST({column} AS text) FROM gateway_usagerecord{where}")
        return [value for (value,) in cursor.fetchall()]


def test_numbers_of_the_same_key_are_added_up() -> None:
    few = tuple(range(len(sums.SUMMED)))
    many = tuple(10 * number for number in few)

    found = sums.by_key([("a", few), ("b", few), ("a", many)])

    assert found == {"a": tuple(11 * number for number in few), "b": few}
    assert sums.pick("failed", "requests")(many) == (20, 0)
