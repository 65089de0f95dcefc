"""How long an upstream asks to wait: `Retry-After` in all its forms, and what stands in for it.

Sources: RFC 9110 §10.2.3; wire notes openai-chat (headers, Nov 2026), gemini §1. Pure.
"""

import math
import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime

from gateway.shapes import Json

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PIECE = r"(\d{1,9}(?:\.\d{1,12})?)(ms|s|m|h|d)"
_PIECES = re.compile(_PIECE, re.ASCII)
_DURATION = re.compile(f"(?:{_PIECE})+", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,12})?", re.ASCII)
_WINDOWS = ("requests", "tokens")


def wait_s(
    headers: Mapping[str, str], details: Json = None, *, windows: bool = False
) -> float | None:
    """Seconds to wait before the next call; None where nothing readable is said.

    `details`: of Google's error object, one of which may be a RetryInfo. `windows`: whether the
    rate limits' own headers may answer; they come with every answer, so only a 429's mean it.
    """
    waits = (
        _thousandths(headers.get("retry-after-ms", "")),
        _after(headers),
        _retry_info(details),
        _until_a_window_opens(headers) if windows else None,
    )
    return next((wait for wait in waits if wait is not None), None)


def duration_s(said: str) -> float | None:
    """Seconds of `34s`, `6m0s`, `20ms`, `1h2m3.5s` or a bare number of them; None otherwise."""
    said = said.strip()
    if _NUMBER.fullmatch(said):
        return float(said)
    if not _DURATION.fullmatch(said):
        return None
    return math.fsum(float(number) * _UNITS[unit] for number, unit in _PIECES.findall(said))


def _thousandths(said: str) -> float | None:
    return float(said) / 1000 if _NUMBER.fullmatch(said := said.strip()) else None


def _after(headers: Mapping[str, str]) -> float | None:
    said = headers.get("retry-after", "")
    if (wait := duration_s(said)) is not None or not said:
        return wait
    try:
        # The upstream's own clock, so that no other is needed.
        now = parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (parsedate_to_datetime(said) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _retry_info(details: Json) -> float | None:
    """A RetryInfo's `12s`."""
    given: Iterable[Json] = details if isinstance(details, list) else ()
    said = [one.get("retryDelay") for one in given if isinstance(one, dict)]
    waits = (duration_s(one) for one in said if isinstance(one, str))
    return next((wait for wait in waits if wait is not None), None)


def _until_a_window_opens(headers: Mapping[str, str]) -> float | None:
    """When what is used up is there again: the last of those, the first where none says so."""
    opens: dict[str, float] = {}
    for name in _WINDOWS:
        wait = duration_s(headers.get(f"x-ratelimit-reset-{name}", ""))
        if wait is not None:
            opens[name] = wait
    spent = [
        opens[n] for n in opens if headers.get(f"x-ratelimit-remaining-{n}", "").strip() == "0"
    ]
    return max(spent) if spent else min(opens.values(), default=None)
