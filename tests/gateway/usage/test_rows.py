"""Journal lines that are not as this version writes them: none holds up its batch."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.models import UsageRecord
from gateway.usage.booking import Booking
from gateway.usage.prices import MAX_COST_MICROS
from tests.gateway.usage.records import record

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
