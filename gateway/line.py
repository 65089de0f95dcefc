"""The short way to a client of uvicorn's: what our endpoints need of ASGI, without its messages.

ASGI's own way stays open for all else: Django, errors, other servers. Endpoints find this one in
the scope, as they find ASGI's extensions.
"""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from gateway.shapes import RawHeaders

_END = b"0\r\n\r\n"
_NUL, _LF, _CR = b"\x00\n\r"
# Of chunks as long as events are; to write a number anew was 6 % of an event (Nov 2026).
_SIZES = tuple(b"%x\r\n" % size for size in range(1024))


class Line:
    """A request's connection, by way of what uvicorn keeps of request and answer.

    Two messages for an answer, each looked through for what ours never hold, were a tenth of a
    blocking call, and a task that waits for the client's leaving another (bench, Nov 2026).
    """

    __slots__ = ("_cycle", "_gone")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._gone: Callable[[], None] | None = None

    @property
    def is_open(self) -> bool:
        """The client takes something now: it is there, waits, and its connection is not full."""
        cycle = self._cycle
        return not (cycle.flow.write_paused or cycle.disconnected or cycle.response_complete)

    @property
    def is_streaming(self) -> bool:
        """The same in the middle of a stream, whose head has gone out."""
        return self._cycle.response_started and self.is_open

    def on_gone(self, told: Callable[[], None] | None) -> None:
        """Have this called when the client leaves, soon if it has left; None: not any more."""
        self._gone = told
        if told is not None:
            self._cycle.flow.resume_reading()  # uvicorn stops in front of a next request
            if self._cycle.disconnected:
                # Not at once: whoever asks is not ready yet to be interrupted.
                asyncio.get_running_loop().call_soon(self.lost)

    def lost(self) -> None:
        """The server's: the connection is closed."""
        if not self._cycle.response_complete:
            # uvicorn tells its latest request only, which one that waits behind this one may be.
            self._cycle.disconnected = True
            self._cycle.message_event.set()
        gone, self._gone = self._gone, None
        if gone is not None:
            gone()

    def answer(self, headers: RawHeaders, body: bytes) -> None:
        """A whole answer of status 200."""
        length = (b"content-length", b"%d" % len(body))
        self._cycle.transport.write(self._head([*headers, length]) + body)
        self._over()

    def start(self, headers: RawHeaders) -> None:
        """The head of a stream."""
        self._cycle.chunked_encoding = True
        self._cycle.transport.write(self._head([*headers, (b"transfer-encoding", b"chunked")]))

    def write(self, data: bytes) -> None:
        """Some of a stream, at least a byte."""
        self._cycle.transport.write(_chunked(data))

    def end(self, data: bytes) -> None:
        """The last of a stream."""
        self._cycle.transport.write(_chunked(data) + _END if data else _END)
        self._over()

    def _head(self, headers: RawHeaders) -> bytes:
        cycle = self._cycle
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        lines = [*map(b": ".join, cycle.default_headers), *map(b": ".join, headers)]
        if not cycle.keep_alive:
            lines.append(b"connection: close")
        said = b"".join(lines)
        if _LF in said or _CR in said or _NUL in said:
            raise RuntimeError("A header of the answer has a line break or a NUL in it.")
        return b"%b%b\r\n\r\n" % (STATUS_LINE[200], b"\r\n".join(lines))

    def _over(self) -> None:
        cycle = self._cycle
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


def _chunked(data: bytes) -> bytes:
    """A chunk of HTTP's chunked coding (RFC 9112, section 7.1)."""
    size = len(data)
    head = _SIZES[size] if size < len(_SIZES) else b"%x\r\n" % size
    return b"".join((head, data, b"\r\n"))
