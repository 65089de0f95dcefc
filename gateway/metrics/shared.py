"""What the processes of one data folder have counted, together.

Each process keeps a file with its numbers and holds a lock on it as the sign that it lives, as with
the usage journal. Whoever is asked adds up all files. What a dead process has counted moves into
one file of the dead, so that no counter ever goes backwards; its gauges end with it.
"""

import contextlib
import fcntl
import os
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from gateway.metrics.series import Numbers, add

LOCK_S = 2.0  # longest wait for another process that adds up
_STALE_S = 3600.0  # age of half-made files that a process left which died while it wrote
_DEAD = "dead.json"


class Shared:
    """This process's file, and a look at all others'. Blocks: to be called in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(4)}.json"
        self._file = -1
        self._writing = threading.Lock()

    def write(self, counted: Numbers, now: Numbers) -> None:
        """Put these in place of what was written before. Raises OSError.

        `counted` stays when this process ends, `now` does not.
        """
        data = orjson.dumps({"counted": list(counted.items()), "now": list(now.items())})
        with self._writing:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Locked before it has its name: without a lock it would be a dead process's.
            file = _replace(self._path, data, lock=True)
            if self._file >= 0:
                os.close(self._file)
            self._file = file

    def close(self) -> None:
        """Let go of the file: from now on it is a dead process's."""
        with self._writing:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def others(self) -> Numbers:
        """All that other processes have counted, and what is so now in those that live.

        Raises OSError, and TimeoutError if another process adds up for longer than LOCK_S.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(self._folder / "lock"):
            found: Numbers = {}
            dead = _Dead(self._folder)
            for path in sorted(self._folder.glob("*-*.json")):
                if path == self._path:
                    continue
                lives, said = _look(path)
                if said is None:
                    continue
                if lives:
                    add(found, _numbers(said["counted"]))
                    add(found, _numbers(said["now"]))
                else:
                    dead.take_in(path, _numbers(said["counted"]))
            dead.keep()
            add(found, dead.counted)
            self._tidy()
            return found

    def _tidy(self) -> None:
        now = time.time_ns() / 1e9
        for path in self._folder.glob("*.new"):
            with contextlib.suppress(FileNotFoundError):
                if now - path.stat().st_mtime > _STALE_S:
                    path.unlink()


class _Dead:
    """The file of the dead. It names those that it holds until their own files are gone.

    So a crash between the two steps counts nobody twice. Only used under the folder's lock.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _DEAD
        said = _read(self._path) or {"counted": [], "names": []}
        self.counted = _numbers(said["counted"])
        self._held: set[str] = set(said["names"])
        self._taken: list[Path] = []

    def take_in(self, path: Path, counted: Numbers) -> None:
        """Add a dead process's numbers."""
        if path.name not in self._held:
            add(self.counted, counted)
        self._taken.append(path)

    def keep(self) -> None:
        """Write, then delete the files of those that were taken in."""
        if not self._taken:
            return
        names = [path.name for path in self._taken]
        data = orjson.dumps({"counted": list(self.counted.items()), "names": names})
        os.close(_replace(self._path, data))
        for path in self._taken:
            path.unlink(missing_ok=True)


def _replace(path: Path, data: bytes, *, lock: bool = False) -> int:
    """Make this the file's content, all at once; the open file. Raises OSError."""
    unnamed = path.with_suffix(".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    file = os.open(unnamed, flags, 0o600)
    try:
        if lock:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        left = memoryview(data)
        while left:
            left = left[os.write(file, left) :]
        unnamed.rename(path)
    except OSError:
        os.close(file)
        unnamed.unlink(missing_ok=True)
        raise
    return file


def _look(path: Path) -> tuple[bool, Any]:
    """Whether its process lives, and what it says; None: the file is gone or cannot be read."""
    while True:
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False, None
        with os.fdopen(file, "rb") as opened:
            lives = False
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lives = True
            if not lives and not os.fstat(file).st_nlink:
                continue  # its process has just put a newer one in its place
            return lives, _parsed(opened.read())


def _read(path: Path) -> Any:
    try:
        return _parsed(path.read_bytes())
    except FileNotFoundError:
        return None


def _parsed(data: bytes) -> Any:
    """What a file says; None for what a power failure left of one."""
    with contextlib.suppress(orjson.JSONDecodeError):
        return orjson.loads(data)
    return None


def _numbers(said: Any) -> Numbers:
    return {tuple(key): values for key, values in said}


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone among the processes. Raises TimeoutError after LOCK_S."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + LOCK_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError("Another process holds the metrics' lock.") from None
                time.sleep(0.01)
        yield
    finally:
        os.close(file)
