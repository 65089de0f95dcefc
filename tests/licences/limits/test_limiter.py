"""The limiter over its counters: what a cancelled call, a lost Redis and a long wait leave."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st
from typing_extensions import override

from licences.errors import BudgetSpent, LimitReached, LimitsUnavailable
from licences.limits import limiter as module
from licences.limits.counters import Counters, Policy
from licences.limits.limiter import Limiter
from licences.limits.memory import MemoryCounters
from licences.limits.redis import RedisCounters
from licences.limits.terms import (
    Ask,
    Bucket,
    Budget,
    BudgetWindow,
    Granted,
    Spent,
    day_of,
    window_end,
)
from tests.gateway.redis_server import RedisServer, redis_server

DAY = date(2026, 11, 23)
BUCKET = Bucket("licence:1", "licence", "", None, None, 100, (Budget("total", 1000),))


class Database:
    """What was booked, as the limiter asks for it."""

    def __init__(self) -> None:
        self.total = 0
        self.asked = 0

    async def spent(self, ids: Collection[int]) -> dict[int, Spent]:
        self.asked += 1
        await asyncio.sleep(0)
        return {id: Spent(self.total, self.total, self.total, DAY) for id in ids}


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as found:
        yield found


@pytest.fixture(params=["memory", "redis"])
async def limiter(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Limiter]:
    counters: Counters = MemoryCounters()
    if request.param == "redis":
        counters = RedisCounters(request.getfixturevalue("server").url)
        await counters._client.flushall()
    found = Limiter(counters, database.spent, Policy(lease_s=0.9, wait_s=0.2), today=lambda: DAY)
    yield found
    await found.aclose()


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.01)


async def test_calls_cancelled_at_any_moment_of_admission_leak_nothing(limiter: Limiter) -> None:
    rng = random.Random(5)

    async def call(id: str) -> None:
        async with await limiter.admit(id, [BUCKET], cost_micros=1):
            await asyncio.sleep(0)

    for number in range(40):
        async with asyncio.timeout(10):
            calls = [
                asyncio.get_running_loop().create_task(call(f"{number}.{i}")) for i in range(20)
            ]
            for _ in range(rng.randrange(30)):
                await asyncio.sleep(0)
            for one in calls:
                one.cancel()
            await asyncio.wait(calls)
            if limiter._tasks:
                await asyncio.wait(limiter._tasks)
        usage = await limiter.usage(BUCKET)
        assert (usage.under_way, usage.reserved) == (0, 0)
    assert limiter._open == {}


async def test_a_call_that_waits_for_money_gets_it_when_others_cost_less(limiter: Limiter) -> None:
    first = await limiter.admit("a", [BUCKET], cost_micros=1000)

    async def second() -> None:
        async with await limiter.admit("b", [BUCKET], cost_micros=500):
            pass

    async with asyncio.TaskGroup() as group:
        group.create_task(second())
        await asyncio.sleep(0)
        await first.settle(cost_micros=10)


async def test_a_call_that_waits_for_money_in_vain_is_refused_in_time(limiter: Limiter) -> None:
    first = await limiter.admit("a", [BUCKET], cost_micros=1000)

    async with asyncio.timeout(2):
        with pytest.raises(LimitReached) as refused:
            await limiter.admit("b", [BUCKET], cost_micros=1)

    assert (refused.value.what, refused.value.retry_after_s) == ("reserved", 1.0)
    await first.settle(cost_micros=1000)
    with pytest.raises(BudgetSpent):
        await limiter.admit("b", [BUCKET], cost_micros=1)


async def test_many_that_meet_an_unknown_spend_ask_the_database_once(
    limiter: Limiter, database: Database
) -> None:
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(limiter.admit(str(i), [BUCKET])) for i in range(50)]

    assert database.asked == 1
    for call in calls:
        await call.result().settle()


async def test_what_lives_is_renewed_longer_than_its_lease(limiter: Limiter) -> None:
    held = await limiter.admit("a", [BUCKET], cost_micros=1)
    async with asyncio.TaskGroup() as group:
        renewing = group.create_task(limiter.run())
        await asyncio.sleep(1.2)  # a lease of 0.9 s has no other event
        usage = await limiter.usage(BUCKET)
        renewing.cancel()

    assert (usage.under_way, usage.reserved) == (1, 1)
    await held.settle()


class SlowToRenew(MemoryCounters):
    """Renews one, and goes on when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on, self.done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @override
    async def renew(self, asks: Iterable[Ask]) -> None:
        for ask in asks:
            await super().renew([ask])
            self.begun.set()
            await self.go_on.wait()
        self.done.set()


async def test_what_is_settled_while_others_are_renewed_does_not_come_back(
    database: Database,
) -> None:
    counters = SlowToRenew()
    limiter = Limiter(counters, database.spent, Policy(lease_s=0.03), today=lambda: DAY)
    bucket = Bucket("licence:1", "licence", concurrency=5)
    first, second = [await limiter.admit(id, [bucket]) for id in "ab"]
    async with asyncio.TaskGroup() as group:
        renewing = group.create_task(limiter.run())
        await counters.begun.wait()
        await second.settle()
        counters.go_on.set()
        await counters.done.wait()
        renewing.cancel()

    assert list(counters._states[bucket.key].leases) == ["a"]
    await first.settle()


