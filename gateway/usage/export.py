"""Single requests as CSV, however many: read in batches, each a query of its own.

No transaction and no cursor stays open between them, so an export that takes minutes holds up
neither the database's clean-up nor a connection; its reader decides how fast it goes. All work is
done in the request's own thread: the event loop, which relays calls, only passes the bytes on.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import Q
from django.utils import timezone

from gateway.usage import sheets
from gateway.usage.groups import Scope

BATCH = 1_000
"""Rows: some ten milliseconds of work, half a megabyte at most."""
_TEXTS = (
    *("licence_name", "platform", "credential_name", "endpoint", "model", "upstream_model"),
    *("outcome", "error_code", "error"),
)
_NUMBERS = (
    *("status", "attempts", "prompt_tokens", "cached_tokens", "cache_write_tokens"),
    *("completion_tokens", "reasoning_tokens", "images", "seconds"),
    *("price_version", "first_byte_ms", "latency_ms"),
)
_FLAGS = ("stream", "measured")
COLUMNS = ("request_id", "at", "licence_id", *_TEXTS, *_FLAGS, *_NUMBERS, "cost")
_FIELDS = (
    "id",
    *("at", "request_id", "licence_id", "cost_micros"),
    *_TEXTS,
    *_FLAGS,
    *_NUMBERS,
)
_TEXT_AT, _FLAG_AT = 5, 5 + len(_TEXTS)
_NUMBER_AT = _FLAG_AT + len(_FLAGS)


class Requests:
    """The requests of a scope up to now, the oldest first, batch by batch."""

    def __init__(self, scope: Scope, batch: int = BATCH) -> None:
        self._rows = scope.records().filter(at__lte=timezone.now()).order_by("at", "id")
        self._batch = batch
        self._last: tuple[datetime, int] | None = None

    def next(self) -> bytes:
        """The next lines; empty after the last. Blocks."""
        rows = self._rows
        if self._last is not None:
            at, number = self._last
            # The first condition is for the index, which knows the moments alone.
            rows = rows.filter(Q(at__gt=at) | Q(id__gt=number), at__gte=at)
        found = list(rows.values_list(*_FIELDS)[: self._batch])
        if not found:
            return b""
        self._last = found[-1][1], found[-1][0]
        return sheets.lines(map(_cells, found))


async def requests(scope: Scope) -> AsyncIterator[bytes]:
    """The whole file, piece by piece; its head comes before the first query."""
    yield (sheets.BOM.encode() + sheets.lines([COLUMNS]))
    batches = Requests(scope)
    read = sync_to_async(batches.next, thread_sensitive=True)
    while piece := await read():
        yield piece


def _cells(row: tuple[Any, ...]) -> list[object]:
    _id, at, request_id, licence_id, cost = row[:_TEXT_AT]
    return [
        sheets.cell(request_id),
        at.astimezone(UTC).isoformat(timespec="milliseconds"),
        licence_id,
        *map(sheets.cell, row[_TEXT_AT:_FLAG_AT]),
        *("yes" if flag else "no" for flag in row[_FLAG_AT:_NUMBER_AT]),
        *row[_NUMBER_AT:],
        sheets.amount(cost),
    ]
