"""The usage journal: a line per finished request, in the kernel before the client has its answer.

Each process appends to a file of its own and holds a lock on it as the sign that it lives: the
kernel drops the lock with the process, however that ends, and a process number used again
cannot be mistaken for its owner.
"""

import fcntl
import logging
import os
import secrets
import socket
import threading
from collections import deque
from pathlib import Path

import orjson

from gateway.shapes import Json

logger = logging.getLogger(__name__)

SUFFIX = ".jsonl"
ROTATE_BYTES = 16 * 2**20
MAX_WAITING = 100_000  # lines that a full disk keeps in memory: about 50 MB
MOST_AT_ONCE = 1000  # waiting lines written in one go: some 3 ms, in which calls stand still


class Journal:
    """This process's file. `append` is called on the event loop, `rotate` from the booking thread.

    Where the disk refuses a line, it waits in memory and is written before the next one; a line
    that was written in part is completed first, so lines are never glued together. When too many
    wait, the oldest are given up: what was used last is what limits and operators look at.
    """

    def __init__(self, folder: Path) -> None:
        """Open a new file in `folder`, which is made if need be."""
        self._folder = folder
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self.trouble: str | None = None
        """Why lines cannot be written, for /readyz; None: all is well."""
        self.lost = 0
        """Lines given up because too many waited."""
        self._file = -1
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._open()

    @property
    def waiting(self) -> int:
        """Lines in memory that the disk has refused."""
        return len(self._waiting)

    def append(self, record: dict[str, Json]) -> None:
        """Write one record, by UsageRecord's field names; `at` is an int of Unix microseconds."""
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            if self._waiting:
                self._wait(line)
                self._write_waiting()
            elif (written := self._write(line)) < len(line):
                self._wait(line[written:])
                self._write_waiting()

    def retry(self) -> None:
        """Write what waits in memory, if there is room again.

        Booking calls it, so that the trouble ends without another request: where /readyz says
        that there is trouble, none may come.
        """
        waiting = self.waiting + 1
        while 0 < self.waiting < waiting:
            waiting = self.waiting
            with self._lock:
                self._write_waiting()

    def rotate(self, booked: int) -> bool:
        """Go on in a new file and delete the old one, of which `booked` bytes are booked.

        Refuses (False) where that is not all of it: a line may have come since the caller looked.
        Raises OSError, and goes on in the old file, if no new one can be made.
        """
        with self._lock:
            if self._waiting or self.size != booked:
                return False
            old, old_path = self._file, self.path
            self._open()
            os.unlink(old_path)
            os.close(old)
            return True

    def close(self) -> None:
        """Write what waits, and let go of the file; the next process books what is left of it."""
        self.retry()
        with self._lock:
            if self._waiting:
                logger.error(
                    "%s usage records could not be written: %s", self.waiting, self.trouble
                )
            os.close(self._file)
            self._file = -1  # its number may soon be another file's: a late line must not get there

    def _open(self) -> None:
        """Begin a file. It gets its name when it is locked.

        Under its name and without a lock it would be a dead process's: another process could book
        it (there is nothing in it), delete it, and with it all that is written to it afterwards.
        """
        host = "".join(c if c.isalnum() else "-" for c in socket.gethostname())[:40]
        path = self._folder / f"{host}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        unnamed = path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        file = os.open(unnamed, flags, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(path)
        except OSError:
            os.close(file)
            unnamed.unlink(missing_ok=True)
            raise
        self._file = file
        self.path = path
        self.size = 0
        """Bytes written so far."""

    def _write(self, line: bytes) -> int:
        """How many bytes of it the disk has taken."""
        try:
            written = os.write(self._file, line)
        except OSError as error:
            self._trouble(error)
            return 0
        self.size += written
        return written

    def _write_waiting(self) -> None:
        for _ in range(MOST_AT_ONCE):
            if not self._waiting:
                break
            line = self._waiting[0]
            written = self._write(line)
            if not written:
                return
            if written == len(line):
                self._waiting.popleft()
            else:
                self._waiting[0] = line[written:]
        if self.trouble and not self._waiting:
            logger.warning("The usage journal can be written again; %s records lost.", self.lost)
            self.trouble = None

    def _wait(self, line: bytes) -> None:
        self._waiting.append(line)
        if len(self._waiting) > MAX_WAITING:
            # The second: the first may be the rest of a line that is half on the disk.
            del self._waiting[1]
            self.lost += 1

    def _trouble(self, error: OSError) -> None:
        if self.trouble is None:
            logger.error("The usage journal cannot be written: %s", error.strerror)
        self.trouble = f"cannot be written: {error.strerror}"
