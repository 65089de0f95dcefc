"""Journal lines that are not as this version writes them: none holds up its batch."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.models import UsageDay, UsageRecord
from gateway.usage import rows
from gateway.usage.booking import Booking
from gateway.usage.prices import MAX_COST_MICROS
from tests.gateway.usage.records import NOON, record

pytestmark = pytest.mark.django_db(transaction=True)


def book(folder: Path, line: dict[str, Any]) -> int:
    """How many are booked of this line and of a good one beside it."""
    lines = [orjson.dumps(line), orjson.dumps(record())]
    (folder / "host-1-dead.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    return Booking(folder, None).book()


@pytest.mark.parametrize("missing", ["request_id", "at", "endpoint", "outcome", "status"])
def test_a_line_without_what_has_no_default_is_no_record(tmp_path: Path, missing: str) -> None:
    line = record()
    del line[missing]

    assert book(tmp_path, line) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stream", 1),
        ("model", 5),
        ("prices", 5),
        ("status", True),
        ("seconds", "3"),
        ("endpoint", None),
    ],
)
def test_a_value_of_another_type_is_no_record(tmp_path: Path, name: str, value: object) -> None:
    assert book(tmp_path, record(**{name: value})) == 1


@pytest.mark.parametrize(
    ("name", "value", "saved"),
    [
        ("status", 70_000, 2**15 - 1),
        ("prompt_tokens", 2**64 - 1, 2**31 - 1),
        ("cost_micros", 2**63, MAX_COST_MICROS),
        ("completion_tokens", -5, 0),
        ("seconds", 3, 3.0),
        ("outcome", "moderated", "moderated"),
        ("credential_id", None, None),
    ],
)
def test_a_value_that_does_not_fit_is_made_to(
    tmp_path: Path, name: str, value: object, saved: object
) -> None:
    line = record(**{name: value})

    assert book(tmp_path, line) == 2
    assert getattr(UsageRecord.objects.get(request_id=line["request_id"]), name) == saved


def test_a_field_of_a_newer_version_is_passed_over(tmp_path: Path) -> None:
    assert book(tmp_path, record(colour="red")) == 2


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("a\x00b", "ab"),
        ("a\\u0000b", "a\\u0000b"),  # six characters that only look like one
        ("a\\\x00\x00b", "a\\b"),
        ("\\\\u0000\\\x00", "\\\\u0000\\"),
    ],
)
def test_names_that_callers_make_up_never_hold_up_booking(
    tmp_path: Path, name: str, saved: str
) -> None:
    assert book(tmp_path, record(tries=[{"model": name}])) == 2
    [tries] = [found.tries for found in UsageRecord.objects.all() if found.tries]
    assert tries == [{"model": saved}]


@pytest.mark.parametrize(
    "over",
    [
        {},
        {"licence_id": None, "first_byte_ms": None},
        {"first_byte_ms": 3, "stream": True, "prices": {"prompt": 3}, "tries": [{"model": "m"}]},
        {"seconds": 2.5, "images": 1},
    ],
)
def test_lines_as_this_version_writes_them_are_checked_all_at_once(over: dict[str, Any]) -> None:
    lines = [record(**over), record()]

    assert rows.all_checked(lines) == [rows.checked(line) for line in lines]


@pytest.mark.parametrize(
    "line",
    [
        *(5, None, "text", [], {}, ["request_id", "at"]),
        *(record(request_id=value) for value in ("", None, 5)),
        *(record(at=value) for value in (None, "now", 2**80)),
        *(record(status=value) for value in (None, True, "200", 200.0, -1, 2**15)),
        *(record(outcome=value) for value in (None, 1, "x" * 21)),
        *(record(model=value) for value in ("a\x00b", "x" * 201)),
        *(record(stream=value) for value in (None, 1)),
        *(record(prices=None), record(prices=[])),
        *(record(credential_id=value) for value in ("5", -1, False)),
        *(record(seconds=value) for value in (3, None)),
        *({k: v for k, v in record().items() if k != name} for name in ("at", "request_id")),
    ],
)
def test_lines_among_which_one_does_not_fit_are_left_to_be_checked_one_by_one(line: Any) -> None:
    with pytest.raises(rows.NoRecord):
        rows.all_checked([record(), line, record()])


def test_a_day_bears_the_name_that_its_licence_was_booked_with_last(tmp_path: Path) -> None:
    late = record(at=NOON + 3_600_000_000, licence_name="before")

    assert book(tmp_path, late) == 2  # the other one, of an hour before, says ada
    assert UsageDay.objects.get().licence_name == "ada"
