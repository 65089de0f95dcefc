"""A whole benchmark: the ceiling, then every contender's turn in every round; or memory alone."""

import contextlib
import statistics
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from bench import contenders, upstream
from bench.check import check
from bench.contenders import Contender
from bench.load import Outcome, Scenario, Target, run

STREAM_MODEL = f"bench-stream-{upstream.DEFAULT_EVENTS}"
PER_SECOND = 50
PACED_MODEL = f"bench-paced-{upstream.DEFAULT_EVENTS}-{PER_SECOND}"
SCENARIOS = (
    Scenario("blocking", upstream.CHAT_MODEL, connections=64, seconds=3),
    Scenario("streams", STREAM_MODEL, connections=50, events=upstream.DEFAULT_EVENTS, seconds=3),
    # 10,000 events/s, below what a contender can do: every event is a read of its own there, as
    # with a real model. Unpaced, a slow contender reads several at once and looks cheaper. The
    # figure depends on the rate (bare relay: 38 µs at half of it, 27 here; 2026-11): keep it.
    Scenario(
        "paced",
        PACED_MODEL,
        connections=200,
        events=upstream.DEFAULT_EVENTS,
        requests=400,
        per_second=PER_SECOND,
    ),
)
# Asked for by name: what one connection waits for, how a crowd is served, what is long.
MORE = (
    Scenario("one connection", upstream.CHAT_MODEL, connections=1, seconds=3),
    Scenario("32 connections", upstream.CHAT_MODEL, connections=32, seconds=3),
    Scenario("256 connections", upstream.CHAT_MODEL, connections=256, seconds=3),
    Scenario("200 kB request", upstream.CHAT_MODEL, connections=16, padding=200_000, seconds=3),
    *(
        Scenario(
            f"{count} paced streams",
            PACED_MODEL,
            connections=count,
            events=upstream.DEFAULT_EVENTS,
            requests=2 * count,
            per_second=PER_SECOND,
            stall_s=60,
        )
        for count in (100, 500, 1_000)
    ),
)
WARM_UP = (
    Scenario("warm-up", upstream.CHAT_MODEL, connections=64, requests=1000),
    Scenario("warm-up", STREAM_MODEL, connections=50, events=100, requests=50),
)
CONTENDERS: dict[str, Callable[[int, set[int]], AbstractAsyncContextManager[Contender]]] = {
    "bare": contenders.bare_relay,
    "gateway": contenders.gateway,
}
Turn = tuple[str, str]  # a scenario and a contender
MEMORY_STEPS = 10
MEMORY_STREAM_EVENTS = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender's turn at one scenario in one round."""

    contender: str
    scenario: str
    round: int
    """From 0 on; only what ran in the same round is compared."""
    outcome: Outcome
    cpu_s: float
    """What the contender used; 0 for the ceiling."""
    rss_mb: float
    """The contender's, right after; 0 for the ceiling."""

    def figures(self) -> dict[str, float]:
        """What the report shows, by name."""
        outcome = self.outcome
        return {
            "answers_per_s": outcome.answers / outcome.elapsed_s,
            "events_per_s": outcome.events / outcome.elapsed_s,
            "p50_ms": outcome.wait_ms(0.5),
            "p99_ms": outcome.wait_ms(0.99),
            "lag_p50_ms": outcome.lag_ms(0.5),
            "lag_p99_ms": outcome.lag_ms(0.99),
            "cpu_us_per_answer": self.cpu_s * 1e6 / max(outcome.answers, 1),
            "cpu_us_per_event": self.cpu_s * 1e6 / outcome.events if outcome.events else 0.0,
            "rss_mb": self.rss_mb,
            "busy": self.cpu_s / outcome.elapsed_s,
            "load_busy": outcome.busy,
            "errors": float(outcome.errors.total()),
        }


