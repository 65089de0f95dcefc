"""What must hold, and whether it does: ratios and bounds of one gateway core, everything on."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.figures import beside, medians
from bench.run import Found
from bench.scenarios import (
    BARE,
    BLOCKING,
    DIRECT,
    GATEWAY,
    LITELLM,
    ONE,
    PACED,
    PORTKEY,
    STREAMS,
    THOUSAND,
)


@dataclass(frozen=True, slots=True)
class Bound:
    """One thing that must hold of the gateway."""

    title: str
    scenario: str
    figure: str
    bound: float
    way: Literal["at least", "at most", "below"]
    unit: str = "x"
    how: Literal["ratio", "difference", "itself", "start"] = "itself"
    base: str = ""
    """Whose figure it is divided by, or whose is taken off."""

    def allows(self, value: float) -> bool:
        """The value is within it."""
        if self.way == "at least":
            return value >= self.bound
        return value <= self.bound if self.way == "at most" else value < self.bound


BOUNDS = (
    Bound("blocking requests/s ÷ LiteLLM's", BLOCKING, "answers_per_s", 50, "at least",
          how="ratio", base=LITELLM),
    Bound("blocking requests/s ÷ Portkey's", BLOCKING, "answers_per_s", 4, "at least",
          how="ratio", base=PORTKEY),
    Bound("blocking requests/s ÷ bare relay's", BLOCKING, "answers_per_s", 0.5, "at least",
          how="ratio", base=BARE),
    Bound("added latency, p50, one connection", ONE, "p50_ms", 0.5, "below", "ms",
          how="difference", base=DIRECT),
    Bound("streamed events/s ÷ LiteLLM's", STREAMS, "events_per_s", 25, "at least",
          how="ratio", base=LITELLM),
    Bound("CPU per paced event ÷ bare relay's", PACED, "cpu_us_per_event", 1.8, "at most",
          how="ratio", base=BARE),
    Bound("1,000 streams: not completed", THOUSAND, "errors", 0, "at most", ""),
    Bound("1,000 streams: lag per event, p99", THOUSAND, "lag_p99_ms", 100, "below", "ms"),
    Bound("1,000 streams: first event, p99", THOUSAND, "p99_ms", 250, "below", "ms"),
    Bound("1,000 streams: memory", THOUSAND, "peak_mb", 200, "below", "MB"),
    Bound("cold start, to the first answer", "", "", 2, "below", "s", how="start"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of a bound."""

    bound: Bound
    value: float | None
    """None: it could not be measured in this run."""
    alone: float | None = None
    """The same figure of load and upstream alone: what misses the bound there says little here."""
    rounds: tuple[float, ...] = ()
    """What each round has found; the value is their median, of errors their sum."""

    @property
    def holds(self) -> bool:
        """It was measured, and is within its bound."""
        return self.value is not None and self.bound.allows(self.value)

    @property
    def word(self) -> str:
        """For people."""
        if self.value is None:
            return "not measured"
        if self.holds:
            return "holds"
        is_alone_too = self.alone is not None and not self.bound.allows(self.alone)
        return "MISSED, by load and upstream alone too" if is_alone_too else "MISSED"

    @property
    def found(self) -> str:
        """The value with its unit."""
        return "" if self.value is None else f"{spelt(self.value)} {self.bound.unit}".strip()

    @property
    def wanted(self) -> str:
        """The bound with its unit."""
        bound = self.bound
        return f"{bound.way} {bound.bound:g} {bound.unit}".strip()


def judge(found: Found, bounds: Sequence[Bound] = BOUNDS) -> list[Verdict]:
    """Every bound, also those that this run did not measure."""
    figures = medians(found.samples)

    def alone(bound: Bound) -> float | None:
        row = figures.get((bound.scenario, DIRECT))
        return row[bound.figure] if row and bound.how == "itself" else None

    verdicts = []
    for bound in bounds:
        rounds = _rounds(found, bound)
        taken = sum if bound.figure == "errors" else statistics.median
        value = taken(rounds) if rounds else None
        verdicts.append(Verdict(bound, value, alone(bound), tuple(rounds)))
    return verdicts


def spelt(value: float) -> str:
    """Three digits that count, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"


def _rounds(found: Found, bound: Bound) -> list[float]:
    """What each round has found; of a ratio or a difference both are of the same round."""
    if bound.how == "start":
        return list(found.starts_s.get(GATEWAY, ()))
    if bound.how == "itself":
        return [
            sample.figures()[bound.figure]
            for sample in found.samples
            if (sample.scenario, sample.contender) == (bound.scenario, GATEWAY)
        ]
    pairs = beside(found.samples, bound.scenario, GATEWAY, bound.base, bound.figure)
    if bound.how == "ratio":
        return [own / other for own, other in pairs if other]
    return [own - other for own, other in pairs]
