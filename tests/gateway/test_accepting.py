"""Connections are taken as many at a time as wait, on the loop that serves."""

import asyncio
import errno
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
import uvloop
from typing_extensions import override

from gateway import accepting
from gateway.accepting import AT_ONCE, Acceptor
from gateway.server import LimitedHttpProtocol, Server

CROWD = 120
TURN_S = 0.005
GRACE_S = 20


class Greeting(asyncio.Protocol):
    """Says hello to each connection."""

    @override
    def connection_made(self, transport: Any) -> None:
        transport.write(b"hello")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen(CROWD)
        yield made


def crowd(listener: socket.socket, size: int) -> list[socket.socket]:
    """So many that have connected; the kernel keeps them until they are taken."""
    return [socket.create_connection(listener.getsockname()) for _ in range(size)]


async def greeted(clients: list[socket.socket]) -> int:
    """How many turns of a busy loop pass until all have their greeting."""
    loop = asyncio.get_running_loop()
    for client in clients:
        client.setblocking(False)
    waiting = [loop.create_task(loop.sock_recv(client, 5)) for client in clients]
    turns = 0
    while not all(task.done() for task in waiting):
        turns += 1
        time.sleep(TURN_S)  # noqa: ASYNC251 # a turn in which a thousand streams are served
        await asyncio.sleep(0)
    assert {task.result() for task in waiting} == {b"hello"}
    return turns


def test_a_crowd_does_not_wait_for_a_turn_of_a_busy_loop_each(listener: socket.socket) -> None:
    async def main() -> int:
        clients = crowd(listener, CROWD)
        acceptor = Acceptor(asyncio.get_running_loop(), listener, Greeting)
        try:
            async with asyncio.timeout(30):
                return await greeted(clients)
        finally:
            acceptor.close()
            await acceptor.wait_closed()
            for client in clients:
                client.close()

    turns = uvloop.run(main())

    assert turns < CROWD / 4


class Exhausted:
    """A listening socket that can be taken from once more only after `refusals` errors."""

    def __init__(self, listener: socket.socket, refusals: int) -> None:
        self.refusals = refusals
        self.asked = 0
        self._listener = listener

    def accept(self) -> tuple[socket.socket, Any]:
        self.asked += 1
        if self.asked <= self.refusals:
            raise OSError(errno.EMFILE, "Too many open files")
        return self._listener.accept()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)


async def test_who_comes_when_no_file_can_be_opened_is_served_later(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(accepting, "_REST_S", 0.01)
    exhausted = Exhausted(listener, refusals=2)
    [client] = crowd(listener, 1)
    acceptor = Acceptor(asyncio.get_running_loop(), exhausted, Greeting)  # type: ignore[arg-type]

    async with asyncio.timeout(30):
        await greeted([client])
    acceptor.close()
    client.close()

    assert exhausted.asked >= 3
    assert [record.message for record in caplog.records] == 2 * [
        "No connection can be taken for a second: Too many open files"
    ]


async def test_after_its_end_nobody_is_taken(listener: socket.socket) -> None:
    made: list[Greeting] = []

    def make() -> Greeting:
        made.append(Greeting())
        return made[-1]

    acceptor = Acceptor(asyncio.get_running_loop(), listener, make)
    first = crowd(listener, AT_ONCE + 1)
    await greeted(first)
    acceptor.close()
    await acceptor.wait_closed()
    [late] = crowd(listener, 1)

    # The kernel has the latecomer still, so nobody has taken it: not in many turns.
    for _ in range(20):
        await asyncio.sleep(0.002)
    taken, _address = listener.accept()

    assert taken.getpeername() == late.getsockname()
    assert len(made) == len(first)
    for client in (*first, late, taken):
        client.close()


async def test_what_cannot_be_begun_is_closed_and_told(
    listener: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> asyncio.Protocol:
        raise ValueError("no protocol")

    loop = asyncio.get_running_loop()
    [client] = crowd(listener, 1)
    client.setblocking(False)
    acceptor = Acceptor(loop, listener, broken)

    async with asyncio.timeout(30):
        assert await loop.sock_recv(client, 5) == b""
    acceptor.close()
    client.close()

    assert [record.message for record in caplog.records] == ["A connection could not be begun"]


async def test_who_was_just_taken_is_told_that_the_server_ends() -> None:
    """Else an idle client would keep it until its graceful time-out."""
    loop = asyncio.get_running_loop()
    for turns in range(4):
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            server = await started(listening)
            [client] = crowd(listening, 1)
            for _ in range(turns):
                await asyncio.sleep(0)
            began = loop.time()

            await server.shutdown([listening])

            assert loop.time() - began < GRACE_S / 2
            client.close()


async def started(listening: socket.socket) -> Server:
    config = uvicorn.Config(
        nothing, http=LimitedHttpProtocol, loop="none", lifespan="off", log_config=None
    )
    config.timeout_graceful_shutdown = GRACE_S
    config.load()
    server = Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup([listening])
    return server


async def nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    """No request is made."""
