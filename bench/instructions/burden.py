"""A gateway that is slower on purpose, to show that the guard sees it."""

import orjson

from gateway.client import LINE, Application, Line, Scope, Send
from gateway.shapes import RawHeaders
from gateway.watch import Receive


def burdened(application: Application, times: int) -> Application:
    """The same, but every piece of an answer is parsed and encoded so many times more."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if LINE in scope:
            scope[LINE] = _Burdened(scope[LINE], times)
        await application(scope, receive, send)

    return call


class _Burdened:
    """A line to a client that takes longer over each piece."""

    def __init__(self, line: Line, times: int) -> None:
        self._times = times
        self._line = line
        self.on_gone = line.on_gone
        self.start = line.start

    @property
    def is_open(self) -> bool:
        """As the line's own, like all the rest."""
        return self._line.is_open

    @property
    def is_streaming(self) -> bool:
        return self._line.is_streaming

    def answer(self, headers: RawHeaders, body: bytes) -> None:
        self._line.answer(headers, self._slowly(body))

    def write(self, data: bytes) -> None:
        self._line.write(self._slowly(data))

    def end(self, data: bytes) -> None:
        self._line.end(self._slowly(data))

    def _slowly(self, piece: bytes) -> bytes:
        json = piece.removeprefix(b"data: ")
        if json.startswith(b"{"):
            for _ in range(self._times):
                orjson.dumps(orjson.loads(json.partition(b"\n")[0]))
        return piece
