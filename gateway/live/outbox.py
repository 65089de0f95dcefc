"""What one socket is still to be told: the newest of each request, no more than it can take."""

import time
from typing import TypedDict

from gateway.live.rows import Row
from gateway.live.sampling import Sample

MOST_WAITING = 200
"""Rows; what comes while so many wait is left out, and counted."""
MOST_AT_ONCE = 50
"""In one message."""
GONE_S = 5.0
"""A process that was silent for so long does not count any more."""


class Message(TypedDict):
    """What is sent to the page."""

    rows: list[tuple[str, Row]]
    """Each with the name of its process."""
    left_out: int
    running: int
    ended: int
    failed: int
    alive: dict[str, list[str]]


class Outbox:
    """Gathers samples for one socket until it takes them."""

    def __init__(self, user: int) -> None:
        self.user = user
        self._rows: dict[str, tuple[str, Row]] = {}
        self._left_out = self._ended = self._failed = 0
        self._alive: dict[str, list[str]] = {}
        self._running: dict[str, tuple[int, float]] = {}

    def put(self, sample: Sample) -> None:
        """Add what a process tells. A row replaces an older one of the same request."""
        process = sample["process"]
        for row in sample["rows"]:
            if row["id"] in self._rows or len(self._rows) < MOST_WAITING:
                self._rows[row["id"]] = (process, row)
            elif row["state"] == "ended":
                self._left_out += 1
        self._left_out += sample["left_out"]
        self._ended += sample["ended"]
        self._failed += sample["failed"]
        self._running[process] = (sample["running"], time.monotonic())
        if sample["alive"] is not None:
            self._alive[process] = sample["alive"]

    def take(self) -> Message:
        """What is to be sent now."""
        first = list(self._rows)[:MOST_AT_ONCE]
        since = time.monotonic() - GONE_S
        message: Message = {
            "rows": [self._rows.pop(id) for id in first],
            "left_out": self._left_out,
            "running": sum(count for count, at in self._running.values() if at > since),
            "ended": self._ended,
            "failed": self._failed,
            # Rows that wait are older than this list: it comes when they are out.
            "alive": {} if self._rows else self._alive,
        }
        self._left_out = self._ended = self._failed = 0
        if not self._rows:
            self._alive = {}
        return message
