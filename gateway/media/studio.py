"""All that pictures and films need in this process: storage, fetcher, worker; and who waits."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.db import OperationalError

from gateway.fetch import Fetcher
from gateway.media.results import Results
from gateway.media.storage import Store
from gateway.media.tools import Tools
from gateway.media.worker import Worker
from gateway.metrics.counts import Metrics
from gateway.models import ENDED, MediaTask
from gateway.shapes import Failure
from gateway.upstream import Upstream
from licences.limits.limiter import Limiter
from platforms.catalogue import Catalogue
from platforms.pool import Pool
from platforms.routes import CredentialSpec

logger = logging.getLogger(__name__)
T = TypeVar("T")
InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
_PAUSES_S = (0.1, 0.5, 2.0, 5.0)
LOOK_S = 1.0  # how soon the end of a task is seen that another process works on


class Studio:
    """One per process; the gateway starts and closes it."""

    def __init__(
        self,
        catalogue: Catalogue,
        upstream: Upstream,
        pool: Pool,
        limiter: Limiter,
        metrics: Metrics,
        note_failure: Callable[[str, CredentialSpec, Failure], None],
        run: InThread,
    ) -> None:
        """`run`: runs a query in the gateway's own database thread."""
        self.fetcher = Fetcher(settings.TOKENS_FETCH_ALLOW)
        self.store = Store(Path(settings.FILE_UPLOAD_TEMP_DIR))
        results = Results(upstream, self.store, self.fetcher, settings.TOKENS_MAX_MEDIA_FILE)
        self._run = run
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self.tools = Tools(
            catalogue=catalogue,
            upstream=upstream,
            fetcher=self.fetcher,
            store=self.store,
            results=results,
            database=self._patiently,
            pool=pool,
            limiter=limiter,
            metrics=metrics,
            note_failure=note_failure,
            ended=self._ended,
        )
        self.worker = Worker(self.tools)

    async def database(self, work: Callable[..., T], *args: Any, **named: Any) -> T:
        """Run a query in the database's thread."""
        found: T = await self._run(partial(work, *args, **named))
        return found

    async def _patiently(self, work: Callable[..., T], *args: Any, **named: Any) -> T:
        """The same for a step: what a platform has accepted must not be lost to a locked row."""
        for pause_s in _PAUSES_S:
            try:
                return await self.database(work, *args, **named)
            except OperationalError as error:
                logger.warning("A media task's row could not be changed, once more: %s", error)
                await asyncio.sleep(pause_s)
        return await self.database(work, *args, **named)

    async def end_of(self, task_id: str, seconds: float) -> MediaTask | None:
        """The task when it has ended, whoever works on it; None if it has not in this time."""
        event = asyncio.Event()
        self._waiting[task_id].add(event)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    task = await self.database(MediaTask.objects.filter(pk=task_id).first)
                    if task is None or task.state in ENDED:
                        return task
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_S):
                            await event.wait()
        except TimeoutError:
            return None
        finally:
            self._waiting[task_id].discard(event)
            if not self._waiting[task_id]:
                del self._waiting[task_id]

    async def aclose(self, seconds: float) -> None:
        """Let steps that must not be cut off come to their end, and close everything."""
        await self.worker.aclose(seconds)
        await self.fetcher.aclose()

    def _ended(self, task_id: str) -> None:
        for event in self._waiting.get(task_id, ()):
            event.set()
