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
from pathlib import Path

import orjson

from gateway.shapes import Json

logger = logging.getLogger(__name__)

SUFFIX = ".jsonl"
ROTATE_BYTES = 16 * 2**20
MAX_WAITING = 100_000  # lines that a full disk keeps in memory: about 50 MB


class Journal:
    """This process's file. `append` is called on the event loop, `rotate` from the booking thread.

    Where the disk refuses a line, it waits in memory and is written before the next one; a line
    that was written in part is completed first, so lines are never glued together.
    """

    def __init__(self, folder: Path) -> None:
        """Open a new file in `folder`, which is made if need be."""
        self._folder = folder
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self.trouble: str | None = None
        """Why lines cannot be written, for /readyz; None: all is well."""
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
                return
            try:
                written = os.write(self._file, line)
            except OSError as error:
                self._trouble(error)
                self._wait(line)
                return
            self.size += written
            if written < len(line):
                self._wait(line[written:])
                self._write_waiting()

    def rotate(self) -> bool:
        """Go on in a new file and delete the old one; the caller has booked all of it.

        Refuses (False) when a line came in between.
        """
        with self._lock:
            if self._waiting or os.fstat(self._file).st_size != self.size:
                return False
            old, old_path = self._file, self.path
            self._open()
            os.unlink(old_path)
            os.close(old)
            return True

    def close(self) -> None:
        """Write what waits, and let go of the file; the next process books what is left of it."""
        with self._lock:
            if self._waiting:
                self._write_waiting()
            if self._waiting:
                logger.error(
                    "%s usage records could not be written: %s", self.waiting, self.trouble
                )
            os.close(self._file)

    def _open(self) -> None:
        host = "".join(c if c.isalnum() else "-" for c in socket.gethostname())[:40]
        name = f"{host}-{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        self.path = self._folder / name
        self.size = 0
        """Bytes written so far."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        # Held before it has its name: one that nobody holds would be taken for a dead process's.
        unnamed = self.path.with_suffix(".new")
        self._file = os.open(unnamed, flags, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.rename(unnamed, self.path)

    def _write_waiting(self) -> None:
        try:
            while self._waiting:
                line = self._waiting[0]
                written = os.write(self._file, line)
                self.size += written
                if written == len(line):
                    self._waiting.pop(0)
                else:
                    self._waiting[0] = line[written:]
        except OSError as error:
            self._trouble(error)
        else:
            if self.trouble:
                logger.warning("The usage journal can be written again.")
            self.trouble = None

    def _wait(self, line: bytes) -> None:
        self._waiting.append(line)
        if len(self._waiting) > MAX_WAITING:
            # The second: the first may be the rest of a line that is half on the disk.
            del self._waiting[1]

    def _trouble(self, error: OSError) -> None:
        if self.trouble is None:
            logger.error("The usage journal cannot be written: %s", error.strerror)
        self.trouble = f"cannot be written: {error.strerror}"
