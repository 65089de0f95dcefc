"""`serve --workers N`: one parent that holds the port, N gateways that answer on it.

The parent starts them, replaces what dies, and passes on what it is told: SIGTERM and SIGINT drain
all, SIGHUP replaces one after the other. Why not uvicorn's own: it knows no server but its own
class, which re-raises the signal that it has obeyed.
"""

import contextlib
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

READY = b"1"
START_S = 60.0
"""A worker that is not ready by then is replaced."""
YOUNG_S = 10.0
MOST_FAILURES = 3
"""So many workers in a row that did not become ready end it all."""
PAUSE_S, MOST_PAUSE_S = 0.5, 10.0
_LOOK_S = 0.2
_SPARE_S = 20.0  # beyond draining, for booking and closing


@dataclass(slots=True)
class Worker:
    """One process that answers."""

    process: subprocess.Popen[bytes]
    ready: int
    """The end of a pipe on which it says that it answers."""
    alive: int
    """The end of a pipe whose closing tells it that the parent is gone."""
    began: float = field(default_factory=time.monotonic)
    is_ready: bool = False

    def look(self) -> None:
        """See whether it has said so."""
        if not self.is_ready and select.select([self.ready], [], [], 0)[0]:
            self.is_ready = os.read(self.ready, 1) == READY

    def close(self) -> None:
        """Give the pipes back."""
        for end in (self.ready, self.alive):
            with contextlib.suppress(OSError):
                os.close(end)


class Parent:
    """Holds the socket and the workers until it is told to stop."""

    def __init__(
        self,
        command: Sequence[str],
        listener: socket.socket,
        count: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`command` starts a worker, given `--fd`, `--ready-fd` and `--alive-fd`.

        `environment`: without what `.env` says, so that a worker of later reads what it says then.
        """
        self._environment = environment
        self._command = list(command)
        self._listener = listener
        self._count = count
        self._workers: list[Worker] = []
        self._failures = 0
        self._stopping = False
        self._renewing = False
        self._start_at = 0.0

    def run(self, drain_s: float) -> bool:
        """Until a signal says stop. False: workers cannot be started."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._renew)
        try:
            while not self._stopping and self._failures < MOST_FAILURES:
                self._replace()
                if self._renewing:
                    self._renewing = False
                    self._roll(drain_s)
                time.sleep(_LOOK_S)  # a signal ends it early
        finally:
            self._end(self._workers, drain_s)
        return self._failures < MOST_FAILURES

    def _stop(self, *_signal: object) -> None:
        self._stopping = True

    def _renew(self, *_signal: object) -> None:
        self._renewing = True

    def _replace(self) -> None:
        """Bury who is dead, and start who is missing."""
        for worker in list(self._workers):
            worker.look()
            if worker.is_ready:
                self._failures = 0
            late = not worker.is_ready and time.monotonic() - worker.began > START_S
            if late:
                worker.process.kill()
            if worker.process.poll() is None and not late:
                continue
            self._bury(worker)
        while len(self._workers) < self._count and time.monotonic() >= self._start_at:
            self._workers.append(self._started())

    def _bury(self, worker: Worker) -> None:
        code = worker.process.wait()
        logger.error("Worker %s ended with %s; it is replaced.", worker.process.pid, code)
        self._workers.remove(worker)
        worker.close()
        self._failures = 0 if worker.is_ready else self._failures + 1
        if time.monotonic() - worker.began < YOUNG_S:
            pause_s = min(PAUSE_S * 2**self._failures, MOST_PAUSE_S)
            self._start_at = time.monotonic() + pause_s

    def _roll(self, drain_s: float) -> None:
        """A new one for each, one after the other; the old one goes when the new one answers."""
        for old in list(self._workers):
            if not (self._new_answers() and self._goes(old, drain_s)):
                return

    def _new_answers(self) -> bool:
        """Start another, and wait until it answers."""
        new = self._started()
        self._workers.append(new)  # ends with the others when a signal says so meanwhile
        while not self._ready(new) and self._waits(new, new.began + START_S):
            time.sleep(_LOOK_S)
        if not new.is_ready and not self._stopping:
            logger.error("A new worker does not start; the old ones go on.")
            self._discard(new)
        return new.is_ready and not self._stopping

    def _goes(self, old: Worker, drain_s: float) -> bool:
        """Drain one, and wait until it is gone."""
        old.process.terminate()
        give_up = time.monotonic() + _longest(drain_s)
        while self._waits(old, give_up):
            time.sleep(_LOOK_S)
        if not self._stopping:
            self._discard(old)
        return not self._stopping

    def _ready(self, worker: Worker) -> bool:
        worker.look()
        return worker.is_ready

    def _waits(self, worker: Worker, give_up: float) -> bool:
        """Whether it lives and there is time: a signal to stop all is more urgent."""
        return not self._stopping and worker.process.poll() is None and time.monotonic() < give_up

    def _discard(self, worker: Worker) -> None:
        self._workers.remove(worker)
        self._finish(worker, time.monotonic())

    def _started(self) -> Worker:
        ready, says_ready = os.pipe()
        sees_alive, alive = os.pipe()
        ends = (self._listener.fileno(), says_ready, sees_alive)
        names = ("--fd", "--ready-fd", "--alive-fd")
        told = [part for name, end in zip(names, ends, strict=True) for part in (name, str(end))]
        try:
            # Of its own session: Ctrl+C reaches the parent alone, which drains them.
            process = subprocess.Popen(  # noqa: S603 # our own command
                [sys.executable, *self._command, *told],
                pass_fds=ends,
                start_new_session=True,
                env=self._environment,
            )
        finally:
            os.close(says_ready)
            os.close(sees_alive)
        return Worker(process, ready, alive)

    def _end(self, workers: Sequence[Worker], drain_s: float) -> None:
        for worker in workers:
            worker.process.terminate()
        give_up = time.monotonic() + _longest(drain_s)
        for worker in workers:
            self._finish(worker, give_up)

    def _finish(self, worker: Worker, give_up: float) -> None:
        try:
            worker.process.wait(max(0.0, give_up - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.error("Worker %s does not end; it is killed.", worker.process.pid)
            worker.process.kill()
            worker.process.wait()
        worker.close()


def _longest(drain_s: float) -> float:
    """Calls get the drain time, media tasks that are being submitted the same once more."""
    return 2 * drain_s + _SPARE_S


def end_with_parent(alive: int) -> None:
    """In a worker: drain as soon as the parent is gone, however that ended."""

    def watch() -> None:
        os.read(alive, 1)  # nothing is ever written: it returns when the other end is closed
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="tokens-parent", daemon=True).start()
