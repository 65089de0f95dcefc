"""The one call that tries a failing credential: its place is its own, and always given back."""

from typing import Any

import pytest

from platforms.health import FAILURES, OPEN_S
from platforms.pool import Pool, Use
from tests.platforms.test_pool import Clock, fail, route, spec

NOBODY = 0
"""The number of a platform's credential that asks for none."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(clock: Clock) -> Pool:
    return Pool(clock=clock)


def half_open(pool: Pool, clock: Clock, id: int = 1) -> tuple[Any, Any]:
    """A route whose one credential has failed, and has had its pause."""
    where = route(spec(id))
    [key] = where.platform.credentials
    fail(pool, where, key)
    clock.now += OPEN_S
    return where, key


def verdict(use: Use, what: str) -> None:
    if what == "succeeded":
        use.succeeded()
    elif what == "failed":
        use.failed()
    elif what == "cool":
        use.cool(1.0, "slower")


@pytest.mark.parametrize("what", ["succeeded", "failed", "cool", ""])
@pytest.mark.parametrize("id", [1, NOBODY])
def test_a_trial_ends_whatever_others_have_told_meanwhile(
    pool: Pool, clock: Clock, id: int, what: str
) -> None:
    where, key = half_open(pool, clock, id)
    with pool.take(where, key) as trial:
        clock.now += 0.1
        pool.others_cooled(trial.key, "m", 0.5)
        clock.now += 0.1
        verdict(trial, what)
    clock.now += 3600

    assert pool.choose(where) is key


def test_a_platform_without_keys_is_tried_again_after_a_refusal(pool: Pool, clock: Clock) -> None:
    where, key = half_open(pool, clock, NOBODY)
    with pool.take(where, key) as trial:
        trial.disable("key: refused")

    assert pool.choose(where) is key


@pytest.mark.parametrize("what", ["succeeded", "failed", "cool", ""])
def test_a_call_of_before_does_not_give_the_trials_place_away(
    pool: Pool, clock: Clock, what: str
) -> None:
    where = route(spec(1))
    [key] = where.platform.credentials
    fail(pool, where, key, FAILURES - 1)
    old = pool.take(where, key)
    clock.now += 0.1
    fail(pool, where, key, 1)
    clock.now += OPEN_S
    trial = pool.take(where, key)

    verdict(old, what)
    old.release()
    clock.now += 10

    assert pool.pause(where) == (0.0, "trial")
    trial.release()
    assert pool.choose(where) is key


def test_a_trial_that_is_answered_closes_the_breaker_and_leaves_the_rest_that_others_know(
    pool: Pool, clock: Clock
) -> None:
    where, key = half_open(pool, clock)
    with pool.take(where, key) as trial:
        pool.others_cooled(1, "m", 30)
        trial.succeeded()

    assert pool.pause(where) == (30, "rate")
    clock.now += 30
    first, second = pool.take(where, key), pool.choose(where)
    assert second is key  # not half-open any more
    first.release()


def test_an_answer_does_not_shorten_a_rest_that_was_asked_for_after_it_began(
    pool: Pool, clock: Clock
) -> None:
    where = route(spec(1))
    [key] = where.platform.credentials
    late = pool.take(where, key)
    with pool.take(where, key) as use:
        use.cool(1.0, "slower")
    clock.now += 1.0
    answered = pool.take(where, key)
    late.cool(30.0, "slower")  # sent before the first rest, told only now

    answered.succeeded()

    assert pool.pause(where) == (30, "rate")
    for use in (late, answered):
        use.release()


def test_a_refusal_of_before_the_operators_word_changes_nothing(pool: Pool, clock: Clock) -> None:
    where = route(spec(1))
    [key] = where.platform.credentials
    old = pool.take(where, key)
    clock.now += 1
    pool.reset(1, "now")
    clock.now += 1

    with old:
        old.disable("key: refused")
    assert pool.choose(where) is key
    with pool.take(where, key) as use:
        use.disable("key: refused")

    assert pool.choose(where) is None
