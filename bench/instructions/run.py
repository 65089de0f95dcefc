"""Count what calls cost, for both contenders: warm them up, then batches of a known size."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.asking import Scenario, Target
from bench.instructions.lockstep import Lockstep
from bench.instructions.process import Counted, counted
from bench.upstream import CHAT_MODEL

ROUNDS = 2  # the least counts: what falls into a batch by the clock only adds to it
FEW, MANY = 10, 60  # events of a stream: what they differ by is the cost of events alone
_WARM_UP = (
    # Python specialises what runs often; caches fill.
    Scenario("warm-up", CHAT_MODEL, 1, requests=120),
    Scenario("warm-up", f"bench-stream-{MANY}", 1, events=MANY, requests=3),
)
_FIRST = (
    # What valgrind translates anew once it counts is not counted; a new connection is.
    Scenario("first", CHAT_MODEL, 1, requests=3),
    Scenario("first", f"bench-stream-{FEW}", 1, events=FEW, requests=1),
)
_CALLS = Scenario("calls", CHAT_MODEL, 1, requests=25)
_SHORT = Scenario("short streams", f"bench-stream-{FEW}", 1, events=FEW, requests=4)
_LONG = Scenario("long streams", f"bench-stream-{MANY}", 1, events=MANY, requests=4)


@dataclass(frozen=True, slots=True)
class Figures:
    """CPU instructions, in user mode."""

    call: float
    """Of a blocking call."""
    stream: float
    """Of a streamed call, its events not counted."""
    event: float
    """Of one event of it, alone in its packet."""
    record: float
    """Of booking a line of the journal, one of 66 together; 0 where nothing is booked. The more
    there are, the less each costs."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run found."""

    bare: Figures
    gateway: Figures
    burdened: Figures | None
    """The gateway made slower on purpose; None: not asked for."""


async def count(burden: int = 0) -> Counts:
    """Both contenders beside each other; with `burden` (burden.py) the slower gateway too.

    Raises NotInstalled, NotCounted, OutOfStep.
    """
    async with asyncio.TaskGroup() as group:
        bare = group.create_task(_figures("bare", 0))
        gateway = group.create_task(_figures("gateway", burden))
    plain, *burdened = gateway.result()
    return Counts(bare.result()[0], plain, burdened[0] if burdened else None)


async def _figures(name: str, burden: int) -> list[Figures]:
    """Of each of its targets: plain, then burdened."""
    books = name == "gateway"
    async with Lockstep() as lockstep, counted(name, lockstep.origin, burden) as process:
        plain, *slower = process.targets
        await _prepared(process, lockstep, [plain], _WARM_UP, books)
        await _prepared(process, lockstep, slower, _FIRST, books)  # the rest is warm
        await process.start()
        await _prepared(process, lockstep, process.targets, _FIRST, books)
        first = await _of(process, lockstep, plain, ROUNDS, books=books)
        # That these are slower is plain at first sight; and they book as the first does.
        others = [await _of(process, lockstep, target, 1, books=False) for target in slower]
        return [first, *(replace(other, record=first.record) for other in others)]


async def _prepared(
    process: Counted,
    lockstep: Lockstep,
    targets: Sequence[Target],
    scenarios: Sequence[Scenario],
    books: bool,
) -> None:
    for target in targets:
        for scenario in scenarios:
            await lockstep.ask(target, scenario)
    if books:
        await process.book()


async def _of(
    process: Counted, lockstep: Lockstep, target: Target, rounds: int, *, books: bool
) -> Figures:
    await process.instructions()
    least: dict[str, float] = {}
    for _ in range(rounds):
        for scenario in (_CALLS, _SHORT, _LONG):
            await lockstep.ask(target, scenario)
            each = await process.instructions() / (scenario.requests or 1)
            least[scenario.name] = min(each, least.get(scenario.name, each))
    record = 0.0
    if books:
        records = await process.book()
        record = await process.instructions() / records
    short = least[_SHORT.name]
    event = (least[_LONG.name] - short) / (MANY - FEW)
    return Figures(least[_CALLS.name], short - FEW * event, event, record)
