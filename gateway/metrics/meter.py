"""Brings a process's numbers together: what is counted, what is so now, what the database says."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db.models import Count

from gateway.metrics import port, series
from gateway.metrics.counts import Metrics
from gateway.metrics.series import SERIES, Kind, Numbers, add
from gateway.metrics.shared import Shared
from gateway.models import MediaTask, TaskState
from platforms import state

logger = logging.getLogger(__name__)

SHARE_S = 1.0
LOOK_S = 10.0
InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
_UNDER_WAY = (TaskState.QUEUED, TaskState.SUBMITTING, TaskState.RUNNING, TaskState.STORING)


class Meter:
    """One per process. Its tasks run only where metrics are served."""

    def __init__(
        self,
        metrics: Metrics,
        told: Mapping[str, Callable[[], float]],
        folder: Path,
        run: InThread,
    ) -> None:
        """`told`: series without labels, by who knows their number.

        `run`: runs a query in the gateway's database thread.
        """
        self.is_on = bool(settings.TOKENS_METRICS_TOKEN or settings.TOKENS_METRICS_PORT)
        self._metrics = metrics
        self._told = told
        self._folder = folder
        self._shared = Shared(folder)
        self._run = run
        self._looked: Numbers = {}

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What is to run as long as the process, by name; nothing where metrics are not served."""
        if not self.is_on:
            return {}
        found = {
            "tokens: share metrics": self.share(),
            "tokens: look at credentials and tasks": self.look(),
        }
        if settings.TOKENS_METRICS_PORT:
            found["tokens: serve metrics"] = port.serve(
                self.answer,
                self._folder,
                settings.TOKENS_METRICS_HOST,
                settings.TOKENS_METRICS_PORT,
            )
        return found

    async def share(self) -> None:
        """Write this process's numbers for the others every second, for ever."""
        failing = False
        while True:
            try:
                await asyncio.to_thread(self._shared.write, self._counted(), self._now())
            except OSError as error:
                if not failing:
                    logger.warning("Metrics cannot be written for other processes: %s", error)
                failing = True
            else:
                failing = False
            await asyncio.sleep(SHARE_S)

    async def look(self) -> None:
        """Ask the database for what only it knows every ten seconds; without it there is none."""
        while True:
            try:
                self._looked = await self._run(look)
            except DatabaseFailure as error:
                logger.debug("The database does not say how credentials and tasks are: %s", error)
                self._looked = {}
            await asyncio.sleep(LOOK_S)

    async def answer(self, accept: str) -> tuple[int, bytes, str]:
        """All processes' numbers as a scraper is answered: status, body, content type."""
        now = {**self._now(), **self._looked, (series.BUILD, settings.TOKENS_VERSION): [1.0]}
        try:
            return 200, *await asyncio.to_thread(self._text, self._counted(), now, accept)
        except OSError as error:  # a TimeoutError is one
            # Half of the numbers would look as if the other half had gone back to zero.
            logger.warning("Metrics of all processes cannot be read: %s", error)
            return 503, b"The metrics cannot be read; the log says why.\n", "text/plain"

    def close(self) -> None:
        """Write for the last time, and let the others take this process's numbers in. Blocks."""
        if not self.is_on:
            return
        try:
            self._shared.write(self._counted(), {})
        except OSError as error:
            logger.warning("Metrics of the last second are lost: %s", error)
        self._shared.close()

    def _counted(self) -> Numbers:
        """As it is at this moment, for another thread."""
        found = {key: values.copy() for key, values in self._metrics.numbers.items()}
        return {**found, **self._of_kind("counter")}

    def _now(self) -> Numbers:
        return self._of_kind("gauge")

    def _of_kind(self, kind: Kind) -> Numbers:
        return {
            (name,): [float(told())]
            for name, told in self._told.items()
            if SERIES[name].kind == kind
        }

    def _text(self, own: Numbers, now: Numbers, accept: str) -> tuple[bytes, str]:
        from gateway.metrics.exposition import encoded

        found = self._shared.others()
        add(found, own)
        add(found, now)
        return encoded(found, accept)


def look() -> Numbers:
    """How credentials and media tasks are. Blocks; raises the database's errors."""
    found: Numbers = {
        (series.CREDENTIALS, platform, how): [count]
        for (platform, how), count in state.counts().items()
    }
    tasks = MediaTask.objects.filter(state__in=_UNDER_WAY).order_by().values_list("state")
    counts = dict.fromkeys(map(str, _UNDER_WAY), 0) | dict(tasks.annotate(count=Count("pk")))
    for name, count in counts.items():
        found[(series.MEDIA_TASKS, name)] = [count]
    return found
