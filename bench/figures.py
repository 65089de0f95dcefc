"""From samples to what is said of them: medians of rounds, and ratios within a round."""

import statistics
from collections.abc import Sequence

from bench.run import Sample

Turn = tuple[str, str]  # a scenario and a contender


def medians(samples: Sequence[Sample]) -> dict[Turn, dict[str, float]]:
    """The median of every figure; errors are added up instead."""
    groups: dict[Turn, list[dict[str, float]]] = {}
    for sample in samples:
        groups.setdefault((sample.scenario, sample.contender), []).append(sample.figures())
    return {
        turn: {
            name: (sum if name == "errors" else statistics.median)([row[name] for row in rows])
            for name in rows[0]
        }
        for turn, rows in groups.items()
    }


def beside(
    samples: Sequence[Sample], scenario: str, contender: str, base: str, figure: str
) -> list[tuple[float, float]]:
    """One figure of a contender and of `base`, from every round in which both had a turn."""
    rounds: dict[int, dict[str, float]] = {}
    for sample in samples:
        if sample.scenario == scenario and sample.contender in (contender, base):
            rounds.setdefault(sample.round, {})[sample.contender] = sample.figures()[figure]
    return [(pair[contender], pair[base]) for pair in rounds.values() if len(pair) == 2]


def ratio(
    samples: Sequence[Sample], scenario: str, contender: str, base: str, figure: str
) -> float | None:
    """The figure over that of `base` in the same round, the median of the rounds; None: nothing.

    A machine that is slow for a while is so for both; a ratio of medians would mix its moods.
    """
    pairs = beside(samples, scenario, contender, base, figure)
    found = [own / other for own, other in pairs if other]
    return statistics.median(found) if found else None
