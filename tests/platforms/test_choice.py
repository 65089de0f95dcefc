"""A conversation's credential: the same while it is well, spread by weight, quickly found."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from bench.crowd import CHOICE_BOUND_US, choices
from platforms.choice import Tier, faithful, tiers
from platforms.routes import CredentialSpec, PlatformSpec, Timeouts

KEYS = [f"{number % 7}:conversation-{number}" for number in range(4000)]
COUNTS = [2, 10, 31, 32, 200]  # from 32 on they bid in squads


def tier(weights: Sequence[int], without: Collection[int] = ()) -> Tier:
    credentials = tuple(
        CredentialSpec(id, f"key {id}", "secret", (), weight=weight)
        for id, weight in enumerate(weights, 1)
        if id not in without
    )
    platform = PlatformSpec(
        *(1, "p", "P", "custom", "openai", "http://127.0.0.1/v1", "/chat/completions", "/models"),
        *(True, True, Timeouts(), credentials, {}),
    )
    [found] = tiers(platform, ())
    return found


def chosen(tier: Tier, resting: Collection[int] = ()) -> list[int]:
    def load(credential: CredentialSpec) -> float | None:
        return None if credential.id in resting else 0.0

    found = [faithful(tier, key, load) for key in KEYS]
    return [0 if credential is None else credential.id for credential in found]


@pytest.mark.parametrize("count", COUNTS)
def test_only_the_conversations_of_a_resting_credential_move_and_they_come_back(count: int) -> None:
    well = tier([1 + id % 3 for id in range(count)])
    before = chosen(well)

    during = chosen(well, resting={before[0]})

    assert [new for old, new in zip(before, during, strict=True) if old == before[0] == new] == []
    moved = {old for old, new in zip(before, during, strict=True) if old != new}
    assert moved == {before[0]}
    assert chosen(well) == before


@pytest.mark.parametrize("count", COUNTS[1:])
def test_those_that_move_spread_over_others(count: int) -> None:
    even = tier([1] * count)
    before = chosen(even)

    during = chosen(even, resting={before[0]})

    new = {new for old, new in zip(before, during, strict=True) if old != new}
    assert len(new) >= 5


@pytest.mark.parametrize("count", [10, 200])
def test_a_credential_that_is_taken_away_moves_no_other_ones_conversations(count: int) -> None:
    before, after = chosen(tier([1] * count)), chosen(tier([1] * count, without={3}))

    changed = {old for old, new in zip(before, after, strict=True) if old != new}
    # The squad that has become lighter gives some of its own away, no other one does.
    assert {3} <= changed <= {id for id in range(1, count + 1) if count < 32 or id % 16 == 3}


@pytest.mark.parametrize("count", [10, 200])
def test_weights_are_kept(count: int) -> None:
    weights = [1 + id % 2 for id in range(count)]

    found = Counter(weights[id - 1] for id in chosen(tier(weights)))

    assert found[2] / found[1] == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("count", COUNTS)
def test_where_none_can_be_used_none_is_found(count: int) -> None:
    assert set(chosen(tier([1] * count), resting=range(count + 1))) == {0}


def test_a_choice_of_200_takes_little_time() -> None:
    """Bound by far more than it takes: the machine may be busy."""
    slow = [figure for figure in choices() if not replace(figure, most=5 * CHOICE_BOUND_US).holds]

    assert slow == []
