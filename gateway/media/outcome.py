"""A media task's usage: what it used, and the usage record that books it."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gateway.errors import ApiError
from gateway.models import MediaFile, MediaTask, Outcome
from gateway.shapes import Usage
from gateway.usage import rows
from gateway.usage.prices import cost_micros, prices
from gateway.usage.rows import Record
from platforms.routes import Price

CANCELLED = "cancelled"
"""The code of a task that the operator has ended."""


def used_of(usage: Usage | None) -> dict[str, Any]:
    """Usage as a row keeps it: what is not zero."""
    if usage is None:
        return {}
    return {name: value for name, value in asdict(usage).items() if value}


def usage_of(task: MediaTask, made: Sequence[MediaFile]) -> Usage:
    """What a task that ended well has used: images are counted.

    Seconds are those that the platform tells, or else that were asked for, or that the film has.
    """
    usage = Usage(**task.used)
    if task.kind == "image":
        usage.images = len(made)
        usage.measured = True
    elif not usage.seconds:
        told = task.facts.get("seconds")
        usage.measured = told is not None
        film = task.facts.get("film") or {}
        usage.seconds = (
            _number(told) or _number(task.asked.get("seconds")) or _number(film.get("seconds"))
        )
    return usage


def record_of(task: MediaTask, made: Sequence[MediaFile], error: ApiError | None = None) -> Record:
    """The usage record of a task's end; with an error it costs nothing."""
    now_ns = time.time_ns()
    created_ns = int(task.created_at.timestamp() * 1e9)
    line: dict[str, Any] = {
        "request_id": task.request_id,
        "at": created_ns // 1000,
        "licence_id": task.licence_id,
        "licence_name": task.licence_name,
        "platform": task.platform,
        "endpoint": task.endpoint,
        "model": task.model[:200],
        "upstream_model": task.upstream_model[:200],
        "outcome": str(Outcome.COMPLETED),
        "status": 200,
        "attempts": task.attempts,
        "latency_ms": min(max(0, (now_ns - created_ns) // 1_000_000), 2**31 - 1),
    }
    if task.credential_id:
        line["credential_id"] = task.credential_id
        line["credential_name"] = task.credential_name
    if error is not None:
        refused = error.status < 500 and error.status != 429
        line["outcome"] = str(Outcome.REFUSED if refused else Outcome.UPSTREAM_ERROR)
        if error.code == CANCELLED:
            line["outcome"] = str(Outcome.CANCELLED)
        line["status"] = error.status
        line["error_code"] = (error.code or "")[:60]
        if not refused:
            line["error"] = error.message[:300]
    else:
        price = Price(**task.price)
        usage = usage_of(task, made)
        line.update(asdict(usage))
        if price.version:
            line["cost_micros"] = cost_micros(price, usage)
            line["price_version"] = price.version
            line["prices"] = prices(price)
    return rows.checked(line)


def _number(value: Any) -> float:
    """A number, also one that is written as text; 0.0 where it is none."""
    try:
        number = float(value or 0)
    except (TypeError, ValueError):
        return 0.0
    return number if 0 <= number < 10**6 else 0.0
