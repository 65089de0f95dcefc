"""The pool: who carries the next call, who waits for what, and what the last one has shown."""

import asyncio
import math
from collections import Counter
from typing import Any

import pytest

from platforms.health import FAILURES, OPEN_S
from platforms.pool import LOOK_S, Pool
from platforms.routes import FREE, CredentialSpec, PlatformSpec, Route, Timeouts


class Clock:
    """Time that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def spec(id: int, **over: Any) -> CredentialSpec:
    return CredentialSpec(id, f"key-{id}", "sk", (), **over)


def route(*credentials: CredentialSpec, model: str = "m", **over: Any) -> Route:
    platform = PlatformSpec(
        7, "acme", "Acme", "custom", "openai", "http://x/v1", "/c", "/m", True, True, Timeouts(),
        credentials, {},
    )  # fmt: skip
    return Route(platform, model, model, None, FREE, name=model, **over)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(clock: Clock) -> Pool:
    return Pool(clock=clock)


def chosen(pool: Pool, where: Route, times: int = 400, **over: Any) -> Counter[int]:
    found = (pool.choose(where, **over) for _ in range(times))
    return Counter(one.id if one else 0 for one in found)


def fail(pool: Pool, where: Route, credential: CredentialSpec, times: int = FAILURES) -> None:
    for _ in range(times):
        with pool.take(where, credential) as use:
            use.failed()


def test_the_best_tier_that_has_one_carries_the_call(pool: Pool) -> None:
    first, second, third = spec(1, tier=1), spec(2, tier=1, draining=True), spec(3, tier=2)
    where = route(third, second, first)

    assert set(chosen(pool, where)) == {1}
    with pool.take(where, first) as use:
        use.cool(60, "slower")
    assert set(chosen(pool, where)) == {3}


def test_weights_are_shares(pool: Pool) -> None:
    where = route(spec(1, weight=1), spec(2, weight=3))

    counts = chosen(pool, where, 4000)

    # Of two drawn, the first wins a tie: so the share is the weight's.
    assert counts[2] / 4000 == pytest.approx(0.75, abs=0.04)


def test_the_less_loaded_of_two_gets_the_call(pool: Pool) -> None:
    busy, idle = spec(1), spec(2)
    where = route(busy, idle)
    for _ in range(5):
        pool.take(where, busy)

    counts = chosen(pool, where, 1000)

    assert counts[2] > counts[1] * 2  # the busy one only where it is drawn twice


@pytest.mark.parametrize(
    ("wanted", "able"),
    [
        ((), {1, 2, 3}),
        ((frozenset({"a"}),), {1, 2}),
        ((frozenset({"a"}), frozenset({"b"})), {2}),
        ((frozenset({"a", "c"}),), {1, 2, 3}),
        ((frozenset({"z"}),), {0}),
    ],
)
def test_a_key_must_be_in_one_group_of_each_set(
    pool: Pool, wanted: tuple[frozenset[str], ...], able: set[int]
) -> None:
    keys = (
        spec(1, groups=frozenset({"a"})),
        spec(2, groups=frozenset({"a", "b"})),
        spec(3, groups=frozenset({"c"})),
    )

    assert set(chosen(pool, route(*keys, groups=wanted))) == able


def test_a_conversation_stays_while_its_key_is_well_and_comes_back(
    pool: Pool, clock: Clock
) -> None:
    where = route(*(spec(id) for id in range(1, 6)))
    home = pool.choose(where, "1:talk")
    assert home is not None
    with pool.take(where, home) as use:
        use.cool(30, "slower")

    away = {one.id for _ in range(50) if (one := pool.choose(where, "1:talk"))}
    clock.now += 31

    assert len(away) == 1
    assert home.id not in away
    assert pool.choose(where, "1:talk") is home
    assert Pool().choose(where, "1:talk") is home  # in another process too


def test_a_key_out_of_service_is_never_chosen_not_by_its_conversations_either(pool: Pool) -> None:
    where = route(spec(1), spec(2))
    with pool.take(where, where.platform.credentials[0]) as use:
        use.disable("key: refused")

    plain = chosen(pool, where)
    sticky = Counter(one.id for n in range(200) if (one := pool.choose(where, f"1:{n}")))

    assert set(plain) == {2}
    assert set(sticky) == {2}
    assert pool.news.disabled == {1: "key: refused"}
    assert pool.choose(route(spec(1))) is None
    assert pool.pause(route(spec(1))) is None


def test_one_models_trouble_is_not_anothers(pool: Pool) -> None:
    key = spec(1)
    with pool.take(route(key, model="a"), key) as use:
        use.cool(60, "slower")

    assert pool.choose(route(key, model="a")) is None
    assert pool.choose(route(key, model="b")) is key


def test_half_open_lets_one_call_through_and_its_success_all(pool: Pool, clock: Clock) -> None:
    where = route(spec(1))
    [key] = where.platform.credentials
    fail(pool, where, key)
    assert pool.choose(where) is None
    assert pool.pause(where) == (OPEN_S, "open")
    clock.now += OPEN_S

    trial = pool.take(where, key)
    assert pool.choose(where) is None
    trial.succeeded()

    assert pool.choose(where) is key
    trial.release()
    assert pool.health(1).rests == {}


def test_a_trial_that_is_given_up_leaves_its_place(pool: Pool, clock: Clock) -> None:
    where = route(spec(1))
    [key] = where.platform.credentials
    fail(pool, where, key)
    clock.now += OPEN_S

    pool.take(where, key).release()  # its client has left

    assert pool.choose(where) is key
    second = pool.take(where, key)
    assert pool.choose(where) is None
    second.release()


def test_calls_at_once_are_bounded_by_the_key(pool: Pool) -> None:
    where = route(spec(1, max_concurrency=1))
    [key] = where.platform.credentials
    use = pool.take(where, key)

    assert pool.choose(where) is None
    assert pool.pause(where) == (0.0, "full")
    use.release()
    assert pool.choose(where) is key


def test_the_pause_is_that_of_the_first_to_be_free(pool: Pool) -> None:
    where = route(spec(1), spec(2), spec(3))
    for key, seconds in zip(where.platform.credentials, (40, 20, 60), strict=True):
        with pool.take(where, key) as use:
            use.cool(seconds, "slower")

    assert pool.pause(where) == (20, "rate")
    assert pool.pause(where, tried={2}) == (40, "rate")
    assert pool.pause(where, tried={1, 2, 3}) is None


async def test_those_who_wait_are_woken_in_their_order(pool: Pool) -> None:
    order: list[int] = []

    async def wait(number: int) -> None:
        await pool.wait(7, math.inf)
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(wait(number))
        await asyncio.sleep(0)
        for _ in range(3):
            pool.wake(7)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    assert order == [0, 1, 2]
    assert pool._waiting == {}


async def test_who_gives_up_waiting_leaves_nothing(pool: Pool) -> None:
    task = asyncio.get_running_loop().create_task(pool.wait(7, math.inf))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    began = asyncio.get_running_loop().time()
    await pool.wait(7, 0)  # not known for how long: it looks again soon

    assert asyncio.get_running_loop().time() - began < LOOK_S * 4
    assert pool._waiting == {}


def test_a_new_configuration_acts_on_the_next_choice(pool: Pool) -> None:
    assert set(chosen(pool, route(spec(1)))) == {1}

    assert set(chosen(pool, route(spec(2)))) == {2}


def test_a_platform_without_keys_has_none_to_put_out_of_service(pool: Pool) -> None:
    where = route(spec(0))
    [nobody] = where.platform.credentials
    with pool.take(where, nobody) as use:
        use.disable("key: refused")

    assert pool.choose(where) is nobody
    assert not pool.news


def test_too_many_models_of_one_key_are_forgotten_in_time(pool: Pool, clock: Clock) -> None:
    key = spec(1)
    for number in range(500):
        with pool.take(route(key, model=f"m-{number}"), key) as use:
            use.cool(1, "slower")
        clock.now += 0.01

    assert len(pool.health(1).rests) <= 200


def test_what_others_learn_holds_here_too(pool: Pool, clock: Clock) -> None:
    where = route(spec(1), spec(2))
    pool.others_cooled(1, "m", 30)
    pool.others_cooled(1, "m", 10)  # never shorter
    assert set(chosen(pool, where)) == {2}
    clock.now += 11
    assert set(chosen(pool, where)) == {2}

    pool.others_disabled({2: "quota: empty"})
    assert pool.choose(where) is None
    pool.others_disabled({})
    assert pool.choose(where) is not None
    pool.reset(1, "at noon")
    assert set(chosen(pool, where)) == {1, 2}
    assert not pool.news


def test_what_was_just_learnt_is_not_undone_by_old_news(pool: Pool) -> None:
    where = route(spec(1))
    with pool.take(where, where.platform.credentials[0]) as use:
        use.disable("key: refused")

    pool.others_disabled({})  # read before it was told
    pool.reset(1, "before")

    assert pool.choose(where) is None


def test_the_first_success_after_coming_back_is_news(pool: Pool) -> None:
    where = route(spec(1))
    [key] = where.platform.credentials
    pool.others_disabled({1: "key: refused"})
    pool.others_disabled({})

    for _ in range(2):
        with pool.take(where, key) as use:
            use.succeeded()

    assert pool.news.recovered == {1}
