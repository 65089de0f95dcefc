"""What an MP4 says of itself: how long it is, and how large. Pure, but for reading the file.

Not every platform tells; what a film costs hangs on its seconds. (ISO/IEC 14496-12, `mvhd` and
`tkhd`.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MOST_BOXES = 10_000
_CONTAINERS = (b"moov", b"trak")
_LONGEST_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Film:
    """What was found; 0 for what was not."""

    seconds: float = 0.0
    width: int = 0
    height: int = 0

    @property
    def size(self) -> str:
        """`1280x720`, "" where it is not known."""
        return f"{self.width}x{self.height}" if self.width and self.height else ""


def read(file: BinaryIO, size: int) -> Film:
    """Read it from a whole MP4 or MOV of `size` bytes. Never raises on odd content."""
    seconds, width, height = 0.0, 0, 0
    for kind, start, length in _boxes(file, 0, size):
        if kind == b"mvhd" and not seconds:
            seconds = _seconds(_head(file, start, length))
        elif kind == b"tkhd" and not width:
            width, height = _pixels(_head(file, start, length))
    return Film(seconds, width, height)


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place and length of the contents of each box, those inside containers too."""
    stack = [(start, end)]
    for _number in range(_MOST_BOXES):
        if not stack:
            return
        at, last = stack.pop()
        if at + 8 > last:
            continue
        file.seek(at)
        head = file.read(16)
        length, kind, inner = int.from_bytes(head[:4]), head[4:8], 8
        if length == 1:
            length, inner = int.from_bytes(head[8:16]), 16
        elif length == 0:
            length = last - at
        if length < inner or at + length > last:
            continue
        stack.append((at + length, last))
        if kind in _CONTAINERS:
            stack.append((at + inner, at + length))
        else:
            yield kind, at + inner, length - inner


def _head(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(min(length, 128))


def _seconds(box: bytes) -> float:
    """Duration by time scale; both are longer in version 1."""
    wide = box[:1] == b"\x01"
    at = 20 if wide else 12
    scale = int.from_bytes(box[at : at + 4])
    duration = int.from_bytes(box[at + 4 : at + (12 if wide else 8)])
    seconds = duration / scale if scale else 0.0
    return round(seconds, 3) if seconds <= _LONGEST_S else 0.0


def _pixels(box: bytes) -> tuple[int, int]:
    """Width and height of a track, in whole pixels; a sound's are 0."""
    at = 88 if box[:1] == b"\x01" else 76
    return int.from_bytes(box[at : at + 2]), int.from_bytes(box[at + 4 : at + 6])
