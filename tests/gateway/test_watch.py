"""What ends a call early: the client, silence, the total time-out; and what does not."""

import asyncio
from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.shapes import Failure
from gateway.watch import ClientGone, Watch

LONG = 60.0
SHORT = 0.05


class Peer:
    """A client's side of an ASGI connection."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def receive(self) -> MutableMapping[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}


async def never() -> None:
    await asyncio.Event().wait()


async def test_a_client_that_leaves_ends_the_call() -> None:
    peer = Peer()

    with pytest.raises(ClientGone):
        async with Watch(peer.receive, total_s=LONG) as watch:
            with watch.translated():
                peer.gone.set()
                await never()


async def test_a_client_that_is_served_may_leave() -> None:
    peer = Peer()

    async with Watch(peer.receive, total_s=LONG) as watch:
        with watch.translated():
            watch.client_is_served()
            peer.gone.set()
            for _ in range(10):
                await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("phase", "says"),
    [("first_byte", "did not begin its answer within 0.05"), ("idle", "silent for 0.05 seconds")],
)
async def test_silence_is_a_failure_that_names_the_time_out(phase: Any, says: str) -> None:
    with pytest.raises(Failure, match=says) as caught:
        async with Watch(Peer().receive, total_s=LONG) as watch:
            with watch.translated():
                watch.expect(phase, SHORT)
                await never()

    assert caught.value.kind == "timeout"


async def test_the_total_time_out_ends_even_a_busy_call() -> None:
    with pytest.raises(Failure, match="total time-out"):
        async with Watch(Peer().receive, total_s=SHORT) as watch:
            with watch.translated():
                watch.expect("idle", LONG)
                while True:
                    watch.touch()
                    await asyncio.sleep(0)


async def test_a_shorter_phase_is_noticed_although_a_longer_one_was_waited_for() -> None:
    async with asyncio.timeout(5):
        with pytest.raises(Failure, match="silent"):
            async with Watch(Peer().receive, total_s=LONG) as watch:
                with watch.translated():
                    watch.expect("first_byte", LONG)
                    await asyncio.sleep(0)
                    watch.expect("idle", SHORT)
                    await never()


async def test_an_attempt_may_fail_and_the_next_be_watched_anew() -> None:
    failures = []
    async with Watch(Peer().receive, total_s=LONG) as watch:
        for _ in range(3):
            try:
                with watch.translated():
                    watch.expect("first_byte", SHORT)
                    await never()
            except Failure as failure:
                failures.append(failure.kind)

    assert failures == ["timeout"] * 3
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_pings_come_while_nothing_else_is_sent() -> None:
    pings = 0
    enough = asyncio.Event()

    async def ping() -> None:
        nonlocal pings
        pings += 1
        if pings == 3:
            enough.set()

    async with asyncio.timeout(5):
        async with Watch(Peer().receive, total_s=LONG, ping_s=0.01, ping=ping) as watch:
            with watch.translated():
                await enough.wait()

    assert pings >= 3


async def test_while_a_slow_client_takes_its_time_the_timer_rests() -> None:
    pings = 0

    async def ping() -> None:
        nonlocal pings
        pings += 1

    loop = asyncio.get_running_loop()
    armed = 0
    call_at = loop.call_at

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal armed
        armed += 1
        return call_at(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        async with Watch(Peer().receive, total_s=LONG, ping_s=SHORT, ping=ping) as watch:
            with watch.translated():
                watch.expect("idle", SHORT)
                watch.sending()
                patch.setattr(loop, "call_at", counted)
                await asyncio.sleep(SHORT * 6)
                watch.sent()

    assert pings == 0
    assert armed < 12


async def test_a_cancellation_from_outside_stays_one() -> None:
    entered = asyncio.Event()

    async def call() -> None:
        async with Watch(Peer().receive, total_s=LONG) as watch:
            with watch.translated():
                entered.set()
                await never()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(call())
        await entered.wait()
        task.cancel()

    assert task.cancelled()


async def test_nothing_is_left_behind() -> None:
    before = asyncio.all_tasks()

    async with Watch(Peer().receive, total_s=LONG) as watch:
        with watch.translated():
            pass

    assert asyncio.all_tasks() == before


async def test_no_ping_comes_after_the_answer_that_it_was_due_with() -> None:
    pings = 0

    async def ping() -> None:
        nonlocal pings
        pings += 1

    async with Watch(Peer().receive, total_s=LONG, ping_s=LONG, ping=ping) as watch:
        watch._ping_at = 0.0
        watch.look(
            asyncio.get_running_loop().time()
        )  # as the alarm does, in the turn in which the answer's end is written
        watch.client_is_served()
        await asyncio.sleep(0)

    assert pings == 0


async def test_who_has_left_before_is_noticed_where_the_call_waits() -> None:
    class Left:
        """A line whose client has gone already."""

        told = None

        def on_gone(self, told: Any) -> None:
            self.told = told
            if told is not None:
                asyncio.get_running_loop().call_soon(lambda: self.told and self.told())

    for waits in (False, True):
        with pytest.raises(ClientGone if waits else LookupError):
            async with Watch(never_received, Left(), total_s=LONG) as watch:  # type: ignore[arg-type]
                with watch.translated():
                    if not waits:
                        raise LookupError
                    await never()
        await asyncio.sleep(0)  # where a cancellation that was left over would come up


async def never_received() -> MutableMapping[str, Any]:
    raise AssertionError("the line tells")


async def test_each_of_many_watches_ends_its_own_call_at_its_own_time() -> None:
    loop = asyncio.get_running_loop()

    async def call(phase_s: float) -> None:
        began = loop.time()
        async with Watch(Peer().receive, total_s=LONG) as watch:
            with pytest.raises(Failure), watch.translated():
                watch.expect("first_byte", phase_s)
                await asyncio.sleep(LONG)
        assert loop.time() - began >= phase_s

    async with asyncio.timeout(LONG / 2), asyncio.TaskGroup() as group:
        for times in (40, 1, 2, 1):
            group.create_task(call(times * SHORT))


async def test_thousands_of_silent_calls_are_not_looked_at_for_each_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = 0
    look = Watch.look

    def counted(watch: Watch, now: float) -> None:
        nonlocal looks
        looks += 1
        look(watch, now)

    async def ping() -> None:
        """Nothing."""

    monkeypatch.setattr(Watch, "look", counted)
    async with AsyncExitStack() as stack:
        for number in range(100):
            watch = Watch(Peer().receive, total_s=LONG, ping_s=2 * SHORT, ping=ping)
            await stack.enter_async_context(watch)
            watch._ping_at += number / 100 * SHORT  # each is due at a moment of its own
        await asyncio.sleep(4 * SHORT)

    assert 0 < looks <= 100 * 6


async def test_a_watch_that_is_left_is_looked_at_no_more() -> None:
    async with Watch(Peer().receive, total_s=SHORT) as watch:
        alarm = watch._alarm
    began = asyncio.get_running_loop().time()

    async with Watch(Peer().receive, total_s=2 * SHORT) as other:
        with pytest.raises(Failure), other.translated():
            await asyncio.sleep(LONG)

    assert other._alarm is alarm
    assert not watch.is_over
    assert asyncio.get_running_loop().time() - began >= 2 * SHORT
