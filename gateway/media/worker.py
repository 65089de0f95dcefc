"""The worker: leases due tasks and does their steps, hundreds at once; and the upkeep.

One is embedded in `manage.py serve`; `manage.py worker` runs more, on as many machines as wanted.
"""

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.utils import timezone

from gateway.media import money, tasks, upkeep
from gateway.media.steps import Steps
from gateway.media.tools import Tools
from gateway.models import MediaTask, TaskState

logger = logging.getLogger(__name__)

TICK_S = 0.5  # how soon a task that another process has ordered is seen
UPKEEP_S = 60.0


class Worker:
    """Does steps of tasks as long as `run` runs; also those that are handed to it directly."""

    def __init__(self, tools: Tools) -> None:
        host = socket.gethostname()[:40]
        self.id = f"{host}:{os.getpid()}:{secrets.token_hex(4)}"
        self._tools = tools
        self._steps = Steps(tools)
        self._parallel = settings.TOKENS_WORKER_PARALLEL
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._more = asyncio.Event()
        self._closing = False
        self._failing = False

    def begin(self, task: MediaTask) -> None:
        """Do the next step of a task that is leased to this worker, beside everything else."""
        name = f"tokens: media task {task.pk}"
        step = asyncio.get_running_loop().create_task(self._steps.take(task), name=name)
        self._under_way[task.pk] = step
        step.add_done_callback(lambda done: self._done(task.pk, done))

    def wake(self) -> None:
        """Look for due tasks now."""
        self._more.set()

    async def run(self) -> None:
        """Lease and do what is due, for ever."""
        while not self._closing:
            self._more.clear()
            room = self._parallel - len(self._under_way)
            leased = await self._lease(room) if room > 0 else []
            for task in leased:
                self.begin(task)
            if len(leased) < max(room, 1):
                try:
                    async with asyncio.timeout(TICK_S):
                        await self._more.wait()
                except TimeoutError:
                    continue

    async def hold(self) -> None:
        """Renew the leases of what is under way, and know what money is held; for ever."""
        while True:
            await self._safely(self._hold_money())
            await asyncio.sleep(settings.TOKENS_LEASE_S / 3)
            if self._under_way:
                await self._safely(
                    self._tools.database(tasks.renew, self.id, list(self._under_way))
                )

    async def _hold_money(self) -> None:
        self._tools.limiter.hold(await self._tools.database(money.under_way))

    async def tidy(self) -> None:
        """Remove what is kept no longer, for ever."""
        while True:
            # Not at the same moment on every machine.
            await asyncio.sleep(UPKEEP_S * (0.5 + secrets.randbelow(1000) / 1000))
            await self._safely(upkeep.tidy(self._tools))

    async def aclose(self, seconds: float) -> None:
        """Take nothing new; wait for submits, which must not be cut off; end the rest."""
        self._closing = True
        self.wake()
        end = time.monotonic() + seconds
        while self._under_way and (left := end - time.monotonic()) > 0:
            done, _pending = await asyncio.wait(self._under_way.values(), timeout=min(left, 1.0))
            if not done:
                logger.info("Waiting for %d media tasks", len(self._under_way))
        for step in (steps := list(self._under_way.values())):
            step.cancel()
        if steps:
            await asyncio.wait(steps)

    async def _lease(self, room: int) -> list[MediaTask]:
        try:
            leased: list[MediaTask] = await self._tools.database(
                tasks.lease, self.id, room, timezone.now()
            )
        except DatabaseFailure as error:
            if not self._failing:
                logger.warning("Media tasks cannot be looked up, the database fails: %s", error)
            self._failing = True
            await asyncio.sleep(TICK_S)
            return []
        self._failing = False
        return leased

    def _done(self, id: str, step: asyncio.Task[None]) -> None:
        self._under_way.pop(id, None)
        self._more.set()
        if not step.cancelled() and (error := step.exception()):
            # Its lease will run out, and the task is taken up again.
            logger.error("A step of media task %s failed", id, exc_info=error)

    async def _safely(self, work: Coroutine[Any, Any, Any] | Any) -> None:
        try:
            await work
        except (DatabaseFailure, OSError) as error:
            logger.warning("Media upkeep failed, it is tried again: %s", error)


def first_lease(worker: Worker) -> dict[str, Any]:
    """The columns of a task that this worker takes up at once, for somebody who waits for it."""
    until = timezone.now() + timedelta(seconds=settings.TOKENS_LEASE_S)
    return {"lease_by": worker.id, "lease_until": until, "state": TaskState.QUEUED}
