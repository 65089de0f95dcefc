"""The journal: a line is a line, whatever the disk does."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.usage import journal as module
from gateway.usage.journal import Journal


def lines(journal: Journal) -> list[Any]:
    return [orjson.loads(line) for line in journal.path.read_bytes().splitlines()]


def test_a_record_is_in_the_file_at_once_and_private(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")

    journal.append({"request_id": "a"})

    assert lines(journal) == [{"request_id": "a"}]
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert journal.size == journal.path.stat().st_size
    journal.close()


def test_a_living_process_holds_its_file_and_a_dead_one_does_not(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from gateway.usage.journal import Journal\n"
        f"journal = Journal(Path({str(tmp_path)!r}))\n"
        "journal.append({'request_id': 'a'}); print(journal.path, flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        path = child.stdout.readline().decode().strip()
        with open(path, "rb") as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        child.kill()
        child.wait()

    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert orjson.loads(file.read()) == {"request_id": "a"}


def test_a_file_has_its_name_only_once_it_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    flock = fcntl.flock

    def watched(file: int, how: int) -> None:
        seen.append(list(tmp_path.glob("*.jsonl")))
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", watched)
    journal = Journal(tmp_path)

    assert seen == [[]]
    assert list(tmp_path.iterdir()) == [journal.path]
    journal.close()


class Disk:
    """`os.write` of a disk that takes only so many bytes, until there is room again."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def write(self, file: int, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(file, data[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("room", range(40))
def test_a_full_disk_loses_and_glues_nothing(
    tmp_path: Path, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    disk = Disk(room)
    monkeypatch.setattr(os, "write", disk.write)

    for number in range(3):
        journal.append({"n": number})
    stuck = journal.trouble
    disk.room = 10_000
    journal.append({"n": 3})

    assert lines(journal) == [{"n": number} for number in range(4)]
    assert (stuck is None) == (room >= 24)
    assert journal.trouble is None
    assert journal.size == journal.path.stat().st_size
    journal.close()


def test_what_a_full_disk_keeps_in_memory_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    monkeypatch.setattr(module, "MAX_WAITING", 5)
    disk = Disk(3)
    monkeypatch.setattr(os, "write", disk.write)

    for number in range(20):
        journal.append({"n": number})
    disk.room = 10_000
    journal.append({"n": 20})

    assert lines(journal) == [{"n": 0}, *({"n": number} for number in range(17, 21))]
    assert journal.lost == 16
    journal.close()


def test_rotation_goes_on_in_a_new_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append({"n": 1})
    old = journal.path

    assert journal.rotate(journal.size)
    journal.append({"n": 2})

    assert not old.exists()
    assert lines(journal) == [{"n": 2}]
    journal.close()


def test_a_line_that_nobody_has_booked_keeps_its_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append({"n": 1})
    booked = journal.size
    journal.append({"n": 2})  # between the look at the file and its rotation

    assert not journal.rotate(booked)
    assert lines(journal) == [{"n": 1}, {"n": 2}]
    journal.close()


def test_without_room_for_a_new_file_the_old_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    journal.append({"n": 1})

    def full(*_args: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "open", full)
        with pytest.raises(OSError, match="No space left"):
            journal.rotate(journal.size)
    journal.append({"n": 2})

    assert lines(journal) == [{"n": 1}, {"n": 2}]
    journal.close()


def test_trouble_ends_without_another_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    disk = Disk(3)
    monkeypatch.setattr(os, "write", disk.write)
    for number in range(2500):  # more than are written in one go
        journal.append({"n": number})
    journal.retry()
    stuck = journal.trouble

    disk.room = 100_000
    journal.retry()

    assert stuck
    assert journal.waiting == 0
    assert journal.trouble is None
    assert lines(journal) == [{"n": number} for number in range(2500)]
    journal.close()


def test_a_line_after_the_end_goes_into_no_other_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.close()
    with (tmp_path / "other").open("wb"):  # takes the number of the closed file
        journal.append({"n": 1})

    assert (tmp_path / "other").read_bytes() == b""
    assert journal.trouble
