"""Answers in the client's own language: passed on as they are, and looked at as they go by."""

from collections.abc import Callable
from typing import ClassVar

from gateway.protocols.base import loads
from gateway.shapes import (
    Answer,
    Chunk,
    Exchange,
    Failure,
    Json,
    Recalled,
    Reply,
    UpstreamRequest,
    Usage,
)


class Observer:
    """Looks at a stream that goes by: its usage, and whether it ends whole; see `shapes.Reader`.

    Subclasses say in `look` what an event means.
    """

    done_is_the_end: ClassVar[bool] = False
    """Whether `[DONE]` ends an answer by itself; otherwise its own events must have done so."""

    def __init__(self) -> None:
        self.finished = False
        self.done = False
        self.failure: Failure | None = None
        self.text_length = 0
        self.recall: dict[str, Recalled] = {}
        self._reported: Usage | None = None
        self._is_counted = True

    @property
    def usage(self) -> Usage | None:
        """What was reported; what came out and is not counted yet is estimated from its text."""
        if self._reported is None or self._is_counted:
            return self._reported
        return self._reported.with_text(self.text_length)

    @usage.setter
    def usage(self, usage: Usage | None) -> None:
        self._reported, self._is_counted = usage, True

    def feed(self, data: bytes) -> list[Chunk]:
        """The event as it came. Raises Failure on an error."""
        if not data:
            return []
        if data.startswith(b"[DONE]"):  # OpenAI's, of proxies and of others who speak the language
            self.finished = self.finished or self.done_is_the_end
            self.done = True
            return []
        self.look(loads(data))
        return [data]

    def look(self, event: dict[str, Json]) -> None:
        """Note what an event says. Raises Failure on an error that is not to be passed on."""
        raise NotImplementedError  # abstract: each language has its own events

    def end(self, _usage: Usage) -> list[Chunk]:
        """Nothing: the platform has said everything itself."""
        return []


def observed(
    request: UpstreamRequest, whole: Callable[[bytes], Answer], observer: Callable[[], Observer]
) -> Exchange:
    """A call whose answer goes to the client as it is. `whole` reads a body and raises Failure."""
    return Exchange(
        request=request,
        answer=lambda body, _reply: whole(body),
        reader=lambda _reply: observer(),
        chunks=_without_chunks,
        relays=True,
    )


def _without_chunks(_answer: Answer, _reply: Reply) -> list[Chunk]:
    """A relayed stream cannot be made of a whole body."""
    raise Failure("broken", "The platform answered a stream's request with a whole body.")
