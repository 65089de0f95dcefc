"""The gateway of this process: all that a call needs, built on first use, closed in order."""

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.conf import settings as django_settings
from django.db import Error as DatabaseFailure, close_old_connections, connections
from django.utils import timezone

from gateway.alerts.lookout import Lookout
from gateway.live.feed import Feed
from gateway.live.under_way import UnderWay
from gateway.media.studio import Studio
from gateway.metrics import series
from gateway.metrics.counts import Metrics
from gateway.metrics.meter import Meter
from gateway.model_names import ModelNames
from gateway.observe import AccessLog
from gateway.recall import Memory, Recall, Redis, Store
from gateway.retry import VERDICTS
from gateway.reviving import Reviver
from gateway.shapes import Failure
from gateway.upstream import Upstream
from gateway.usage import retention
from gateway.usage.booking import Booking
from gateway.usage.journal import Journal
from licences import passes
from licences.limits import spending
from licences.limits.counters import Counters, Policy
from licences.limits.limiter import Limiter
from licences.limits.memory import MemoryCounters
from licences.limits.redis import RedisCounters
from licences.limits.terms import Spent
from licences.register import LOOK_UP_S, Register
from platforms import sharing
from platforms.catalogue import Catalogue
from platforms.models import Credential
from platforms.news import News
from platforms.pool import Pool
from platforms.reporting import Reporter
from platforms.routes import CredentialSpec
from platforms.sharing import Heard

if TYPE_CHECKING:
    from gateway.traces import Traces

logger = logging.getLogger(__name__)
T = TypeVar("T")

WATCH_S = 0.5  # a change in the admin acts within a second
NEIGHBOUR_ROUNDS = 60  # after half a minute: one that was stopped before is forgotten by then
REPORT_ROUNDS = 4  # a report of the pool every two seconds
CLOSE_S = 5.0  # for calls that were cancelled at the end of the drain time
FLUSH_S = 10.0  # for booking at the end; what is left is booked by the next process


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """The settings that the hot path looks at, read once."""

    max_chat_body: int
    """Bytes."""
    max_answer: int
    """Bytes of a blocking answer."""
    ping_s: float
    body_s: float
    attempts: int
    reserve_completion: int
    """Tokens that are reserved for an answer whose length the caller does not bound."""
    queue_s: float
    """How long a call waits for a credential at most."""
    max_error: int = 2**20
    """Bytes of an error's body."""

    @classmethod
    def read(cls) -> Self:
        """From Django's settings."""
        return cls(
            max_chat_body=django_settings.TOKENS_MAX_CHAT_BODY,
            max_answer=django_settings.TOKENS_MAX_ANSWER,
            ping_s=django_settings.TOKENS_PING_S,
            body_s=django_settings.TOKENS_BODY_S,
            attempts=django_settings.TOKENS_ATTEMPTS,
            queue_s=django_settings.TOKENS_QUEUE_S,
            reserve_completion=django_settings.TOKENS_RESERVE_COMPLETION,
        )


def _store() -> Store:
    url: str = django_settings.REDIS_URL
    return Redis(url) if url else Memory()


def _counters() -> Counters:
    url: str = django_settings.REDIS_URL
    return RedisCounters(url) if url else MemoryCounters()


def _policy() -> Policy:
    return Policy(
        lease_s=django_settings.TOKENS_LIMIT_LEASE_S,
        wait_s=django_settings.TOKENS_BUDGET_WAIT_S,
        open_limits=django_settings.TOKENS_REDIS_DOWN_LIMITS == "open",
        open_budgets=django_settings.TOKENS_REDIS_DOWN_BUDGETS == "open",
    )


def _traces(catalogue: Catalogue) -> "Traces | None":
    if not django_settings.TOKENS_OTEL:
        return None
    from gateway.traces import Traces

    return Traces(catalogue)


