"""How clients speak to us: one file for each shape. Pure.

Between a face and a protocol everything is OpenAI's own shape, so that N faces and M protocols make
N + M files.
"""

from dataclasses import dataclass
from typing import ClassVar

from gateway.errors import ApiError
from gateway.shapes import Chat, Json
from gateway.sse import PING


@dataclass(slots=True)
class Asked:
    """A request as it came, with what the gateway must know of it before it is translated."""

    model: str
    stream: bool
    body: dict[str, Json]
    """The client's own JSON; key order as it came."""


class Face:
    """One client's language; an object for each request, which holds the state of its answer.

    `read`, then `chat` where the platform speaks another language, then `answer` or `chunk`… `end`;
    `relayed` instead of `chunk` where the platform speaks the same. An error can come at any point.
    """

    wire: ClassVar[str]
    """`openai`, `anthropic`, `responses` or `gemini`; protocols are asked for it by this name."""
    ping: ClassVar[bytes] = PING
    """Sent while nothing comes; clients must skip it."""
    alike: ClassVar[bool] = False
    """Chunks that differ in one text are said in words that differ in that text alone."""
    content_type = b"text/event-stream; charset=utf-8"
    """Of a stream."""

    def __init__(self) -> None:
        self.dropped: list[str] = []
        """Fields of the request that no chat can say, left out by a documented rule."""

    def read(self, body: bytes) -> Asked:
        """The request from its bytes. Raises BadRequest."""
        raise NotImplementedError  # abstract

    def chat(self, asked: Asked) -> Chat:
        """The request in OpenAI's shape, with usage asked for in a stream. Raises BadRequest."""
        raise NotImplementedError  # abstract

    def answer(self, completion: dict[str, Json]) -> bytes:
        """The body that says a whole completion, which always has its `usage`."""
        raise NotImplementedError  # abstract

    def chunk(self, chunk: dict[str, Json]) -> bytes:
        """What one chunk of OpenAI's adds to the stream; b"" where that is nothing."""
        raise NotImplementedError  # abstract

    def relayed(self, data: bytes) -> bytes:
        """The data of one event of a platform that speaks this language, framed as it was."""
        raise NotImplementedError  # abstract

    def end(self) -> bytes:
        """What a clean end still owes. After relayed events: the frame's end, if it has one."""
        raise NotImplementedError  # abstract

    def error(self, error: ApiError) -> bytes:
        """The body of an error answer."""
        raise NotImplementedError  # abstract

    def error_event(self, error: ApiError) -> bytes:
        """An error in the middle of a stream, which ends there and not cleanly."""
        raise NotImplementedError  # abstract
