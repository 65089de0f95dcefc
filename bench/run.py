"""A whole benchmark: every scenario, its contenders taking turns; or memory alone."""

import contextlib
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import contenders, nginx, peers, upstream
from bench.asking import Scenario, Target
from bench.check import WrongAnswer, check
from bench.load import Outcome, run
from bench.machine import OtherWork
from bench.processes import PATH, ROOT, Contender, ContenderFailed, cores, pin
from bench.scenarios import (
    BARE,
    DIRECT,
    FURTHER_SHARE,
    GATEWAY,
    LITELLM,
    NGINX,
    OURS,
    PEERS,
    PORTKEY,
    TWO_WORKERS,
    WARM_UP,
    Part,
    lasting,
)

Starter = Callable[[int, set[int]], AbstractAsyncContextManager[Contender]]
STARTERS: Mapping[str, Starter] = {
    NGINX: nginx.nginx,
    BARE: contenders.bare_relay,
    GATEWAY: contenders.gateway,
    TWO_WORKERS: contenders.two_workers,
    PORTKEY: peers.portkey,
    LITELLM: peers.litellm,
}
BOUND_S = 540.0  # no scenario starts after it: a run takes about ten minutes at most
LEFT_OUT = "left out, or the run would take too long"
_HOST = re.compile(r"(?P<scheme>\w+://)(?!127\.0\.0\.1)[^\s/]+")
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
    cpu_s: float = 0.0
    """What the contender used; 0 for DIRECT."""
    peak_mb: float = 0.0
    """The most resident memory that it had during the turn; 0 for DIRECT."""

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
            "peak_mb": self.peak_mb,
            "busy": self.cpu_s / outcome.elapsed_s,
            "load_busy": outcome.busy,
            "answers": float(outcome.answers),
            "errors": float(outcome.errors.total()),
        }


@dataclass(slots=True)
class Found:
    """All that a run found."""

    samples: list[Sample] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """What could not be measured, with its last words: a contender, or one of its roads."""
    starts_s: dict[str, list[float]] = field(default_factory=dict)
    """Seconds from a contender's start to its first answer."""
    took_s: float = 0.0
    """Wall time of the whole run, installing not counted."""
    others: float = 0.0
    """Share of the machine's cores that other work took meanwhile; small, or the run is noisy."""

    @property
    def is_whole(self) -> bool:
        """Nothing was left out for want of time, and every peer had its turns."""
        return LEFT_OUT not in self.failed.values() and not self.failed.keys() & set(PEERS)


async def compare(
    main: Sequence[Part],
    further: Sequence[Part] = (),
    *,
    names: Sequence[str] = tuple(STARTERS),
    rounds: int = 3,
    seconds: float,
) -> Found:
    """`rounds` times the main scenarios, the others once, with the contenders taking turns.

    A peer that fails is noted and left out. Raises ContenderFailed, WrongAnswer for one of OURS.
    """
    failed = await peers.install(say) if any(name in PEERS for name in names) else {}
    began_s, other_work = time.monotonic(), OtherWork()
    async with Stage.open() as stage:
        stage.found.failed |= {name: public(words) for name, words in failed.items()}
        if GATEWAY in names:
            say("cold starts")
            stage.found.starts_s[GATEWAY] = await contenders.cold_starts(*stage.place)
        mains = [lasting(part, seconds) for part in main]
        plan = [(part, number) for number in range(rounds) for part in mains]
        plan += [(lasting(part, FURTHER_SHARE * seconds), 0) for part in further]
        for part, number in plan:
            title = f"{part.scenario.name}, round {number + 1}"
            if time.monotonic() - began_s > BOUND_S:
                stage.found.failed[title] = LEFT_OUT
                continue
            say(f"{time.monotonic() - began_s:4.0f} s  {title}")
            await _turns(stage, part, names, number)
    stage.found.took_s = time.monotonic() - began_s
    stage.found.others = other_work.share()
    return stage.found


