"""From one credential to the next, and from one platform to the next, until one answers.

    leg (a platform's route) ─ credential (or a bounded wait for one) ─ attempt ─ verdict ─┐
        ▲ fallback                ▲ next                                                   │
        └─────────────────────────┴────────────────────────────────────────────────────────┘

What a failure means stands in `retry.py`, who is next in `platforms/pool.py`. Nothing is tried
again once the client has had a byte of an answer: whoever attempts sees to that.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from gateway.attempts import scrub, told
from gateway.limited import platform_bucket
from gateway.retry import VERDICTS
from gateway.runtime import Gateway
from gateway.shapes import Failure, Json
from gateway.usage.entry import Entry
from licences.errors import LimitReached
from licences.limits.reservation import Reservation
from licences.limits.terms import Bucket
from platforms.errors import AllResting, NoCredential, PlatformError
from platforms.pool import LOOK_S, Use
from platforms.routes import CredentialSpec, Route

C = TypeVar("C")
T = TypeVar("T")
BACKOFF_S, MOST_BACKOFF_S = 0.1, 2.0


@dataclass(slots=True)
class Leg(Generic[C]):
    """One place where a call may be answered: the route, and the call as its protocol says it."""

    route: Route
    call: C


class Attempts(Generic[C]):
    """`async with`: makes attempts, and holds the credential that answers to the call's end."""

    def __init__(
        self,
        gateway: Gateway,
        entry: Entry,
        leg: Leg[C],
        fallbacks: AsyncIterator[Leg[C]] | None = None,
        *,
        sticky: str = "",
    ) -> None:
        """`fallbacks`: further legs, each worked out when it is needed. `sticky`: see `choose`."""
        self.leg = leg
        """The one that is tried, and in the end the one that answers."""
        self._gateway = gateway
        self._entry = entry
        self._fallbacks = fallbacks
        self._sticky = sticky
        self._use: Use | None = None
        self._held: list[Reservation] = []
        """Of the credentials' own limits, and of the platforms that were fallen back to."""
        self._queue_s = gateway.settings.queue_s
        self._counted = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._use is not None:
            if isinstance(error, Failure):  # after it had begun to answer
                self._noted(self._use, error)
            self._use.release()
        for reservation in self._held:
            await self._gateway.limiter.sheltered(reservation.settle())

    async def first(
        self,
        attempt: Callable[[Leg[C], CredentialSpec], Awaitable[T]],
        is_over: Callable[[], bool] = lambda: False,
    ) -> T:
        """What the first attempt that succeeds gives. Raises Failure, NoCredential, AllResting.

        `is_over`: nothing more is to be tried, the call's time is up.
        """
        while True:
            try:
                return await self._on_leg(attempt, is_over)
            except (Failure, PlatformError) as error:
                leg = None if is_over() or not self._may_fall_back(error) else await self._next()
                if leg is None:
                    raise
                self.leg = leg
                self._entry.route = leg.route
                self._entry.platform = leg.route.platform.slug
                self._entry.model = leg.route.name or leg.route.model

    async def _on_leg(
        self,
        attempt: Callable[[Leg[C], CredentialSpec], Awaitable[T]],
        is_over: Callable[[], bool],
    ) -> T:
        """One platform's credentials, one after another."""
        tried: set[int] = set()
        failure: Failure | None = None
        while True:
            use = await self._free(tried, failure)
            try:
                result = await self._once(attempt, use)
            except Failure as again:
                # Kept without the frames that it came through: they know this one, which knows it.
                failure = again.with_traceback(None)
            else:
                use.succeeded()
                self._use = use
                return result
            verdict = VERDICTS[failure.kind]
            counts = verdict.credential == "count"
            self._counted += counts
            if verdict.again == "never" or is_over() or not self._may_try_again(counts=counts):
                raise failure
            tried.add(use.credential.id)
            if counts:
                longest = min(MOST_BACKOFF_S, BACKOFF_S * 2**self._counted)
                await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 # no secret

    async def _once(self, attempt: Callable[[Leg[C], CredentialSpec], Awaitable[T]], use: Use) -> T:
        """One attempt; of a failure the pool and the entry are told. Raises Failure."""
        entry, credential, route = self._entry, use.credential, self.leg.route
        entry.credential = credential
        entry.attempts += 1
        tried: dict[str, Json] = {
            "platform": route.platform.slug,
            "model": route.name.replace("\x00", ""),
        }
        tried["credential"] = credential.name
        entry.tries.append(tried)
        entry.tried_at.append(entry.elapsed_s())
        began = time.monotonic()
        try:
            return await attempt(self.leg, credential)
        except BaseException as error:
            if isinstance(error, Failure):
                self._noted(use, error)
            await self._let_go(use)
            raise
        finally:
            took_s = time.monotonic() - began
            tried["ms"] = int(took_s * 1000)
            entry.upstream_s += took_s

    def _noted(self, use: Use, failure: Failure) -> None:
        """Tell the pool, the console and the entry what has become of the last attempt."""
        scrub(failure, use.credential)
        self._gateway.note_failure(self.leg.route.platform.slug, use.credential, failure)
        told(use, failure)
        self._entry.tries[-1]["failure"] = failure.kind

    async def _free(self, tried: set[int], failure: Failure | None) -> Use:
        """The next credential, at work already; waits for one, but not for long.

        Raises the failure, NoCredential or AllResting where there is none.
        """
        pool, route = self._gateway.pool, self.leg.route
        while True:
            credential = pool.choose(route, self._sticky, tried)
            if credential is not None:
                # Taken before it is asked for: of a half-open one only one call may be the trial.
                use = pool.take(route, credential)
                try:
                    has_room = await self._free_of_limits(use)
                except BaseException:
                    use.release()
                    raise
                if has_room:
                    return use
                use.release()
                continue
            if tried and failure is not None and _may_meet_again(failure):
                tried.clear()
                continue
            pause = pool.pause(route, tried)
            if pause is None:
                raise failure or NoCredential(route.platform.slug)
            seconds, why = pause
            if seconds > self._queue_s or self._queue_s <= 0:
                if failure is None:
                    raise AllResting(route.platform.slug, seconds, why)
                if failure.kind == "rate":
                    failure.retry_after_s = seconds
                raise failure
            began = time.monotonic()
            await pool.wait(route.platform.id, min(seconds, self._queue_s))
            waited_s = time.monotonic() - began
            self._queue_s -= waited_s
            self._entry.waited_s += waited_s

    def _may_try_again(self, *, counts: bool) -> bool:
        """Refusals cost the platform nothing and end with its last credential; failures count."""
        entry = self._entry
        if entry.retries is not None and entry.attempts > entry.retries:
            return False
        return not counts or self._counted < self._gateway.settings.attempts

    def _may_fall_back(self, error: Failure | PlatformError) -> bool:
        entry = self._entry
        if entry.retries is not None and entry.attempts > entry.retries:
            return False
        if isinstance(error, Failure):
            return VERDICTS[error.kind].elsewhere
        return isinstance(error, NoCredential | AllResting)

    async def _next(self) -> Leg[C] | None:
        """The next leg whose platform has room."""
        while self._fallbacks is not None:
            leg = await anext(self._fallbacks, None)
            if leg is None:
                return None
            bucket = platform_bucket(leg.route.platform)
            if bucket is None or await self._hold(leg.route.platform.slug, bucket) is None:
                return leg
        return None

    async def _free_of_limits(self, use: Use) -> bool:
        """Whether the credential's own limits let it carry one more; then that is held."""
        credential = use.credential
        if credential.rpm is None and credential.max_concurrency is None:
            return True
        bucket = Bucket(
            f"credential:{credential.id}",
            "credential",
            credential.name,
            credential.rpm,
            concurrency=credential.max_concurrency,
        )
        wait_s = await self._hold(f"c{self._entry.attempts}", bucket)
        if wait_s is None:
            return True
        self._gateway.pool.full(self.leg.route.platform, credential, wait_s)
        return False

    async def _hold(self, suffix: str, bucket: Bucket) -> float | None:
        """Hold one more of this bucket; else in how many seconds there may be room."""
        try:
            reservation = await self._gateway.limiter.admit(f"{self._entry.id}.{suffix}", [bucket])
        except LimitReached as error:
            # When a call under way ends cannot be told: looked at again soon.
            return LOOK_S if error.what == "concurrency" else error.retry_after_s
        self._held.append(reservation)
        return None

    async def _let_go(self, use: Use) -> None:
        """An attempt is over that was not the last."""
        use.release()
        while self._held and self._held[-1].is_of("credential"):
            await self._gateway.limiter.sheltered(self._held.pop().settle())


def _may_meet_again(failure: Failure) -> bool:
    """A credential told to go slower may be waited for, a closed connection tried again."""
    verdict = VERDICTS[failure.kind]
    return verdict.again == "same" or verdict.credential == "cool"
