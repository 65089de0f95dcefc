"""Memory and Redis count alike: each claim is tried on both, random sequences on both at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from licences.limits.counters import Counters
from licences.limits.memory import MemoryCounters
from licences.limits.redis import RedisCounters
from licences.limits.terms import (
    Ask,
    Bucket,
    Budget,
    Granted,
    Rate,
    Refused,
    Spent,
    Unknown,
)
from tests.licences.limits.counting import (
    DAY,
    LEASE_S,
    NOTHING,
    Clock,
    ask,
    bucket,
    budgeted,
    refused,
    same,
)


@pytest.fixture(params=["memory", "redis"])
async def counters(request: Any, clock: Clock) -> AsyncIterator[Counters]:
    if request.param == "memory":
        yield MemoryCounters(clock=clock)
        return
    found = RedisCounters(request.getfixturevalue("redis_url"), clock=clock)
    await found._client.flushall()
    yield found
    await found.aclose()


async def test_no_sixty_seconds_hold_more_requests_than_the_limit(
    counters: Counters, clock: Clock
) -> None:
    limited = bucket(rpm=3)
    for number in range(3):
        assert isinstance(await counters.admit(ask(limited, str(number))), Granted)
        clock.now += 0.4

    what, limit, wait_s = refused(await counters.admit(ask(limited, "x")))

    assert (what, limit) == ("rpm", 3)
    assert wait_s == pytest.approx(1_000_061 - clock.now, abs=0.01)
    clock.now += wait_s - 0.01
    refused(await counters.admit(ask(limited, "x")))
    clock.now += 0.02
    assert isinstance(await counters.admit(ask(limited, "x")), Granted)


async def test_tokens_are_reserved_and_put_right(counters: Counters, clock: Clock) -> None:
    limited = bucket(tpm=100)
    first = ask(limited, "a", tokens=80)
    granted = await counters.admit(first)
    assert isinstance(granted, Granted)
    same(granted.rates.tokens, Rate(100, 20, 1_000_061 - clock.now))

    assert refused(await counters.admit(ask(limited, "b", tokens=30)))[0] == "tpm"
    await counters.settle(first, granted.slot, 10, 0)
    assert isinstance(await counters.admit(ask(limited, "b", tokens=30)), Granted)
    assert (await counters.usage(limited, DAY)).tokens == 40


async def test_a_correction_of_a_slot_that_is_over_changes_nothing(
    counters: Counters, clock: Clock
) -> None:
    limited = bucket(tpm=100)
    long = ask(limited, "a", tokens=80)
    granted = await counters.admit(long)
    assert isinstance(granted, Granted)
    clock.now += 70
    await counters.admit(ask(limited, "b", tokens=30))

    await counters.settle(long, granted.slot, 5, 0)

    assert (await counters.usage(limited, DAY)).tokens == 30


async def test_a_request_larger_than_the_limit_may_go_alone(counters: Counters) -> None:
    limited = bucket(tpm=100)

    assert isinstance(await counters.admit(ask(limited, "a", tokens=500)), Granted)
    assert refused(await counters.admit(ask(limited, "b", tokens=1)))[0] == "tpm"


async def test_a_call_at_once_is_free_when_it_is_settled_or_its_lease_ends(
    counters: Counters, clock: Clock
) -> None:
    limited = bucket(concurrency=2)
    first, second = ask(limited, "a"), ask(limited, "b")
    for one in (first, second):
        assert isinstance(await counters.admit(one), Granted)

    assert refused(await counters.admit(ask(limited, "c")))[:2] == ("concurrency", 2)
    await counters.settle(first, 0, 0, 0)
    assert isinstance(await counters.admit(ask(limited, "c")), Granted)
    clock.now += LEASE_S - 1
    await counters.renew([second])
    clock.now += 2  # the process of c is dead, that of b lives
    assert (await counters.usage(limited, DAY)).under_way == 1
    assert isinstance(await counters.admit(ask(limited, "d")), Granted)


async def test_equality_refuses(counters: Counters) -> None:
    limited = budgeted(total=100)
    await counters.seed(limited, Spent(100, 0, 0, DAY))

    assert refused(await counters.admit(ask(limited)))[:2] == ("total", 100)


@pytest.mark.parametrize("window", ["total", "day", "month"])
async def test_each_budget_is_held_to_on_its_own(counters: Counters, window: str) -> None:
    limited = budgeted(**{"total": 1000, "day": 1000, "month": 1000, window: 100})
    await counters.seed(limited, NOTHING)
    first = ask(limited, "a", cost_micros=100)
    granted = await counters.admit(first)
    assert isinstance(granted, Granted)
    await counters.settle(first, granted.slot, 0, 100)

    assert refused(await counters.admit(ask(limited, "b")))[:2] == (window, 100)


async def test_what_others_reserve_holds_a_call_up_and_one_alone_may_go(
    counters: Counters,
) -> None:
    limited = budgeted(total=100)
    await counters.seed(limited, NOTHING)
    first = ask(limited, "a", cost_micros=500)
    granted = await counters.admit(first)
    assert isinstance(granted, Granted)

    assert refused(await counters.admit(ask(limited, "b", cost_micros=1)))[0] == "reserved"
    await counters.settle(first, granted.slot, 0, 10)
    assert isinstance(await counters.admit(ask(limited, "b", cost_micros=500)), Granted)
    assert (await counters.usage(limited, DAY)).reserved == 500


async def test_a_dead_process_gives_back_what_it_had_reserved(
    counters: Counters, clock: Clock
) -> None:
    limited = budgeted(total=100)
    await counters.seed(limited, NOTHING)
    await counters.admit(ask(limited, "a", cost_micros=100))

    clock.now += LEASE_S + 1

    assert isinstance(await counters.admit(ask(limited, "b", cost_micros=100)), Granted)


async def test_what_was_spent_is_asked_for_once_and_never_lowered(counters: Counters) -> None:
    limited = budgeted(total=100)
    assert isinstance(await counters.admit(ask(limited)), Unknown)
    await counters.seed(limited, Spent(60, 6, 16, DAY))
    await counters.seed(limited, Spent(50, 5, 15, DAY))
    await counters.seed(limited, Spent(70, 1, 17, DAY))

    assert (await counters.usage(limited, DAY)).spent == Spent(70, 6, 17, DAY)


async def test_a_new_day_and_a_new_month_begin_with_nothing(counters: Counters) -> None:
    limited = budgeted(day=100, month=100)
    await counters.seed(limited, Spent(100, 100, 100, DAY))
    refused(await counters.admit(ask(limited)))

    tomorrow, next_month = DAY + timedelta(days=1), date(2026, 12, 1)
    assert refused(await counters.admit(ask(limited, day=tomorrow)))[0] == "month"
    assert isinstance(await counters.admit(ask(limited, day=next_month)), Granted)


async def test_a_call_of_yesterday_costs_yesterday(counters: Counters) -> None:
    limited = budgeted(day=100)
    await counters.seed(limited, NOTHING)
    late = ask(limited, "late", cost_micros=10)
    granted = await counters.admit(late)
    assert isinstance(granted, Granted)
    await counters.admit(ask(limited, "next", day=DAY + timedelta(days=1)))

    await counters.settle(late, granted.slot, 0, 10)

    spent = (await counters.usage(limited, DAY + timedelta(days=1))).spent
    assert spent == Spent(10, 0, 10, DAY + timedelta(days=1))


async def test_what_is_no_request_does_not_put_off_the_reset_of_requests(
    counters: Counters, clock: Clock
) -> None:
    limited = bucket(rpm=3, tpm=100)
    await counters.admit(ask(limited, "a", tokens=10))
    clock.now += 5

    granted = await counters.admit(ask(limited, "film", tokens=10, counts=False))

    assert isinstance(granted, Granted)
    usage = await counters.usage(limited, DAY)
    requests_s, tokens_s = 1_000_061 - clock.now, 1_000_066 - clock.now
    same(granted.rates.requests, Rate(3, 2, requests_s))
    same(granted.rates.tokens, Rate(100, 80, tokens_s))
    assert usage.requests_reset_s == pytest.approx(requests_s, abs=0.01)
    assert usage.tokens_reset_s == pytest.approx(tokens_s, abs=0.01)


async def test_a_correction_that_finds_no_slot_is_not_counted_elsewhere(
    counters: Counters, clock: Clock
) -> None:
    limited = bucket(tpm=100)
    granted = await counters.admit(ask(limited, "a", tokens=30))
    assert isinstance(granted, Granted)

    for slot in (granted.slot - 1, granted.slot + 1):
        await counters.settle(ask(limited, "b", tokens=30), slot, 5, 0)

    assert (await counters.usage(limited, DAY)).tokens == 30


async def test_what_is_told_is_of_the_tightest_bucket_requests_and_tokens_apart(
    counters: Counters, clock: Clock
) -> None:
    licence, model = bucket(rpm=10, tpm=100), bucket("licence:1:gpt-*", rpm=4, tpm=1000)

    granted = await counters.admit(ask((licence, model), tokens=10))

    assert isinstance(granted, Granted)
    reset_s = 1_000_061 - clock.now
    same(granted.rates.requests, Rate(4, 3, reset_s))
    same(granted.rates.tokens, Rate(100, 90, reset_s))


async def test_all_buckets_or_none(counters: Counters) -> None:
    licence, platform = bucket(rpm=10), bucket("platform:1", rpm=1)
    assert isinstance(await counters.admit(ask((licence, platform), "a")), Granted)

    answer = await counters.admit(ask((licence, platform), "b"))

    assert isinstance(answer, Refused)
    assert answer.bucket == platform
    assert (await counters.usage(licence, DAY)).requests == 1


async def test_what_is_settled_twice_or_unknown_is_harmless(counters: Counters) -> None:
    limited = budgeted(total=100)
    await counters.settle(ask(limited, "never seen"), 7, 5, 5)
    assert isinstance(await counters.admit(ask(limited)), Unknown)


async def test_two_hundred_at_once_on_a_budget_for_ten_are_ten(counters: Counters) -> None:
    limited = budgeted(total=1000)
    await counters.seed(limited, NOTHING)

    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(counters.admit(ask(limited, str(n), cost_micros=100)))
            for n in range(200)
        ]

    assert sum(isinstance(call.result(), Granted) for call in calls) == 10


async def test_tokens_count_on_when_all_requests_are_over(counters: Counters, clock: Clock) -> None:
    limited = bucket(rpm=3, tpm=100)
    await counters.admit(ask(limited, "a", tokens=10))
    clock.now += 40
    await counters.admit(ask(limited, "film", tokens=20, counts=False))
    clock.now += 30

    usage = await counters.usage(limited, DAY)

    assert (usage.requests, usage.tokens) == (0, 20)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admit"), st.integers(0, 9), st.integers(0, 60), st.integers(0, 60)),
        st.tuples(st.just("settle"), st.integers(0, 9), st.integers(0, 60), st.integers(0, 60)),
        st.tuples(st.just("renew"), st.integers(0, 9), st.just(0), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 900), st.just(0), st.just(0)),
        st.tuples(st.just("day"), st.integers(0, 1), st.just(0), st.just(0)),
        st.tuples(st.just("seed"), st.integers(0, 400), st.integers(0, 200), st.just(0)),
    ),
    max_size=40,
)


@given(steps=_STEPS)
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_memory_and_redis_decide_alike(redis_url: str, steps: list[tuple[Any, ...]]) -> None:
    asyncio.run(_compared(redis_url, steps))


async def _compared(redis_url: str, steps: list[tuple[Any, ...]]) -> None:
    clock = Clock()
    memory, redis = MemoryCounters(clock=clock), RedisCounters(redis_url, clock=clock)
    await redis._client.flushall()
    limited = Bucket(
        "licence:1", "licence", "", 8, 150, 5, (Budget("total", 300), Budget("day", 120))
    )
    state = _Sequence(memory, redis, limited, clock)
    try:
        for step in steps:
            await state.step(*step)
    finally:
        await redis.aclose()


class _Sequence:
    """One sequence of events, told to both."""

    def __init__(
        self, memory: MemoryCounters, redis: RedisCounters, limited: Bucket, clock: Clock
    ) -> None:
        self.both: tuple[Counters, Counters] = (memory, redis)
        self.limited, self.clock, self.day = limited, clock, DAY
        self.asks: dict[str, tuple[Ask, int]] = {}

    async def step(self, what: str, number: int, tokens: int, cost: int) -> None:
        do: dict[str, Callable[..., Any]] = {"admit": self._admit, "settle": self._settle}
        if what in do:
            await do[what](str(number), tokens, cost)
        elif what == "renew" and str(number) in self.asks:
            await self._each(lambda counters: counters.renew([self.asks[str(number)][0]]))
        elif what == "wait":
            self.clock.now += number / 10
        elif what == "day":
            self.day += timedelta(days=number)
        elif what == "seed":
            spent = Spent(number, tokens, tokens, self.day)
            await self._each(lambda counters: counters.seed(self.limited, spent))
        one, other = [await c.usage(self.limited, self.day) for c in self.both]
        assert one.requests == other.requests
        assert one.tokens == other.tokens
        assert (one.under_way, one.reserved) == (other.under_way, other.reserved)
        assert one.spent == other.spent
        assert one.requests_reset_s == pytest.approx(other.requests_reset_s, abs=0.01)
        assert one.tokens_reset_s == pytest.approx(other.tokens_reset_s, abs=0.01)

    async def _admit(self, id: str, tokens: int, cost: int) -> None:
        if id in self.asks:
            return  # an id is used once
        one = ask(self.limited, id, tokens=tokens, cost_micros=cost, day=self.day)
        mine, other = [await counters.admit(one) for counters in self.both]
        assert type(mine) is type(other)
        if isinstance(mine, Granted) and isinstance(other, Granted):
            self.asks[id] = one, mine.slot
            same(mine.rates.requests, other.rates.requests)
            same(mine.rates.tokens, other.rates.tokens)
        if isinstance(mine, Refused) and isinstance(other, Refused):
            assert (mine.what, mine.limit) == (other.what, other.limit)
            assert mine.retry_after_s == pytest.approx(other.retry_after_s, abs=0.01)

    async def _settle(self, id: str, tokens: int, cost: int) -> None:
        if id in self.asks:
            one, slot = self.asks.pop(id)
            await self._each(lambda counters: counters.settle(one, slot, tokens, cost))

    async def _each(self, work: Callable[[Counters], Any]) -> None:
        for counters in self.both:
            await work(counters)
