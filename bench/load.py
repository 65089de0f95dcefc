"""The load generator: keep-alive connections, one request after the other on each.

An answer counts when its status is 200 and it is whole: a blocking one carries a completion, a
streamed one every event it should and `[DONE]` at its end. All others are errors, by name.
"""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import httptools
from typing_extensions import override

from bench.asking import Scenario, Target, request

_DONE = b"data: [DONE]"
_LOOK_S = 0.25  # between two looks at a stream that is not in the sample
_TAIL = 32  # bytes kept of a stream; enough for _DONE, its line ends and a cut field name


@dataclass(slots=True)
class Outcome:
    """What a load saw."""

    answers: int = 0
    events: int = 0
    """Of whole streams only."""
    elapsed_s: float = 0.0
    waits_s: list[float] = field(default_factory=list, repr=False)
    """Per answer: request to whole answer, or to a stream's first event."""
    lags_s: list[float] = field(default_factory=list, repr=False)
    """Per event of whole paced streams: how much later it came than it would have if all had been
    as quick as the quickest of its stream."""
    errors: Counter[str] = field(default_factory=Counter)
    busy: float = 0.0
    """Share of the elapsed time that this process worked; near 1 the load itself is the limit."""

    def wait_ms(self, share: float) -> float:
        """A percentile of the waits, `share` 0.5 for the median; 0 without answers."""
        return _percentile_ms(self.waits_s, share)

    def lag_ms(self, share: float) -> float:
        """A percentile of the lags; 0 where nothing was paced."""
        return _percentile_ms(self.lags_s, share)


def _percentile_ms(values_s: list[float], share: float) -> float:
    found = sorted(values_s)
    return found[min(int(len(found) * share), len(found) - 1)] * 1000 if found else 0.0


async def run(target: Target, scenario: Scenario) -> Outcome:
    """Put this load on this target; returns when every request has ended or stalled."""
    crew = _Crew(target, scenario)
    busy_s = time.process_time()
    began_s = time.perf_counter()
    try:
        async with asyncio.timeout((scenario.seconds or 0.0) + scenario.stall_s):
            async with asyncio.TaskGroup() as group:
                for number in range(scenario.connections):
                    begin_s = scenario.spread_s * number / scenario.connections
                    group.create_task(_work(crew, begin_s))
    except TimeoutError:
        crew.outcome.errors.setdefault("stalled", 1)  # if only connections did, not requests
    outcome = crew.outcome
    outcome.elapsed_s = time.perf_counter() - began_s
    outcome.busy = (time.process_time() - busy_s) / outcome.elapsed_s
    return outcome


class _Crew:
    """What the connections share: the request's bytes, how many are left, the outcome."""

    def __init__(self, target: Target, scenario: Scenario) -> None:
        self.target = target
        self.events = scenario.events and scenario.events + target.more_events
        self.interval_s = 1 / scenario.per_second if scenario.per_second else 0.0
        self.request = request(target, scenario)
        self.outcome = Outcome()
        self.sample = scenario.sample
        self.callers = 0
        self._left = scenario.requests
        seconds = scenario.seconds
        self._until_s = time.perf_counter() + seconds if seconds is not None else None

    @property
    def is_over(self) -> bool:
        """No further request may start."""
        return self._left == 0 or (
            self._until_s is not None and time.perf_counter() >= self._until_s
        )

    def take(self) -> bool:
        """Start a request, if one is left."""
        if self.is_over:
            return False
        if self._left is not None:
            self._left -= 1
        return True

    def count(self, error: str | None, wait_s: float, events: int) -> None:
        """Book the end of a request that was taken."""
        if error is not None:
            self.outcome.errors[error] += 1
            return
        self.outcome.answers += 1
        self.outcome.events += events
        self.outcome.waits_s.append(wait_s)


async def _work(crew: _Crew, begin_s: float) -> None:
    """One connection, made anew whenever the other side closes it; the first after so long."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(begin_s)
    while not crew.is_over:
        try:
            _, caller = await loop.create_connection(
                lambda: _Caller(crew), crew.target.host, crew.target.port
            )
        except OSError:
            if crew.take():
                crew.count("connect", 0.0, 0)
            await asyncio.sleep(0.01)
            continue
        try:
            await caller.closed
        finally:
            caller.give_up()


class _Caller(asyncio.Protocol):
    """The client side of one connection."""

    def __init__(self, crew: _Crew) -> None:
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._crew = crew
        self._is_sampled = crew.callers % crew.sample == 0
        crew.callers += 1
        self._look: asyncio.TimerHandle | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._is_waiting = False
        self._tail = b""
        self._events = 0
        self._asked_s = 0.0
        self._wait_s = 0.0
        self._came_s: list[float] = []  # each event of a stream of the sample

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.give_up("garbled")
        if not self._is_sampled and self._events and self._is_waiting and self._transport:
            self._transport.pause_reading()
            self._look = asyncio.get_running_loop().call_later(_LOOK_S, self._look_again)

    def _look_again(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        self._end("cut")
        if not self.closed.done():
            self.closed.set_result(None)

    def give_up(self, error: str = "stalled") -> None:
        """End this connection now, whatever it still waits for."""
        self._end(error)
        if self._transport is not None:
            self._transport.abort()

    def on_body(self, body: bytes) -> None:
        if not self._crew.events:
            self._tail += body
            return
        # Four bytes before the piece: a field name may be cut, but is never counted twice.
        came = (self._tail[-4:] + body).count(b"data:")
        if came and not self._wait_s:
            self._wait_s = time.perf_counter() - self._asked_s
        if self._is_sampled and self._crew.interval_s:
            self._came_s += [time.perf_counter()] * came
        self._events += came
        self._tail = (self._tail + body)[-_TAIL:]

    def on_message_complete(self) -> None:
        if not self._is_waiting:
            return
        fault = self._fault()
        self._end(fault)
        if fault is None and self._parser.should_keep_alive():
            self._ask()
        elif self._transport is not None:
            self._transport.close()

    def _ask(self) -> None:
        assert self._transport is not None
        if not self._crew.take():
            self._transport.close()
            return
        self._is_waiting = True
        self._tail = b""
        self._events = 0
        self._wait_s = 0.0
        self._came_s = []
        self._asked_s = time.perf_counter()
        self._transport.write(self._crew.request)

    def _fault(self) -> str | None:
        """What is wrong with the answer that has just ended; None: nothing."""
        if (status := self._parser.get_status_code()) != 200:
            return f"status {status}"
        if not self._crew.events:
            self._wait_s = time.perf_counter() - self._asked_s
            return None if b'"chat.completion"' in self._tail else "no completion"
        if not self._tail.rstrip().endswith(_DONE):
            return "no [DONE]"
        return None if self._events == self._crew.events + 1 else "wrong count of events"

    def _end(self, error: str | None) -> None:
        if not self._is_waiting:
            return
        self._is_waiting = False
        if error is None:
            self._crew.outcome.lags_s += _lags(self._came_s, self._crew.interval_s)
        self._crew.count(error, self._wait_s, self._crew.events)


def _lags(came_s: list[float], interval_s: float) -> list[float]:
    """How much later each event came than the quickest of its stream promised."""
    promised = [at - number * interval_s for number, at in enumerate(came_s)]
    best = min(promised, default=0.0)
    return [at - best for at in promised]
