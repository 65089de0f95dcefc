"""New connections, taken as many at a time as wait.

uvloop (0.23) takes one in each turn of its loop. That is plenty while turns are short; but with a
thousand streams a turn lasts tens of milliseconds, and whoever connects then
waits behind all who connected before, for seconds, while all others are served: of a thousand
streams that began within two seconds, a third waited for five (bench, Nov 2026).
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from functools import partial

logger = logging.getLogger(__name__)

AT_ONCE = 50
"""Of several workers one should not take all of a rush; what is left waits for its next turn."""
_REST_S = 1.0  # when the process may open no more files


class Acceptor:
    """Takes connections from a listening socket; to uvicorn it is one of asyncio's servers."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        """Begin at once; `protocol` makes one for each connection."""
        self._loop = loop
        self._listener = listener
        self._protocol = protocol
        self._opening: set[asyncio.Task[object]] = set()
        self._rest: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Take no more; the socket is its owner's to close."""
        if self._rest is not None:
            self._rest.cancel()
        self._loop.remove_reader(self._listener)

    async def wait_closed(self) -> None:
        """Until those that were taken last are connections like all others."""
        if self._opening:
            await asyncio.wait(self._opening)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue  # it is gone again
            except OSError as error:
                self._pause(error)
                return
            opening = self._loop.connect_accepted_socket(self._protocol, connection)
            task = self._loop.create_task(opening)
            self._opening.add(task)
            task.add_done_callback(partial(self._opened, connection))

    def _opened(self, connection: socket.socket, task: "asyncio.Task[object]") -> None:
        self._opening.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            return
        connection.close()
        if not isinstance(error, OSError | asyncio.CancelledError):  # else its client has left
            logger.error("A connection could not be begun", exc_info=error)

    def _pause(self, error: OSError) -> None:
        """Those who wait stay in the kernel's queue; asked at once, it would say the same again."""
        logger.error("No connection can be taken for a second: %s", error.strerror)
        self._loop.remove_reader(self._listener)
        self._rest = self._loop.call_later(
            _REST_S, self._loop.add_reader, self._listener, self._accept
        )
