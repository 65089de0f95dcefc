"""The guard: what a call costs in instructions stays within its bounds, and what is slower fails.

Nothing here looks at a clock, so a busy machine changes nothing. The figures and how to set the
bounds anew: CONTRIBUTING.md.
"""

import asyncio
import sys
from dataclasses import replace

import pytest

from bench import upstream
from bench.asking import Scenario, Target
from bench.instructions import callgrind
from bench.instructions.bounds import BOUNDS, Bound
from bench.instructions.lockstep import Lockstep, OutOfStep
from bench.instructions.process import NotCounted, counted
from bench.instructions.report import missed, table
from bench.instructions.run import Figures, count
from bench.processes import PATH
from bench.upstream import HOST
from tests.peers.third_party import need

BARE = Figures(call=1000, stream=1000, event=1000, record=0)
BURDEN = 2


def at(share: float) -> Figures:
    """A gateway that needs this share of what each bound allows."""
    return Figures(**{bound.figure: 1000 * bound.most * share for bound in BOUNDS})


@pytest.mark.timeout(300)
async def test_a_call_costs_no_more_than_it_may_and_a_slower_gateway_is_caught() -> None:
    """Both in one test, so that one run does: it takes most of a minute."""
    need("valgrind")
    if not callgrind.is_known_machine():
        pytest.skip("the count knows x86-64 only")

    counts = await count(BURDEN)

    assert missed(counts.bare, counts.gateway) == [], table(counts.bare, counts.gateway)
    assert counts.burdened is not None
    assert "streamed event" in missed(counts.bare, counts.burdened)
    assert counts.burdened.call > counts.gateway.call


def test_a_bound_is_missed_by_what_is_over_it_alone() -> None:
    assert missed(BARE, at(0.999)) == []
    assert "MISSED" not in table(BARE, at(0.999))


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.title)
def test_each_figure_has_a_bound_that_can_be_missed(bound: Bound) -> None:
    slower = replace(at(0.999), **{bound.figure: 1000 * bound.most * 1.001})

    assert missed(BARE, slower) == [bound.title]
    assert table(BARE, slower).count("MISSED") == 1


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.title)
def test_a_bound_leaves_room_but_not_much(bound: Bound) -> None:
    assert 1.1 * bound.measured <= bound.most <= 1.25 * bound.measured


async def test_each_event_of_a_stream_is_a_read_of_its_own() -> None:
    reads: list[int] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above, below = await asyncio.open_connection(HOST, lockstep.port)
        below.write(await reader.readuntil(b"}"))
        below.write(await reader.readuntil(b"true}"))
        while piece := await above.read(2**16):
            reads.append(piece.count(b"data: "))
            writer.write(piece)
            if b"[DONE]" in piece:
                break
        below.close()
        writer.close()

    async with (
        Lockstep() as lockstep,
        await asyncio.start_server(pass_on, HOST) as between,
    ):
        target = Target(HOST, upstream.port_of(between), PATH)
        await lockstep.ask(target, Scenario("", "bench-stream-9", 1, events=9, requests=1))

    assert reads == [1] * 8 + [2]  # the finish reason and [DONE] together


@pytest.mark.parametrize(
    ("path", "scenario", "complaint"),
    [
        ("/v1/nothing", Scenario("", upstream.CHAT_MODEL, 1, requests=1), "answered 404"),
        (PATH, Scenario("", "bench-stream-8", 1, events=9, requests=1), "9 events .*, not 10"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_wrong_answer_is_never_counted(
    path: str, scenario: Scenario, complaint: str
) -> None:
    async with Lockstep() as lockstep:
        with pytest.raises(OutOfStep, match=complaint):
            await lockstep.ask(Target(HOST, lockstep.port, path), scenario)


def test_without_valgrind_around_it_nothing_is_counted() -> None:
    if not callgrind.is_known_machine():
        pytest.skip("the count knows x86-64 only")
    with pytest.raises(RuntimeError, match="valgrind"):
        callgrind.Callgrind()


async def test_a_process_that_does_not_start_is_told_by_its_last_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no room')"]
    monkeypatch.setattr(callgrind, "command", lambda _out, _words: command)

    with pytest.raises(NotCounted, match="no room"):
        async with counted("bare", "http://127.0.0.1:9"):
            pass
