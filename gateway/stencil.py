"""Events that differ in one text only, told apart from all others and put right without parsing.

Most events of a chat stream are alike but for a few letters of text. What the platform's JSON has
around the text, and what the client's has, is the same from one event to the next: found once by
reading and writing an event the long way, it is a stencil for those that follow. Of what an event
cost the gateway it saved nearly a third (docs/decisions/0017). Pure.
"""

from typing import Any

import orjson

from gateway import sse
from gateway.shapes import Chunk, Json

_PROBES = "probe", "other"
MOST_MISSES = 8
"""In a row, and the stream is one whose events are never alike: a random padding in each, say."""


class Stencil:
    """One stream's: what stands around the text of its latest plain event, here and there."""

    __slots__ = ("_after", "_before", "_left", "_made_after", "_made_before", "around")

    def __init__(self) -> None:
        self._before = self._after = self._made_before = self._made_after = b""
        self._left = MOST_MISSES
        self.around = 0
        """Bytes of a filled stencil that are not its text."""

    def fill(self, event: bytes) -> bytes | None:
        """What the client gets for an event in its usual frame; None: find out the long way."""
        before, after = self._before, self._after
        if not before or not event.startswith(before) or not event.endswith(after):
            return None
        text = event[len(before) : -len(after)]
        if len(event) < len(before) + len(after) or b'"' in text or b"\\" in text:
            return None
        try:
            # Neither control characters, which no JSON text may hold, nor broken UTF-8.
            if not text.decode("utf-8").isprintable():
                return None
        except UnicodeDecodeError:
            return None
        self._left = MOST_MISSES
        return b"".join((self._made_before, text, self._made_after))

    def learn(self, data: bytes, chunk: Chunk, made: bytes) -> None:
        """Take the measure of an event: its data, the chunk that it became, and that encoded."""
        if not self._left:
            return
        content = _only_text(chunk)
        if not content or b"\n" in data or b"\r" in data:  # of several lines: framed otherwise
            return
        self._left -= 1
        quoted = orjson.dumps(content)
        if not data.count(quoted) == made.count(quoted) == 1:
            return  # the text stands somewhere else, too, or is spelt in another way
        before, after = _around(data, quoted)
        if _is_text_of(before, after, data):
            self._before, self._after = _around(sse.encode(data), quoted)
            self._made_before, self._made_after = _around(made, quoted)
            self.around = len(self._made_before) + len(self._made_after)


def _only_text(chunk: Chunk) -> str:
    """The text of a chunk that says nothing else; "" of any other."""
    choices = chunk.get("choices")
    if type(choices) is not list or len(choices) != 1:
        return ""
    choice: dict[str, Any] = choices[0]
    delta = choice.get("delta")
    if type(delta) is not dict or len(delta) != 1 or choice.get("finish_reason") is not None:
        return ""
    content = delta.get("content")
    return content if type(content) is str else ""


def _around(data: bytes, quoted: bytes) -> tuple[bytes, bytes]:
    """What is before and after a text; its quotation marks belong to that."""
    before, _text, after = data.partition(quoted)
    return before + b'"', b'"' + after


def _is_text_of(before: bytes, after: bytes, data: bytes) -> bool:
    """Whether another text in that place changes the one delta's content, and nothing else."""
    meant: Json = orjson.loads(data)
    if meant.get("usage") or "x_groq" in meant:
        return False  # the reader takes note of it, each time
    delta = meant["choices"][0]["delta"]
    probe = _PROBES[delta["content"] == _PROBES[0]]
    delta["content"] = probe
    try:
        return bool(orjson.loads(before + probe.encode() + after) == meant)
    except orjson.JSONDecodeError:
        return False  # what looks like the text is part of the JSON around it
