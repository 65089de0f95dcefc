"""Which credential carries the next call, and what the last one has shown of it.

    choose ─ take ─ succeeded | cool | failed | disable ─ release

Told verdicts, never status codes. One per process; what the others must know too goes by way of
the database (platforms/sharing.py).
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Self

from platforms.choice import Groups, Tier, faithful, lighter, tiers
from platforms.health import Health, Rest, Why
from platforms.news import News
from platforms.routes import CredentialSpec, PlatformSpec, Route

LOOK_S = 0.25
"""How long a waiting call sleeps at most before it looks again."""
_MODELS = 200  # rests kept per credential; those that are over go first
_PLANS = 50  # kept per platform: callers choose groups


class Use:
    """A credential at work for one call, from before it is sent until its last byte is read."""

    __slots__ = ("_pool", "_trial", "began", "credential", "health", "key", "model", "platform_id")

    def __init__(self, pool: "Pool", route: Route, credential: CredentialSpec) -> None:
        self._pool = pool
        self.credential = credential
        self.model = route.upstream_model
        self.platform_id = route.platform.id
        self.key = key_of(route.platform, credential)
        self.health = pool.health(self.key)
        self.began = pool.clock()
        self.health.in_flight += 1
        rest = self.health.rests.get(self.model)
        self._trial: Rest | None = rest if rest is not None and rest.begin() else None
        """What this call is the trial of: no other one may give its place away."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()

    def succeeded(self) -> None:
        """The platform has answered: it is well."""
        health, now = self.health, self._pool.clock()
        health.count(now, ok=True)
        rest = health.rests.get(self.model)
        if rest is not None and rest.succeeded(now, self._since(rest)):
            del health.rests[self.model]
            self._pool.wake(self.platform_id)
        if health.recovering:
            health.recovering = False
            self._pool.news.recovered.add(self.key)

    def cool(self, seconds: float | None, reason: str) -> None:
        """The platform wants fewer calls for this model; None: it did not say for how long."""
        now = self._pool.clock()
        self.health.count(now, ok=False)
        rest = self._rested()
        until = rest.cool(now, self._since(rest), seconds)
        if self.key > 0:
            self._pool.news.cooled[self.key, self.model] = until, reason

    def failed(self) -> None:
        """The platform has failed on this call; the breaker counts."""
        now = self._pool.clock()
        self.health.count(now, ok=False)
        rest = self._rested()
        rest.failed(now, self._since(rest))

    def disable(self, reason: str) -> None:
        """The account itself is refused: out of service, until a probe or the operator says so."""
        self.health.count(self._pool.clock(), ok=False)
        if self.began < self.health.well_since:
            return  # a refusal of before, perhaps of another secret
        if self.key > 0:  # a platform without keys has none to put out of service
            self.health.disabled = reason
            self._pool.news.disabled[self.key] = reason

    def release(self) -> None:
        """It is over. A trial that came to no verdict leaves its place to another."""
        self.health.in_flight -= 1
        if self._trial is not None:
            self._trial.trying = False
            self._trial = None
        self._pool.wake(self.platform_id)

    def _since(self, rest: Rest) -> float:
        """From when on it knows how things are.

        A trial is never out of date, whatever others have told meanwhile: nobody else ends it.
        """
        if self._trial is not rest:
            return self.began
        self._trial = None
        return max(self.began, rest.since)

    def _rested(self) -> Rest:
        """The model's rest; while there are too many, those that are over are forgotten."""
        rests = self.health.rests
        if len(rests) >= _MODELS and self.model not in rests:
            now = self._pool.clock()
            over = [name for name, rest in rests.items() if rest.cooling_until <= now]
            for name in over or [next(iter(rests))]:
                del rests[name]
        return self.health.rest(self.model)