async def test_what_others_have_booked_is_learnt_and_nothing_is_lowered(
    limiter: Limiter, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RAISE_S", 0.02)
    await (await limiter.admit("a", [BUCKET])).settle(cost_micros=70)
    database.total = 50

    async with asyncio.TaskGroup() as group:
        comparing = group.create_task(limiter.run())
        asked = database.asked

        async def has_asked() -> bool:
            return database.asked > asked + 1

        await until(has_asked)
        before = (await limiter.usage(BUCKET)).spent
        database.total = 1000

        async def is_spent() -> bool:
            found = (await limiter.usage(BUCKET)).spent
            return found is not None and found.total == 1000

        await until(is_spent)
        comparing.cancel()

    assert before is not None
    assert before.total == 70
    with pytest.raises(BudgetSpent):
        await limiter.admit("b", [BUCKET])


@pytest.mark.parametrize("way", ["killed", "frozen"])
async def test_without_redis_nobody_waits_and_it_comes_back_by_itself(
    database: Database, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REST_S", 0.1)
    with redis_server() as server:
        limiter = Limiter(RedisCounters(server.url), database.spent, today=lambda: DAY)
        held = await limiter.admit("a", [BUCKET], cost_micros=10)
        rates = [Bucket("licence:2", "licence", rpm=1)]
        (server.kill if way == "killed" else server.freeze)()

        async with asyncio.timeout(1.5):  # its time-out is 1 s
            with pytest.raises(LimitsUnavailable):
                await limiter.admit("b", [BUCKET])
        async with asyncio.timeout(0.05):
            assert (await limiter.admit("c", rates)).asked is None
            await held.settle(cost_micros=10)
        assert limiter.failures == 1

        database.total = 1000  # the journal was booked meanwhile
        (server.start if way == "killed" else server.thaw)()

        async def is_back() -> bool:
            return (await limiter.admit("d", rates)).asked is not None

        await until(is_back)
        with pytest.raises(LimitReached):
            await limiter.admit("e", rates)
        if way == "killed":  # all keys are gone: what was spent is asked for again
            with pytest.raises(BudgetSpent):
                await limiter.admit("f", [BUCKET])
        await limiter.aclose()


@pytest.mark.parametrize(
    ("limits", "budgets", "serves"),
    [
        ("open", "open", {"rates", "money", "both"}),
        ("open", "closed", {"rates"}),
        ("closed", "open", {"money"}),
        ("closed", "closed", set()),
    ],
)
async def test_what_is_served_without_counters_is_the_operators_word(
    database: Database, limits: str, budgets: str, serves: set[str]
) -> None:
    policy = Policy(open_limits=limits == "open", open_budgets=budgets == "open")
    limiter = Limiter(RedisCounters("redis://127.0.0.1:9/0"), database.spent, policy)
    money = (Budget("total", 1),)
    asked = {
        "rates": Bucket("licence:1", "licence", rpm=1),
        "money": Bucket("licence:2", "licence", budgets=money),
        "both": Bucket("licence:3", "licence", rpm=1, budgets=money),
    }

    served = set()
    for name, bucket in asked.items():
        with contextlib.suppress(LimitsUnavailable):
            await limiter.admit(name, [bucket])
            served.add(name)

    assert served == serves
    assert (await limiter.admit("none", [Bucket("licence:4", "licence")])).asked is None
    await limiter.aclose()


@pytest.mark.parametrize(
    ("window", "day", "end"),
    [
        ("day", date(2026, 12, 31), "2027-01-01"),
        ("day", date(2026, 2, 28), "2026-03-01"),
        ("month", date(2026, 12, 31), "2027-01-01"),
        ("month", date(2026, 2, 1), "2026-03-01"),
        ("month", date(2026, 1, 31), "2026-02-01"),
    ],
)
def test_a_window_ends_at_midnight(window: BudgetWindow, day: date, end: str) -> None:
    assert window_end(window, day) == datetime.fromisoformat(f"{end}T00:00:00+00:00")
    assert window_end("total", day) is None


@given(unix_s=st.integers(0, 4 * 10**9))
def test_a_day_is_found_by_its_number(unix_s: int) -> None:
    assert day_of(unix_s // 86_400) == datetime.fromtimestamp(unix_s, UTC).date()


async def test_the_day_of_a_call_follows_the_clock_wherever_it_jumps(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = Limiter(MemoryCounters(), database.spent)
    midnight = datetime(2026, 11, 24, tzinfo=UTC)
    seconds = (-1, 0, -1, 86_399, 86_400, -400 * 86_400, 0)  # of it

    days = []
    for number, left in enumerate(seconds):
        now_ns = (int(midnight.timestamp()) + left) * 10**9
        with monkeypatch.context() as patched:
            patched.setattr(time, "time_ns", lambda now_ns=now_ns: now_ns)
            held = await limiter.admit(str(number), [BUCKET])
        assert held.asked is not None
        days.append(held.asked.day)

    assert days == [(midnight + timedelta(seconds=left)).date() for left in seconds]


@given(
    arrivals=st.lists(st.floats(0, 20, allow_nan=False), min_size=1, max_size=80),
    rpm=st.integers(1, 6),
)
def test_no_sixty_seconds_wherever_they_begin_hold_more_than_the_limit(
    arrivals: list[float], rpm: int
) -> None:
    now = 0.0
    counters = MemoryCounters(clock=lambda: now)
    bucket = Bucket("licence:1", "licence", rpm=rpm)
    admitted: list[float] = []

    async def play() -> None:
        nonlocal now
        for number, pause in enumerate(arrivals):
            now += pause
            ask = Ask(str(number), (bucket,), 0, 0, DAY, 30)
            if isinstance(await counters.admit(ask), Granted):
                admitted.append(now)

    asyncio.run(play())

    for start in admitted:
        assert sum(start <= at < start + 60 for at in admitted) <= rpm
