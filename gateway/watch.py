"""What may end a call early: its client leaving, an upstream's silence, the total time-out.

One timer per call, and where the server cannot call back (`client.Line`) a task. Nothing is armed
per event: a stream only notes when it last heard something (`touch`), and the timer looks at that
when it fires (docs/decisions/0002).
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from gateway.shapes import Failure

if TYPE_CHECKING:
    from gateway.client import Line

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Phase = Literal["first_byte", "idle"]
Reason = Literal["client", "first_byte", "idle", "total"]
_SENTENCES = {
    "first_byte": "The platform did not begin its answer within {:g} seconds.",
    "idle": "The platform fell silent for {:g} seconds.",
    "total": "The call was ended after {:g} seconds, the platform's total time-out.",
}
_FAR = 86_400.0
_PAUSE_S = 0.05  # so much later than it should be may a time-out or a ping come


class ClientGone(Exception):
    """The client closed its connection before it had its answer."""


class Watch:
    """Cancels the task that entered it when a reason to do so comes up.

    The cancellation surfaces as ClientGone or as a Failure of kind `timeout`, wherever the code
    stands inside `with watch.translated():`.
    """

    def __init__(
        self,
        receive: Receive,
        line: "Line | None" = None,
        *,
        total_s: float,
        ping_s: float = 0,
        ping: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """Watch the client's leaving; call `ping` every `ping_s` of silence.

        `line` tells of the leaving where the server has one; else `receive` does, in a task.
        """
        self._receive = receive
        self._line = line
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._total_s = total_s
        self._total_at = now + total_s
        self._ping_s = ping_s
        self._ping = ping
        self._ping_at = now + (ping_s if ping else _FAR)
        self._phase: Phase | None = None
        self._phase_s = _FAR
        self._last = now
        self._reason: Reason | None = None
        self._client_matters = True
        self._is_over = False
        self._is_sending = False
        self._tasks: list[asyncio.Task[None]] = []
        self._pings: list[asyncio.Task[None]] = []
        self._alarm = _Alarm.of(self._loop)

    async def __aenter__(self) -> Self:
        caller = asyncio.current_task()
        assert caller is not None
        self._caller: asyncio.Task[Any] = caller
        if self._line is not None:
            self._line.on_gone(self._left)
        else:
            # Held here and awaited in __aexit__: a task group's bookkeeping costs as much again.
            self._tasks.append(self._loop.create_task(self._listen()))
        self._alarm.add(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._alarm.discard(self)
        if self._line is not None:
            self._line.on_gone(None)
        for task in (*self._tasks, *self._pings):
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                if not task.cancelled():
                    raise  # it was the caller who was cancelled

    def expect(self, phase: Phase, seconds: float) -> None:
        """From now on something must be heard every `seconds`; `phase` names the time-out."""
        self._phase, self._phase_s = phase, seconds
        self.touch()
        self._alarm.ring_by(self._last + seconds)

    def expect_nothing(self) -> None:
        """The upstream is not to be waited for now (the client is, or a pause between tries)."""
        self._phase, self._phase_s = None, _FAR

    def client_is_served(self) -> None:
        """The client is about to have its whole answer; its leaving means nothing any more."""
        self._client_matters = False
        for ping in self._pings:  # one that is due just now would come after the answer's end
            ping.cancel()
        self._ping_at = self._loop.time() + _FAR

    def touch(self) -> None:
        """Something was heard of the upstream."""
        self._last = self._loop.time()

    def sending(self) -> None:
        """Something is about to be sent; while a slow client takes it, no platform is silent."""
        self._is_sending = True

    def sent(self) -> None:
        """It was sent, so no ping is due for a while."""
        self._is_sending = False
        self._last = self._loop.time()
        self._ping_at = self._last + self._ping_s

    def translated(self) -> "_Translation":
        """Turn a cancellation by this watch into ClientGone or Failure; others pass through.

        After any Failure no platform is waited for. Made anew each time: kept here it would be a
        circle, which only the garbage collector ends (docs/decisions/0018).
        """
        return _Translation(self)

    @property
    def is_over(self) -> bool:
        """The total time-out has passed: nothing more is to be tried."""
        return self._is_over

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass  # the rest of a body that nobody asked for
        self._left()

    def _left(self) -> None:
        if self._client_matters:
            self._interrupt("client")

    def due_at(self) -> float:
        """When it has to be looked at next, if nothing is heard until then."""
        return min(self._total_at, self._last + self._phase_s, self._ping_at)

    def look(self, now: float) -> None:
        """Act, if it is time to."""
        if now >= self._total_at:
            self._total_at = now + _FAR
            self._is_over = True
            self._interrupt("total")
        elif self._is_sending:
            self._last = now
            self._ping_at = max(self._ping_at, now + (self._ping_s or _FAR))
        elif self._phase is not None and now >= self._last + self._phase_s:
            self._last = now + _FAR  # once; expect() begins anew
            self._interrupt(self._phase)
        elif self._ping is not None and now >= self._ping_at:
            self._ping_at = now + self._ping_s
            if all(task.done() for task in self._pings):  # a full connection takes no more
                self._pings = [self._loop.create_task(self._ping())]

    def _interrupt(self, reason: Reason) -> None:
        if self._reason is None:
            self._reason = reason
            self._caller.cancel()

    def take_reason(self) -> BaseException | None:
        """What a cancellation by this watch means, once; None: it was not this watch's."""
        reason, self._reason = self._reason, None
        if reason is None:
            return None
        self._caller.uncancel()
        if reason == "client":
            return ClientGone()
        seconds = self._total_s if reason == "total" else self._phase_s
        self.expect_nothing()
        return Failure("timeout", _SENTENCES[reason].format(seconds))


class _Translation:
    """`with` that turns the watch's own cancellations into what they mean."""

    __slots__ = ("_watch",)

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, Failure):
            self._watch.expect_nothing()
        elif isinstance(error, asyncio.CancelledError):
            meant = self._watch.take_reason()
            if meant is not None:
                raise meant from None


class _Alarm:
    """One timer for all watches of an event loop.

    One for each, set and set earlier and taken back, was 2 % of a blocking call (bench, Nov 2026).
    """

    __slots__ = ("_loop", "_rings_at", "_timer", "_watches")
    _latest: ClassVar["_Alarm | None"] = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watches: set[Watch] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> "_Alarm":
        """This loop's; whoever watches holds it."""
        alarm = cls._latest
        if alarm is None or alarm._loop is not loop:
            alarm = cls._latest = cls(loop)
        return alarm

    def add(self, watch: Watch) -> None:
        """Look at it when it is due, from now on."""
        self._watches.add(watch)
        self.ring_by(watch.due_at())

    def discard(self, watch: Watch) -> None:
        """Look at it no more."""
        self._watches.discard(watch)

    def ring_by(self, at: float) -> None:
        """Ring at this moment at the latest."""
        if at < self._rings_at:
            if self._timer is not None:
                self._timer.cancel()
            self._rings_at = at
            self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer, self._rings_at = None, math.inf
        now, due_at = self._loop.time(), math.inf
        for watch in self._watches:
            watch.look(now)
            due_at = min(due_at, watch.due_at())
        if self._watches:
            # Not for each of thousands that are silent: all are looked at each time.
            self.ring_by(max(due_at, now + _PAUSE_S))
