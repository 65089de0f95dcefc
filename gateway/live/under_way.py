"""The requests of this process that are under way, and while somebody watches those that ended."""

import asyncio
from collections import deque
from itertools import islice

from gateway.usage.entry import Entry

MOST_ENDED = 2000
"""Kept between two looks; what is more is counted only."""


class UnderWay:
    """All entries between their begin and their end; `none` is set while there are none.

    It is all that a request pays for being watched: one entry in a dict, and its removal.
    """

    def __init__(self) -> None:
        self.none = asyncio.Event()
        self.none.set()
        self._entries: dict[Entry, None] = {}  # in the order in which they began
        self._ended: deque[Entry] | None = None
        self._count_ended = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._entries)

    def begin(self, entry: Entry) -> None:
        """It is under way from now on."""
        self._entries[entry] = None
        self.none.clear()

    def end(self, entry: Entry) -> None:
        """It is over, whatever became of it."""
        self._entries.pop(entry, None)
        if not self._entries:
            self.none.set()
        if self._ended is not None:
            self._ended.append(entry)
            self._count_ended += 1

    def newest(self, most: int) -> list[Entry]:
        """Those that began last, newest first."""
        return list(islice(reversed(self._entries), most))

    def watch(self, *, watched: bool) -> None:
        """Keep from now on what ends, or do not any more."""
        self._ended = deque(maxlen=MOST_ENDED) if watched else None
        self._count_ended = 0

    def take_ended(self) -> tuple[list[Entry], int]:
        """Those that ended since the last time, and how many more there were than could be kept."""
        if self._ended is None:
            return [], 0
        taken, count = list(self._ended), self._count_ended
        self._ended.clear()
        self._count_ended = 0
        return taken, count - len(taken)
