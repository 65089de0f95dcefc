"""What is Redis' own: its loss, its clock, its memory, and the connections to it."""

import asyncio

import pytest

import licences.limits.redis as redis_counters
from licences.limits.redis import RedisCounters, keys_of
from licences.limits.terms import (
    Granted,
)
from tests.licences.limits.counting import (
    DAY,
    NOTHING,
    Clock,
    ask,
    bucket,
    budgeted,
    refused,
)


async def test_redis_restarted_takes_up_what_is_still_under_way(in_redis: RedisCounters) -> None:
    limited = budgeted(total=100)
    await in_redis.seed(limited, NOTHING)
    held = ask(limited, "a", cost_micros=100)
    await in_redis.admit(held)
    await in_redis._client.flushall()

    await in_redis.renew([held])
    await in_redis.seed(limited, NOTHING)

    assert refused(await in_redis.admit(ask(limited, "b", cost_micros=1)))[0] == "reserved"


async def test_redis_keeps_no_second_that_is_over(in_redis: RedisCounters, clock: Clock) -> None:
    limited = bucket(rpm=1000)
    for number in range(200):
        await in_redis.admit(ask(limited, str(number)))
        clock.now += 1

    assert await in_redis._client.hlen(keys_of([limited])[0]) <= 5 + 2 * 61


async def test_a_redis_whose_clock_is_behind_counts_on(
    in_redis: RedisCounters, clock: Clock
) -> None:
    """Another one has taken over, say."""
    limited = bucket(rpm=2, tpm=10)
    await in_redis.admit(ask(limited, "a"))
    clock.now -= 300

    assert isinstance(await in_redis.admit(ask(limited, "b", tokens=10)), Granted)
    assert refused(await in_redis.admit(ask(limited, "c")))[0] == "rpm"
    assert refused(await in_redis.admit(ask(limited, "d", tokens=1, counts=False)))[0] == "tpm"
    clock.now += 400
    assert isinstance(await in_redis.admit(ask(limited, "e")), Granted)
    assert (await in_redis.usage(limited, DAY)).requests == 1


async def test_a_clock_that_was_hours_behind_asks_redis_for_no_hours(
    in_redis: RedisCounters, clock: Clock
) -> None:
    limited = bucket(rpm=2, tpm=10)
    await in_redis.admit(ask(limited, "a"))
    clock.now -= 9000
    await in_redis.admit(ask(limited, "film", tokens=4, counts=False))
    clock.now += 9030

    assert isinstance(await in_redis.admit(ask(limited, "b", tokens=8)), Granted)
    assert (await in_redis.usage(limited, DAY)).tokens == 8


async def test_those_who_wait_for_a_connection_get_it_in_turn(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_counters, "CONNECTIONS", 1)
    counters, turns = RedisCounters(redis_url), list[int]()

    async def call_again_and_again(number: int) -> None:
        for _ in range(20):
            await counters.usage(bucket(), DAY)
            turns.append(number)

    try:
        await counters.usage(bucket(), DAY)  # connected, scripts known
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(call_again_and_again(number))
    finally:
        await counters.aclose()

    assert all(set(turns[n : n + 4]) == {0, 1, 2, 3} for n in range(0, len(turns), 4))
