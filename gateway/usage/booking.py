"""From the journal to the database, each line exactly once.

A batch is a stretch of one journal file. Its place (file, first byte) is unique in the database
and written in the same transaction as its records, sums and spends: a crash at any point leaves
either all of it or nothing, and doing it again does nothing.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import orjson
from django.conf import settings
from django.db import Error, close_old_connections, connections, transaction
from django.utils import timezone

from gateway.models import JournalBatch
from gateway.usage import rows
from gateway.usage.journal import ROTATE_BYTES, SUFFIX, Journal

logger = logging.getLogger(__name__)

BATCH_BYTES = 2**18  # about 600 records, a few milliseconds of work; more only takes memory
MOST_BACKOFF_S = 10.0
KEPT = timedelta(days=7)  # batches of files that are gone


class Booking:
    """Books the journal of this process, and those that dead processes left."""

    def __init__(self, folder: Path, journal: Journal | None) -> None:
        """`journal` None: only what dead processes left."""
        self._folder = folder
        self._journal = journal
        self._path: Path | None = None
        self._offset = 0  # of the own file, booked so far
        self._stopping = False
        self._pruned_on: date | None = None
        self._unreadable: set[Path] = set()  # complained of already
        # A thread of its own: one batch at a time, on one kept connection.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tokens-booking")

    @property
    def lag_bytes(self) -> int:
        """Bytes of the own journal that are not booked yet."""
        if self._journal is None or self._journal.path != self._path:
            return self._journal.size if self._journal else 0
        return self._journal.size - self._offset

    async def run(self) -> None:
        """Book every `TOKENS_BOOKING_S`, for ever. An outage is logged once, and waited out."""
        pause_s = settings.TOKENS_BOOKING_S
        failing = False
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._in_thread()
            except (Error, OSError) as error:
                if not failing:
                    logger.warning("Usage waits in the journal, it cannot be booked: %s", error)
                failing = True
                pause_s = min(pause_s * 2, MOST_BACKOFF_S)
            else:
                if failing:
                    logger.warning("Usage is booked again.")
                failing = False
                pause_s = settings.TOKENS_BOOKING_S

    async def catch_up(self, seconds: float) -> None:
        """Book what dead processes left, for at most so long; the rest is booked by `run`."""
        try:
            async with asyncio.timeout(seconds):
                await self._in_thread()
        except (TimeoutError, Error, OSError) as error:
            logger.warning("What earlier processes used is booked later: %s", error)

    async def flush(self, seconds: float) -> None:
        """Book all there is, for at most so long; what is left waits for the next process."""
        try:
            async with asyncio.timeout(seconds):
                await self._in_thread()
        except TimeoutError:
            logger.warning("Usage stays in the journal until the next start: out of time")
        except (Error, OSError) as error:
            logger.warning("Usage stays in the journal until the next start: %s", error)
        finally:
            # The thread cannot be interrupted, but it can be kept from beginning another batch.
            self._stopping = True
            self._thread.submit(connections.close_all)
            self._thread.shutdown(wait=False)

    async def _in_thread(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self.book)

    def book(self) -> int:
        """Book everything that is there now; how many records. Blocks.

        Raises the database's errors, and OSError for the own file.
        """
        close_old_connections()
        booked = self._own()
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            if self._journal is None or path != self._journal.path:
                booked += self._left_over(path)
        self._prune()
        return booked

    def _own(self) -> int:
        if self._journal is None:
            return 0
        self._journal.retry()
        if self._path != self._journal.path:
            self._path, self._offset = self._journal.path, 0
        booked = 0
        with self._path.open("rb") as file:
            for end, count in self._batches(file.fileno(), self._path, self._offset):
                self._offset, booked = end, booked + count
        if self._offset >= ROTATE_BYTES:
            self._journal.rotate(self._offset)
        return booked

    def _left_over(self, path: Path) -> int:
        """Book a dead process's file and delete it; 0 for a file whose process lives.

        One that cannot be read (another user's) is complained of once, and holds up no other.
        """
        try:
            with _adopted(path) as file:
                return 0 if file is None else self._adopt(file, path)
        except OSError as error:
            if path not in self._unreadable:
                logger.error("%s cannot be booked: %s", path, error)
            self._unreadable.add(path)
            return 0

    def _adopt(self, file: int, path: Path) -> int:
        last = JournalBatch.objects.filter(file=path.name).order_by("-end").first()
        offset, booked = last.end if last else 0, 0
        for end, count in self._batches(file, path, offset):
            offset, booked = end, booked + count
        if self._stopping:
            return booked  # it may not be all; the next process goes on
        if rest := os.pread(file, BATCH_BYTES, offset):
            _set_aside(path, [rest])  # a line that its process could not finish
        os.unlink(path)
        return booked

    def _batches(self, file: int, path: Path, offset: int) -> Iterator[tuple[int, int]]:
        """Book what is there from `offset` on; after each batch, its end and its records."""
        while not self._stopping:
            end, count = _batch(file, path, offset)
            if end == offset:
                return
            yield end, count
            offset = end

    def _prune(self) -> None:
        """Once a day, forget the batches of files that are long gone; not of those still there."""
        now = timezone.now()
        if self._pruned_on == now.date():
            return
        there = [path.name for path in self._folder.glob(f"*{SUFFIX}")]
        JournalBatch.objects.filter(booked_at__lt=now - KEPT).exclude(file__in=there).delete()
        self._pruned_on = now.date()


@contextmanager
def _adopted(path: Path) -> Iterator[int | None]:
    """The open file, if no living process holds it; None otherwise."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None  # another process has just booked it
        return
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            # Deleted by another between our open and our lock: then it is booked.
            yield file if os.fstat(file).st_nlink else None
    finally:
        os.close(file)


def _batch(file: int, path: Path, start: int) -> tuple[int, int]:
    """Book the whole lines from `start` on: the byte after the last, and how many records."""
    data = os.pread(file, BATCH_BYTES, start)
    end = data.rfind(b"\n") + 1
    if not end and len(data) == BATCH_BYTES:
        # No line of ours is so long: zeros, say, that a power failure left. Set aside in pieces.
        end = len(data)
    if not end:
        return start, 0
    good, bad = _parse(data[:end])
    with transaction.atomic():
        batch, is_new = JournalBatch.objects.get_or_create(
            file=path.name,
            start=start,
            defaults={"end": start + end, "records": len(good), "booked_at": timezone.now()},
        )
        if not is_new:
            return batch.end, 0
        rows.insert(good)
    if bad:
        _set_aside(path, bad)
    return start + end, len(good)


def _parse(data: bytes) -> tuple[list[rows.Record], list[bytes]]:
    lines = data.splitlines()
    try:
        return rows.all_checked(list(map(orjson.loads, lines))), []
    except (orjson.JSONDecodeError, rows.NoRecord):
        return _parse_each(lines)


def _parse_each(lines: Iterable[bytes]) -> tuple[list[rows.Record], list[bytes]]:
    good, bad = [], []
    for line in lines:
        try:
            good.append(rows.checked(orjson.loads(line)))
        except (orjson.JSONDecodeError, rows.NoRecord):
            bad.append(line)
    return good, bad


def _set_aside(path: Path, lines: list[bytes]) -> None:
    """Keep what is no record beside the journal, for people: it must not hold up the rest."""
    aside = path.with_suffix(".bad")
    logger.error("%s lines of %s are no usage records; they are in %s", len(lines), path, aside)
    with aside.open("ab") as file:
        file.write(b"\n".join(lines) + b"\n")
