"""What may end a call early: its client leaving, an upstream's silence, the total time-out.

One task and one timer per call. Nothing is armed per event: a stream only notes when it last
heard something (`touch`), and the timer looks at that when it fires. Measured against
`asyncio.timeout()` around every read: see docs/decisions/0002.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, Self

from gateway.shapes import Failure

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Reason = Literal["client", "first_byte", "idle", "total"]
_SENTENCES = {
    "first_byte": "The platform did not begin its answer within {:g} seconds.",
    "idle": "The platform fell silent for {:g} seconds.",
    "total": "The call was ended after {:g} seconds, the platform's total time-out.",
}
_FAR = 86_400.0


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
        *,
        total_s: float,
        ping_s: float = 0,
        ping: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Watch `receive` for the client's leaving; call `ping` every `ping_s` of silence."""
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._total_s = total_s
        self._total_at = self._loop.time() + total_s
        self._ping_s = ping_s
        self._ping = ping
        self._ping_at = self._loop.time() + ping_s if ping else self._loop.time() + _FAR
        self._phase: Literal["first_byte", "idle"] | None = None
        self._phase_s = _FAR
        self._last = self._loop.time()
        self._reason: Reason | None = None
        self._timer: asyncio.Timeout | None = None
        self._client_matters = True

    async def __aenter__(self) -> Self:
        caller = asyncio.current_task()
        assert caller is not None
        self._caller: asyncio.Task[Any] = caller
        # Held here and awaited in __aexit__: a task group's bookkeeping costs as much again.
        self._task = self._loop.create_task(self._run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._task.cancel()
        try:
            await self._task
        except asyncio.CancelledError:
            if not self._task.cancelled():
                raise  # it was us who were cancelled

    def expect(self, phase: Literal["first_byte", "idle"], seconds: float) -> None:
        """From now on something must be heard every `seconds`; `phase` names the time-out."""
        self._phase, self._phase_s = phase, seconds
        self.touch()
        if self._timer is not None and not self._timer.expired():
            self._timer.reschedule(self._due())

    def expect_nothing(self) -> None:
        """The upstream is not to be waited for now (the client is, or a pause between tries)."""
        self._phase, self._phase_s = None, _FAR

    def client_is_served(self) -> None:
        """The client is about to have its whole answer; its leaving means nothing any more."""
        self._client_matters = False
        self._ping_at = self._loop.time() + _FAR

    def touch(self) -> None:
        """Something was heard of the upstream."""
        self._last = self._loop.time()

    def sent(self) -> None:
        """Something was sent to the client, so no ping is due for a while."""
        self._last = self._loop.time()
        self._ping_at = self._last + self._ping_s

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn a cancellation by this watch into ClientGone or Failure; others pass through."""
        try:
            yield
        except asyncio.CancelledError:
            reason, self._reason = self._reason, None
            if reason is None:
                raise
            self._caller.uncancel()
            if reason == "client":
                raise ClientGone from None
            seconds = self._total_s if reason == "total" else self._phase_s
            self.expect_nothing()
            raise Failure("timeout", _SENTENCES[reason].format(seconds)) from None

    @property
    def time_left_s(self) -> float:
        """Seconds until the total time-out."""
        return self._total_at - self._loop.time()

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout_at(self._due()) as self._timer:
                    message = await self._receive()
            except TimeoutError:
                self._timer = None
                await self._on_timer()
                continue
            self._timer = None
            if message["type"] == "http.disconnect":
                if self._client_matters:
                    self._interrupt("client")
                return

    def _due(self) -> float:
        return min(self._total_at, self._last + self._phase_s, self._ping_at)

    async def _on_timer(self) -> None:
        now = self._loop.time()
        if now >= self._total_at:
            self._total_at = now + _FAR
            self._interrupt("total")
        elif self._phase is not None and now >= self._last + self._phase_s:
            self._interrupt(self._phase)
            self._last = now + _FAR  # once; expect() begins anew
        elif self._ping is not None and now >= self._ping_at:
            self._ping_at = now + self._ping_s
            await self._ping()

    def _interrupt(self, reason: Reason) -> None:
        if self._reason is None:
            self._reason = reason
            self._caller.cancel()
