"""How long an upstream asks to wait, in all the ways in which that is said."""

from typing import Any

import orjson
import pytest

from gateway.protocols import PROTOCOLS
from gateway.protocols.waits import duration_s, wait_s

DATE = "Mon, 23 Nov 2026 10:00:00 GMT"
LATER = "Mon, 23 Nov 2026 10:00:30 GMT"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("34s", 34),
        ("34.074824224s", 34.074824224),
        ("20ms", 0.02),
        ("6m0s", 360),
        ("1h2m3.5s", 3723.5),
        ("1d", 86400),
        ("0s", 0),
        (" 7 ", 7),
        ("1.5", 1.5),
        ("", None),
        ("soon", None),
        ("-1s", None),
        ("1s later", None),
        ("inf", None),
        ("nan", None),
        ("1e9", None),
        ("²s", None),
    ],
)
def test_a_duration_is_read_or_it_is_none(said: str, seconds: float | None) -> None:
    assert duration_s(said) == (pytest.approx(seconds) if seconds is not None else None)


def info(delay: Any) -> list[Any]:
    return ["odd", {"@type": "…ErrorInfo"}, {"@type": "…RetryInfo", "retryDelay": delay}]


def resets(a: str, b: str, **remaining: str) -> dict[str, str]:
    left = {f"x-ratelimit-remaining-{name}": count for name, count in remaining.items()}
    both = {"x-ratelimit-reset-requests": a, "x-ratelimit-reset-tokens": b}
    return {**both, **left}


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({}, None, None),
        ({"retry-after": "7"}, None, 7),
        ({"retry-after": "7.5"}, None, 7.5),
        ({"retry-after": "34s"}, None, 34),
        ({"retry-after-ms": "1500", "retry-after": "2"}, None, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, None, 2),
        ({"retry-after-ms": "inf"}, None, None),
        ({"retry-after": LATER, "date": DATE}, None, 30),
        ({"retry-after": DATE, "date": LATER}, None, 0),
        ({"retry-after": LATER}, None, None),
        ({"retry-after": "Mon, 23 Nov 2026 10:00:30 -0000", "date": DATE}, None, None),
        ({"retry-after": "soon", "date": DATE}, None, None),
        ({}, info("34s"), 34),
        ({"retry-after": "5"}, info("34s"), 5),
        ({}, info("soon"), None),
        ({}, info(34), None),
        ({}, {"error_code": "x"}, None),
        # The window that is used up; none said to be: the one that opens first.
        (resets("1s", "6m0s", requests="0", tokens="9"), None, 1),
        (resets("1s", "6m0s", requests="3", tokens="0"), None, 360),
        (resets("1s", "6m0s", requests="0", tokens="0"), None, 360),
        (resets("1s", "20ms", requests="1", tokens="5"), None, 0.02),
        (resets("soon", "20ms"), None, 0.02),
        ({"x-ratelimit-reset-requests": "1s", "retry-after": "3"}, None, 3),
    ],
)
def test_a_wait_is_read_in_every_form(
    headers: dict[str, str], details: Any, seconds: float | None
) -> None:
    assert wait_s(headers, details, windows=True) == seconds


def test_windows_open_and_close_beside_other_failures_too() -> None:
    body = orjson.dumps({"error": {"message": "x"}})
    headers = resets("1s", "2s", requests="0")

    waits = {n: PROTOCOLS["openai"].failure(n, headers, body).retry_after_s for n in (429, 503)}

    assert waits == {429: 1, 503: None}


def test_google_says_it_in_a_header_too() -> None:
    body = orjson.dumps({"error": {"status": "UNAVAILABLE", "message": "x"}})

    assert PROTOCOLS["gemini"].failure(503, {"retry-after": "9"}, body).retry_after_s == 9