class Gateway:
    """Catalogue, register, upstream, journal, booking, and the tasks that keep them fresh."""

    _current: "Gateway | None" = None
    _starting: asyncio.Lock | None = None

    def __init__(
        self,
        *,
        upstream: Upstream | None = None,
        settings: RelaySettings | None = None,
        access: AccessLog | None = None,
        works: bool | None = None,
    ) -> None:
        """`works`: does media tasks that are queued or running; by default as the settings say."""
        self.works = django_settings.TOKENS_WORKER if works is None else works
        folder = Path(django_settings.TOKENS_DATA_DIR)
        self.settings = settings or RelaySettings.read()
        self.access = access or AccessLog(enabled=django_settings.TOKENS_ACCESS_LOG)
        self.catalogue = catalogue = Catalogue()
        self.metrics = Metrics(lambda slug: slug in catalogue.snapshot.platforms)
        self.traces = _traces(catalogue)
        signs = passes.signing_key(django_settings.SECRET_KEY)
        self.register = Register(django_settings.TOKENS_LICENCE_PEPPER.encode(), signs)
        self.upstream = upstream or Upstream()
        self.model_names = ModelNames(self.upstream)
        self.recall = Recall(_store())
        self.pool = Pool()
        self.limiter = Limiter(_counters(), self._spent_of, _policy())
        self.media = Studio(
            self.catalogue,
            self.upstream,
            self.pool,
            self.limiter,
            self.metrics,
            self.note_failure,
            self.in_database_thread,
        )
        self._reporter = Reporter(self.pool)
        self._reviver = Reviver(self.upstream, self.in_database_thread)
        self.journal = Journal(folder / "journal")
        self.booking = Booking(folder / "journal", self.journal)
        self._live_calls = UnderWay()
        self.feed = Feed(self._live_calls, django_settings.REDIS_URL)
        told: dict[str, Callable[[], float]] = {
            series.IN_FLIGHT: lambda: self._live_calls.count,
            series.JOURNAL_LAG: lambda: self.booking.lag_bytes,
            series.JOURNAL_WAITING: lambda: self.journal.waiting,
            series.COUNTERS_FAILURES: lambda: self.limiter.failures,
        }
        self.meter = Meter(self.metrics, told, folder / "metrics", self.in_database_thread)
        self._tasks: set[asyncio.Task[Any]] = set()
        # One thread for our own queries: its connection is kept, and calls never wait for it.
        self._database = ThreadPoolExecutor(1, thread_name_prefix="tokens-database")
        self._notes: dict[int, str] = {}

    @classmethod
    async def current(cls) -> "Gateway":
        """This process's gateway, started on first use: daphne has no lifespan to do it in."""
        if cls._current is not None:
            return cls._current
        cls._starting = cls._starting or asyncio.Lock()
        async with cls._starting:
            if cls._current is None:
                gateway = cls()
                try:
                    await gateway.start()
                except BaseException:
                    await gateway.aclose()
                    raise
                cls._current = gateway
            return cls._current

    @classmethod
    def running(cls) -> "Gateway | None":
        """This process's gateway, if it is there already: nothing is started."""
        return cls._current

    @classmethod
    def use(cls, gateway: "Gateway | None") -> None:
        """Make this one the process's; tests bring their own."""
        cls._current = gateway

    async def start(self) -> None:
        """Load catalogue and licences, then keep them fresh and book what is journaled."""
        # Before anybody asks for what was spent: what a process that died had not booked yet.
        await self.booking.catch_up(FLUSH_S)
        heard = await self.in_database_thread(self._load)
        heard.tell(self.pool)
        self.own(self._keep_fresh(), "tokens: reload on change")
        self.own(self._reviver.run(), "tokens: probe credentials")
        self.own(self.limiter.run(), "tokens: renew and compare limits")
        self.own(self.booking.run(), "tokens: book usage")
        self.own(self.media.worker.hold(), "tokens: hold media tasks")
        self.own(retention.run(self.in_database_thread), "tokens: remove old usage")
        self.own(Lookout(self.in_database_thread).run(), "tokens: look for what is wrong")
        if self.works:
            self.own(self.media.worker.run(), "tokens: do media tasks")
            self.own(self.media.worker.tidy(), "tokens: tidy media")
        for name, work in (*self.meter.tasks().items(), *self.feed.tasks().items()):
            self.own(work, name)

    async def aclose(self) -> None:
        """Wait for calls that are ending, book what is journaled, close everything."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._live_calls.none.wait()
        await self.media.aclose(django_settings.TOKENS_DRAIN_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks) if self._tasks else None
        await self.booking.flush(FLUSH_S)
        self.journal.close()
        self.access.flush()
        await self.upstream.aclose()
        await self.recall.aclose()
        await self.feed.aclose()
        await self.limiter.aclose()
        self.register.close()
        await asyncio.to_thread(self.meter.close)
        if self.traces is not None:
            await self.traces.aclose()
        await self.in_database_thread(connections.close_all)
        self._database.shutdown(wait=False, cancel_futures=True)
        if Gateway._current is self:
            Gateway._current = None

    def live(self) -> UnderWay:
        """The requests that are under way: each says when it begins and ends."""
        return self._live_calls

    def own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work` beside the calls until it ends or the gateway is closed."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("%s ended with an error", task.get_name(), exc_info=error)

    async def in_database_thread(self, work: Callable[[], T]) -> T:
        """Run a query of our own, apart from those of Django's views."""

        def run() -> T:
            close_old_connections()
            return work()

        return await asyncio.get_running_loop().run_in_executor(self._database, run)

    async def _spent_of(self, licences: Collection[int]) -> dict[int, Spent]:
        """What the database knows; a caller waits for it no longer than LOOK_UP_S."""
        day = timezone.now().date()
        async with asyncio.timeout(LOOK_UP_S):
            return await self.in_database_thread(partial(spending.spent, licences, day))

    def note_failure(self, platform: str, credential: CredentialSpec, failure: Failure) -> None:
        """Count it, and show in the admin what a credential's last error was; written soon."""
        self.metrics.failed(platform, failure)
        if credential.id and VERDICTS[failure.kind].elsewhere:
            self._notes[credential.id] = sharing.words(failure.message)

    def _load(self) -> Heard:
        self.catalogue.load()
        self.register.load()
        return sharing.heard()

    async def _keep_fresh(self) -> None:
        """Reload what has changed, pass on news of credentials, within WATCH_S.

        A database outage is logged once; news wait for its end.
        """
        failing = False
        for round in itertools.count():
            await asyncio.sleep(WATCH_S)
            news = self.pool.news.taken(self.pool.clock())
            report = self._reporter.report() if round % REPORT_ROUNDS == 0 else None
            try:
                heard = await self.in_database_thread(partial(self._refresh, news, report))
            except DatabaseFailure as error:
                self.pool.news.put_back(news, self.pool.clock())
                if not failing:
                    logger.warning("Changes cannot be seen, the database fails: %s", error)
                failing = True
            else:
                failing = False
                heard.tell(self.pool)
            if round == NEIGHBOUR_ROUNDS and not django_settings.REDIS_URL:
                await self._look_for_neighbours()

    async def _look_for_neighbours(self) -> None:
        """Limits of several processes need Redis; `serve` cannot see those of other machines."""
        with contextlib.suppress(DatabaseFailure):  # then nobody else can do anything either
            if await self.in_database_thread(partial(sharing.others, self._reporter.process)):
                logger.error(
                    "Another gateway serves over this database. Without Redis each holds licences "
                    "to their limits and budgets on its own: set REDIS_URL for all of them."
                )

    def _refresh(self, news: News | None = None, report: dict[str, Any] | None = None) -> Heard:
        self.catalogue.refresh()  # first: no news may stand in the way of the operator's word
        self.register.refresh()
        if news:
            sharing.tell(news)
        if report is not None:
            sharing.report(self._reporter.process, report)
        notes, self._notes = self._notes, {}
        for id, message in notes.items():
            # update(): a note is no change of the configuration, so no version is bumped.
            Credential.objects.filter(pk=id).update(
                last_error=message, last_error_at=timezone.now()
            )
        return sharing.heard()
