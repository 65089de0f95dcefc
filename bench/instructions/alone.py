"""The gateway without its background tasks. To be imported once Django is set up.

Those tasks go by the clock, and under valgrind every second holds some twenty times less work of
requests: they would be counted many times over.
"""

import socket
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from typing_extensions import override

from bench.instructions.burden import burdened
from bench.upstream import HOST
from gateway.runtime import Gateway
from gateway.server import Server, config
from tokens_site.asgi import application


class Still(Gateway):
    """Starts none of its own tasks; those that calls ask for do run."""

    _is_starting = False

    @override
    async def start(self) -> None:
        """Load what a call needs."""
        self._is_starting = True
        await super().start()
        self._is_starting = False

    @override
    def own(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """As the gateway's, once it has started."""
        if self._is_starting:
            work.close()
        else:
            super().own(work, name)


async def started() -> Gateway:
    """This process's gateway, ready for calls."""
    gateway = Still()
    await gateway.start()
    Gateway.use(gateway)
    return gateway


async def book(gateway: Gateway) -> int:
    """Book what is journaled; how many records."""
    return await gateway.in_database_thread(gateway.booking.book)


def servers(ports: Sequence[int], burden: int) -> Iterator[Coroutine[Any, Any, None]]:
    """What serves on the first port as `manage.py serve` does, and on a second one burdened."""
    yield Server(config()).serve([_listening(ports[0])])
    for port in ports[1:]:
        slower = config()
        slower.app = burdened(application, burden)
        slower.lifespan = "off"  # the first one's is enough
        yield Server(slower).serve([_listening(port)])


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    return listener
