"""Server-sent events: bytes to events and back. Pure.

The grammar is the WHATWG one (HTML standard, §9.2.6): lines end in LF, CR LF or CR, `:` begins a
comment, several `data` lines are one event's data, a blank line ends an event.
"""

import re
from typing import NamedTuple

import orjson

MAX_EVENT = 16 * 2**20  # bytes; some platforms send whole images in one event
_BOM = b"\xef\xbb\xbf"
PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"
_TYPE = re.compile(rb'\s*\{\s*"type"\s*:\s*"([\w.]+)"')


class EventTooLong(ValueError):
    """An event is longer than MAX_EVENT."""


class Event(NamedTuple):
    """One event: its name ("" where it has none) and its data, still encoded."""

    name: bytes
    data: bytes


class Decoder:
    """Bytes in, cut anywhere; events out, each as soon as its blank line is there."""

    def __init__(self) -> None:
        self.is_between = False
        """No event is begun, so the next byte is one's first; False before the first piece."""
        self._line: list[bytes] = []  # pieces of a line that has not ended
        self._size = 0  # of the line and the data so far
        self._after_cr = False
        self._first = True
        self._name = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[Event]:
        """The events that this piece completes. Raises EventTooLong."""
        # As a rule it is one event of one line: told apart at once, it costs half (Nov 2026).
        if (
            self.is_between
            and piece[:6] == b"data: "
            and piece[-2:] == b"\n\n"
            and piece.count(b"\n") == 2
            and b"\r" not in piece
        ):
            return [Event(b"", piece[6:-2])]
        events = self._fed(piece)
        self.is_between = not (
            self._line or self._data or self._name or self._first or self._after_cr
        )
        return events

    def _fed(self, piece: bytes) -> list[Event]:
        if self._after_cr and piece:
            self._after_cr = False
            if piece[0] == 10:  # the LF of a CR LF that was cut between two pieces
                piece = piece[1:]
        if b"\r" in piece:
            self._after_cr = piece.endswith(b"\r")
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = piece.rfind(b"\n")
        if end < 0:
            self._keep(piece)
            return []
        whole = piece[:end]
        if self._line:
            self._line.append(whole)
            whole = b"".join(self._line)
            self._line.clear()
        events = self._lines(whole)
        if len(piece) > end + 1:
            self._keep(piece[end + 1 :])
        return events

    def end(self) -> list[Event]:
        """What an upstream left unfinished when it closed: its last event may lack a blank line."""
        rest = b"".join(self._line)
        self._line.clear()
        return self._lines(rest + b"\n")

    def _keep(self, rest: bytes) -> None:
        self._line.append(rest)
        self._grow(len(rest))

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_EVENT:
            raise EventTooLong(f"An event is longer than {MAX_EVENT} bytes.")

    def _lines(self, text: bytes) -> list[Event]:
        if self._first:
            self._first = False
            text = text.removeprefix(_BOM)
        events = []
        for line in text.split(b"\n"):
            if not line:
                if self._data:
                    data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                    events.append(Event(self._name, data))
                    self._data = []
                self._name = b""
                self._size = 0
            elif line.startswith(b"data"):
                self._data_line(line)
            elif line.startswith(b"event:"):
                self._name = line[6:].removeprefix(b" ")
        return events

    def _data_line(self, line: bytes) -> None:
        if line[4:6] == b": ":
            data = line[6:]
        elif line[4:5] == b":":
            data = line[5:]
        elif line == b"data":
            data = b""
        else:
            return  # a field of another name, such as "database: x"
        if self._data:
            self._grow(len(data))
        self._data.append(data)


def encode(data: bytes) -> bytes:
    """One event without a name. `data` is JSON, so it has no line breaks of its own."""
    return b"data: " + data + b"\n\n"


def named(name: bytes, data: bytes) -> bytes:
    """One event with a name."""
    return b"event: " + name + b"\n" + encode(data)


def type_of(data: bytes) -> bytes:
    """The `type` of an event's JSON, b"" where it has none; those who have types say them first."""
    found = _TYPE.match(data)
    return found[1] if found else str(orjson.loads(data).get("type") or "").encode()


def one_line(data: bytes) -> bytes:
    """JSON on one line, as `encode` wants it: there a line break is as good as a space."""
    return data.replace(b"\n", b" ")