class Stage:
    """Upstream and load on one core, the contenders on the other: started when first asked for."""

    def __init__(self, stack: contextlib.AsyncExitStack, port: int, core: set[int]) -> None:
        self.direct = Target(upstream.HOST, port, PATH)
        self.place = port, core
        self.found = Found()
        self._stack = stack
        self._started: dict[str, Contender] = {}

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls) -> AsyncIterator["Stage"]:
        """With a listening upstream; ends whatever was started."""
        load_core, contender_core = cores()
        pin(0, load_core)
        async with contextlib.AsyncExitStack() as stack:
            server = await stack.enter_async_context(await upstream.listen())
            stage = cls(stack, upstream.port_of(server), contender_core)
            await check(stage.direct)
            yield stage

    async def contender(self, name: str) -> Contender | None:
        """It, checked and warm; None: it has failed, now or before, and `found` says how."""
        if name not in self._started and name not in self.found.failed:
            say(f"starting {name}")
            try:
                started = await self._stack.enter_async_context(STARTERS[name](*self.place))
                self._started[name] = await self._checked(started)
            except (ContenderFailed, WrongAnswer) as error:
                if name in OURS:
                    raise
                self.found.failed[name] = public(error)
        return self._started.get(name)

    async def _checked(self, contender: Contender) -> Contender:
        """Every road that answers rightly, warm. Raises WrongAnswer if CHAT does not."""
        is_peer = contender.name in PEERS
        target = await check(contender.target, exact=not is_peer)
        others = {}
        for name, road in contender.others.items():
            try:
                others[name] = await check(road, exact=not is_peer)
            except WrongAnswer as error:
                self.found.failed[f"{contender.name}, {name}"] = public(error)
        for road in (target, *others.values()):
            for scenario in WARM_UP:
                await run(road, scenario)
        self.found.starts_s.setdefault(contender.name, [contender.start_s])
        return replace(contender, target=target, others=others)


def public(words: object) -> str:
    """Words for a report that others read: no folders of this machine, no hosts but loopback's."""
    text = str(words)
    for folder in (ROOT, sys.prefix, Path.home(), tempfile.gettempdir()):
        text = text.replace(str(folder), "…")
    return _HOST.sub(r"\g<scheme>…", text)


async def _turns(stage: Stage, part: Part, names: Sequence[str], number: int) -> None:
    """One scenario, one after the other."""
    who = part.every_round + (() if number else part.first_round)
    # A B, B A, A B …: going second is no advantage then, nor a burden.
    for name in who[::-1] if number % 2 else who:
        scenario = part.of(name)
        if name == DIRECT:
            outcome = await run(stage.direct, scenario)
            stage.found.samples.append(Sample(DIRECT, scenario.name, number, outcome))
        elif name in names and (contender := await stage.contender(name)) is not None:
            road = contender.roads.get(part.road)
            if road is not None:
                sample = await _turn(contender, road, scenario, number)
                stage.found.samples.append(sample)


async def _turn(contender: Contender, road: Target, scenario: Scenario, number: int) -> Sample:
    before_s = await contender.settled_cpu_s()
    contender.forget_peak()
    outcome = await run(road, scenario)
    peak_mb = contender.peak_mb()
    cpu_s = await contender.settled_cpu_s() - before_s
    return Sample(contender.name, scenario.name, number, outcome, cpu_s, peak_mb)


async def memory(name: str, requests: int) -> AsyncIterator[tuple[int, float, int]]:
    """Requests so far, resident MB and errors so far: at the start and after every tenth.

    Nine of ten answers are blocking, one is a stream. Raises ContenderFailed, WrongAnswer.
    """
    step = max(requests // MEMORY_STEPS, 10)
    stream = f"bench-stream-{MEMORY_STREAM_EVENTS}"
    parts = [
        Scenario("memory", upstream.CHAT_MODEL, 64, requests=step - step // 10, stall_s=600),
        Scenario("memory", stream, 50, MEMORY_STREAM_EVENTS, requests=step // 10, stall_s=600),
    ]
    done = errors = 0
    async with Stage.open() as stage:
        contender = await stage.contender(name)
        if contender is None:
            raise ContenderFailed(stage.found.failed[name])
        yield done, contender.rss_mb(), errors
        for _ in range(MEMORY_STEPS):
            for part in parts:
                outcome = await run(contender.target, part)
                errors += outcome.errors.total()
            done += step
            await contender.settled_cpu_s()
            yield done, contender.rss_mb(), errors


def say(text: str) -> None:
    """What is going on: on one line of a terminal, on lines of their own elsewhere."""
    sys.stderr.write(f"\r\033[K{text}" if sys.stderr.isatty() else f"{text}\n")
    sys.stderr.flush()
