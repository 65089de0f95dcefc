"""Journal lines for tests."""

import itertools
from typing import Any

NOON = 1_795_435_200_000_000  # 2026-11-23 12:00 UTC, in microseconds
_numbers = itertools.count()


def record(**over: Any) -> dict[str, Any]:
    """A line as the gateway writes it for a completed call."""
    return {
        "request_id": f"foaicmpl-{next(_numbers):032x}",
        "at": NOON,
        "licence_id": 1,
        "licence_name": "ada",
        "platform": "acme",
        "endpoint": "chat",
        "model": "m-1",
        "outcome": "completed",
        "status": 200,
        "attempts": 1,
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "measured": True,
        "latency_ms": 20,
        **over,
    }
