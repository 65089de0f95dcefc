"""The parent of `serve --workers` over small programs: what it waits for, and for how long."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from gateway.migrating import check
from gateway.workers import Parent

# Says that it answers, and notes in its folder that it began and that it ended well.
WORKER = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
def end(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (folder / f"drains-{os.getpid()}").touch()
    time.sleep(float((folder / "drain").read_text()))
    (folder / f"ended-{os.getpid()}").touch()
    os._exit(0)
signal.signal(signal.SIGTERM, end)
if not (folder / "hangs").exists():
    os.write(int(options["--ready-fd"]), b"1")
(folder / f"began-{os.getpid()}").write_text(os.environ.get("OF_ENV_FILE", "-"))
while True:
    signal.pause()
"""


class Folder:
    """Where the workers of one test note what they did."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "worker.py").write_text(WORKER)
        (path / "drain").write_text("0")

    def notes(self, kind: str) -> set[str]:
        return {note.name.partition("-")[2] for note in self.path.glob(f"{kind}-*")}

    def run(self, parent_told: Callable[[], None], drain_s: float = 1.0) -> bool:
        """Run a parent of two while `parent_told` sends signals; then it is told to stop."""

        def tell() -> None:
            try:
                self.until(lambda: len(self.notes("began")) == 2)
                parent_told()
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        teller = threading.Thread(target=tell)
        with socket.socket() as listener, kept_handlers():
            command = [str(self.path / "worker.py"), str(self.path)]
            parent = Parent(command, listener, 2, {**os.environ, "OF_ENV_FILE": "anew"})
            signal.signal(signal.SIGTERM, parent._stop)  # before the thread may send one
            teller.start()
            went_well = parent.run(drain_s)
            teller.join()
        return went_well

    def until(self, holds: Callable[[], bool]) -> None:
        give_up = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < give_up
            time.sleep(0.02)


@contextlib.contextmanager
def kept_handlers() -> Iterator[None]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    handlers = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr("gateway.workers._SPARE_S", 1.0)
    monkeypatch.setattr("gateway.workers._LOOK_S", 0.02)
    return Folder(tmp_path)


def hang_up() -> None:
    os.kill(os.getpid(), signal.SIGHUP)


def test_who_drains_twice_the_time_is_not_killed(folder: Folder) -> None:
    """Calls have the drain time, media tasks that are being submitted the same after it."""
    (folder.path / "drain").write_text("2.2")  # more than the drain time and what is spare

    assert folder.run(lambda: None, drain_s=1.0)

    assert folder.notes("ended") == folder.notes("began")


def test_a_new_worker_that_hangs_leaves_the_old_ones(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.workers.START_S", 1.0)
    old: set[str] = set()

    def told() -> None:
        old.update(folder.notes("began"))
        (folder.path / "hangs").touch()
        hang_up()
        folder.until(lambda: "the old ones go on" in caplog.text)
        assert not folder.notes("ended") & old

    assert folder.run(told)

    assert old <= folder.notes("ended")


def test_who_is_told_to_stop_while_workers_are_replaced_drains_all_at_once(folder: Folder) -> None:
    (folder.path / "drain").write_text("3")

    def told() -> None:
        hang_up()
        folder.until(lambda: len(folder.notes("drains")) == 1)

    began = time.monotonic()
    assert folder.run(told, drain_s=3.0)

    assert len(folder.notes("ended")) == 3
    assert time.monotonic() - began < 5.5  # one after the other takes six


def test_workers_have_the_environment_from_before_the_settings_file_was_read(
    folder: Folder,
) -> None:
    assert folder.run(lambda: None)

    assert {note.read_text() for note in folder.path.glob("began-*")} == {"anew"}


@pytest.mark.django_db
def test_a_worker_does_not_serve_over_an_older_database() -> None:
    check()
    MigrationRecorder(connection).record_unapplied("gateway", "0004_tries")

    with pytest.raises(CommandError, match=r"older than .* \(gateway 0004_tries was not"):
        check()