async def compare(
    names: Sequence[str], rounds: int, seconds: float, *, more: bool = False
) -> list[Sample]:
    """The ceiling once, then `rounds` times every scenario with the contenders taking turns.

    `more`: also those of `MORE`. Raises ContenderFailed, WrongAnswer.
    """
    chosen = (*SCENARIOS, *MORE) if more else SCENARIOS
    scenarios = [replace(s, seconds=s.seconds and seconds) for s in chosen]
    samples = []
    async with _stage(names) as (direct, entered):
        for scenario in scenarios:
            outcome = await run(direct, scenario)
            samples.append(Sample("ceiling", scenario.name, 0, outcome, 0.0, 0.0))
        for number in range(rounds):
            # A B, B A, A B …: going second is no advantage then, nor a burden.
            order = entered[::-1] if number % 2 else entered
            for scenario in scenarios:
                _progress(f"round {number + 1} of {rounds}: {scenario.name}")
                samples += [await _turn(contender, scenario, number) for contender in order]
    _progress("")
    return samples


async def memory(name: str, requests: int) -> AsyncIterator[tuple[int, float, int]]:
    """Requests so far, resident MiB and errors so far: at the start and after every tenth.

    Nine of ten answers are blocking, one is a stream. Raises ContenderFailed, WrongAnswer.
    """
    step = max(requests // MEMORY_STEPS, 10)
    stream = f"bench-stream-{MEMORY_STREAM_EVENTS}"
    parts = [
        Scenario("memory", upstream.CHAT_MODEL, 64, requests=step - step // 10, stall_s=600),
        Scenario("memory", stream, 50, MEMORY_STREAM_EVENTS, requests=step // 10, stall_s=600),
    ]
    done = errors = 0
    async with _stage([name]) as (_, (contender,)):
        yield done, contender.rss_mb(), errors
        for _ in range(MEMORY_STEPS):
            for part in parts:
                outcome = await run(contender.target, part)
                errors += outcome.errors.total()
            done += step
            await contender.settled_cpu_s()
            yield done, contender.rss_mb(), errors


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


def ratios(samples: Sequence[Sample], base: str) -> dict[Turn, dict[str, float]]:
    """Every contender's figures over those of `base` in the same round, the median of the rounds.

    A machine that is slow for a while is so for both; a ratio of medians would mix its moods.
    """
    bases = {(s.scenario, s.round): s.figures() for s in samples if s.contender == base}
    groups: dict[Turn, dict[str, list[float]]] = {}
    for sample in samples:
        beside = bases.get((sample.scenario, sample.round))
        if beside is None or sample.contender in {base, "ceiling"}:
            continue
        group = groups.setdefault((sample.scenario, sample.contender), {})
        for name, value in sample.figures().items():
            if beside[name]:
                group.setdefault(name, []).append(value / beside[name])
    return {
        turn: {name: statistics.median(values) for name, values in group.items()}
        for turn, group in groups.items()
    }


@contextlib.asynccontextmanager
async def _stage(names: Sequence[str]) -> AsyncIterator[tuple[Target, list[Contender]]]:
    """Upstream and load on one core, the contenders on the other: started, checked, warm."""
    load_core, contender_core = contenders.cores()
    contenders.pin(0, load_core)
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(await upstream.listen())
        port = upstream.port_of(server)
        direct = Target(upstream.HOST, port, contenders.PATH)
        entered = []
        for name in names:
            _progress(f"starting {name}")
            entered.append(await stack.enter_async_context(CONTENDERS[name](port, contender_core)))
        for target in [direct, *(contender.target for contender in entered)]:
            await check(target)
            for scenario in WARM_UP:
                await run(target, scenario)
        yield direct, entered


async def _turn(contender: Contender, scenario: Scenario, number: int) -> Sample:
    before_s = await contender.settled_cpu_s()
    outcome = await run(contender.target, scenario)
    cpu_s = await contender.settled_cpu_s() - before_s
    return Sample(contender.name, scenario.name, number, outcome, cpu_s, contender.rss_mb())


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
