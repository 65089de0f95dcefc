"""Client and upstream in step: the next event leaves the upstream when the client has the last.

So every event is a read of its own for whoever is counted between them, however slow it is.
"""

import asyncio
from collections import deque
from typing import Self, cast

import httptools
from typing_extensions import override

from bench.asking import Scenario, Target, request
from bench.upstream import HOST, choose, port_of

ANSWER_S = 60.0  # for one answer; under valgrind a call takes a hundredth of it


class OutOfStep(Exception):
    """What came back is not what was asked for; says what it is."""


class Lockstep:
    """One upstream, and the requests that are made of it through others, one at a time."""

    def __init__(self) -> None:
        self._waiting: deque[bytes] = deque()
        self._upstream: asyncio.Transport | None = None
        self._events = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Upstream(self), HOST, 0)
        return self

    async def __aexit__(self, *_error: object) -> None:
        assert self._server is not None
        self._server.close()

    @property
    def origin(self) -> str:
        """Of the upstream, http://host:port."""
        return f"http://{HOST}:{self.port}"

    @property
    def port(self) -> int:
        """Of the upstream, on loopback."""
        assert self._server is not None
        return port_of(self._server)

    async def ask(self, target: Target, scenario: Scenario) -> None:
        """Make the scenario's requests, one after the other on one connection.

        Raises OutOfStep, TimeoutError, OSError.
        """
        loop = asyncio.get_running_loop()
        transport, client = await loop.create_connection(
            lambda: _Client(self), target.host, target.port
        )
        try:
            for _ in range(scenario.requests or 0):
                self._events = 0
                transport.write(request(target, scenario))
                async with asyncio.timeout(ANSWER_S):
                    status, text = await client.answered()
                if status != 200 or self._waiting:
                    raise OutOfStep(f"{target.path} answered {status}: {text[:500]!r}")
                expected = scenario.events and scenario.events + 1
                if expected and self._events != expected:
                    raise OutOfStep(f"{self._events} events with [DONE], not {expected}")
        finally:
            transport.abort()

    def begin(self, upstream: asyncio.Transport, writes: tuple[bytes, ...], events: int) -> None:
        """The upstream has been asked: what it sends, of which `events` are sent one by one."""
        self._upstream = upstream
        self._waiting = deque([*writes[:events], b"".join(writes[events:])])
        self._step()

    def came(self, events: int) -> None:
        """The client has so many more."""
        self._events += events
        for _ in range(events):
            self._step()

    def _step(self) -> None:
        if self._waiting and self._upstream is not None:
            self._upstream.write(self._waiting.popleft())


class _Upstream(asyncio.Protocol):
    """A connection from whoever is counted."""

    def __init__(self, lockstep: Lockstep) -> None:
        self._lockstep = lockstep
        self._parser = httptools.HttpRequestParser(self)
        self._path = self._body = b""
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        """Answer as the mock upstream does."""
        assert self._transport is not None
        answer = choose(self._parser.get_method(), self._path, self._body)
        self._path = self._body = b""
        # The finish reason, usage and [DONE] together: usage, if asked for, reaches no client.
        ending = sum(b'"delta":{}' in write or b'"choices":[]' in write for write in answer.writes)
        self._lockstep.begin(self._transport, answer.writes, len(answer.writes) - ending - 1)


class _Client(asyncio.Protocol):
    """The client's connection."""

    def __init__(self, lockstep: Lockstep) -> None:
        self._lockstep = lockstep
        self._parser = httptools.HttpResponseParser(self)
        self._text = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    async def answered(self) -> tuple[int, bytes]:
        """Status and body of the answer to what has just been asked."""
        self._answer = asyncio.get_running_loop().create_future()
        return await self._answer

    @override
    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(OutOfStep(f"The connection was closed: {exc}"))

    def on_body(self, body: bytes) -> None:
        before = self._text.count(b"\n\n")
        self._text += body
        self._lockstep.came(self._text.count(b"\n\n") - before)

    def on_message_complete(self) -> None:
        text, self._text = self._text, b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), text))