class Pool:
    """The credentials of all platforms, as this process knows them. For one event loop."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds that only go forward."""
        self.clock = clock
        self.news = News()
        """What other processes have not been told yet."""
        self._healths: dict[int, Health] = {}
        self._plans: dict[int, tuple[PlatformSpec, dict[Groups, tuple[Tier, ...]]]] = {}
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}

    def choose(
        self, route: Route, sticky: str = "", tried: Collection[int] = ()
    ) -> CredentialSpec | None:
        """A credential that may carry a call of this route now; None: not one.

        Of the best tier that has one: two drawn by weight, the less loaded wins. With a `sticky`
        key always the same, as long as it is well, and then always the same other one. `tried`:
        ids that are left out.
        """
        now, model, platform = self.clock(), route.upstream_model, route.platform

        def load(credential: CredentialSpec) -> float | None:
            if credential.id in tried:
                return None
            health = self._healths.get(credential.id or -platform.id)
            if health is None:
                return 0.0
            most = credential.max_concurrency
            if (most is not None and health.in_flight >= most) or health.why(model, now):
                return None
            return health.in_flight / credential.weight

        for tier in self._plan(platform, route.groups):
            found = faithful(tier, sticky, load) if sticky else lighter(tier, load)
            if found is not None:
                return found
        return None

    def is_free(self, route: Route, credential: CredentialSpec) -> bool:
        """Whether this one may carry a call of the route now."""
        health = self.health(key_of(route.platform, credential))
        most = credential.max_concurrency
        is_full = most is not None and health.in_flight >= most
        return not is_full and health.why(route.upstream_model, self.clock()) is None

    def take(self, route: Route, credential: CredentialSpec) -> Use:
        """Put it to work; `Use.release` must follow."""
        return Use(self, route, credential)

    def has_any(self, route: Route) -> bool:
        """Whether the route's groups leave any credential at all."""
        return bool(self._plan(route.platform, route.groups))

    def pause(self, route: Route, tried: Collection[int] = ()) -> tuple[float, Why] | None:
        """In how many seconds the first of them may be free, and why it is not now.

        0 where that cannot be told; None: there is none that could be.
        """
        best: tuple[float, Why] | None = None
        for tier in self._plan(route.platform, route.groups):
            for credential in tier.credentials:
                if credential.id in tried:
                    continue
                pause = self.pause_of(route, credential)
                if pause is not None and (best is None or pause[0] < best[0]):
                    best = pause
        return best

    def pause_of(self, route: Route, credential: CredentialSpec) -> tuple[float, Why] | None:
        """The same of one credential, in the route's plan or not."""
        now, model = self.clock(), route.upstream_model
        health = self.health(key_of(route.platform, credential))
        seconds = health.free_in(model, now)
        return (seconds, health.why(model, now) or "full") if math.isfinite(seconds) else None

    async def wait(self, platform_id: int, seconds: float) -> None:
        """Until something has changed for the better at this platform, or so long.

        LOOK_S at most, and that for 0.
        """
        future = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(platform_id, deque())
        queue.append(future)
        try:
            async with asyncio.timeout(min(seconds or LOOK_S, LOOK_S)):
                await future
        except TimeoutError:
            pass
        finally:
            if future in queue:
                queue.remove(future)
            if not queue and self._waiting.get(platform_id) is queue:
                del self._waiting[platform_id]

    def wake(self, platform_id: int) -> None:
        """Let the one that has waited longest look again."""
        queue = self._waiting.get(platform_id)
        while queue:
            future = queue.popleft()
            if not future.done():
                future.set_result(None)
                return

    def health(self, key: int) -> Health:
        """A credential's health, made if need be."""
        found = self._healths.get(key)
        if found is None:
            found = self._healths[key] = Health()
        return found

    def healths(self) -> Iterator[tuple[int, Health]]:
        """All that is known, by credential id; a negative one is a platform's without keys."""
        return iter(list(self._healths.items()))

    def full(self, platform: PlatformSpec, credential: CredentialSpec, seconds: float) -> None:
        """The credential's own limits are reached; look again in so many seconds."""
        health = self.health(key_of(platform, credential))
        health.full_until = max(health.full_until, self.clock() + seconds)

    def keep(self, ids: Collection[int]) -> None:
        """Forget credentials that are not in service any more and carry nothing."""
        for key, health in self.healths():
            if key > 0 and key not in ids and not health.in_flight:
                del self._healths[key]

    def others_cooled(self, key: int, model: str, seconds: float) -> None:
        """Another process has been told to go slower with this credential."""
        rest, now = self.health(key).rest(model), self.clock()
        if now + seconds > rest.cooling_until:
            rest.cooling_until, rest.since = now + seconds, now

    def others_disabled(self, disabled: Mapping[int, str]) -> None:
        """All that are out of service by everyone's word; the others are in service again.

        What this process has put out of service and not told yet stays out.
        """
        for key, health in self.healths():
            if health.disabled and key not in disabled and key not in self.news.disabled:
                self._back(health)
        for key, reason in disabled.items():
            self.health(key).disabled = reason

    def reset(self, key: int, at: object) -> None:
        """The operator says that it is well; obeyed once for each moment `at`."""
        health = self.health(key)
        if health.reset_at != at and key not in self.news.disabled:
            health.reset_at, health.well_since = at, self.clock()
            health.rests.clear()
            health.full_until = 0.0
            if health.disabled:
                self._back(health)

    def _back(self, health: Health) -> None:
        health.disabled = ""
        health.recovering = True
        for platform_id in list(self._waiting):
            self.wake(platform_id)

    def _plan(self, platform: PlatformSpec, groups: Groups) -> tuple[Tier, ...]:
        """The tiers of this platform for these groups, worked out once per configuration."""
        kept = self._plans.get(platform.id)
        if kept is None or kept[0] is not platform:
            kept = self._plans[platform.id] = platform, {}
        plan = kept[1].get(groups)
        if plan is None:
            if len(kept[1]) >= _PLANS:
                kept[1].clear()
            plan = kept[1][groups] = tiers(platform, groups)
        return plan


def key_of(platform: PlatformSpec, credential: CredentialSpec) -> int:
    """Under which a credential's health is kept; of a platform without keys, the platform's own."""
    return credential.id or -platform.id
