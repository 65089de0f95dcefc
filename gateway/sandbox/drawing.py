"""The sandbox's pictures: a prompt on a colour of its own, with what was sent below it.

CPU work of up to some 0.1 s per picture: call it in a thread.
"""

import colorsys
import hashlib
import io
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from PIL import Image, ImageDraw

from gateway.sandbox import lettering
from gateway.sandbox.checks import Refused
from gateway.sandbox.forms import File
from gateway.sandbox.lettering import Box
from gateway.sandbox.looks import Look

THUMBNAIL = 512  # pixels of the larger side; more is never shown
MAX_PIXELS = 64_000_000  # of an input picture; unpacked, that is a quarter of a gigabyte
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow raises for files that are damaged; it has no exception of its own for that."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An input picture, as far as it is shown."""

    size: tuple[int, int]
    thumbnail: Image.Image


def seen(file: File) -> Seen:
    """An input picture, read to its end. Raises Refused, naming the field that it came in."""
    try:
        with Image.open(io.BytesIO(file.content), formats=("PNG", "JPEG", "WEBP")) as picture:
            size = picture.size
            if size[0] * size[1] > MAX_PIXELS:
                right = f"{MAX_PIXELS // 1_000_000} million are most"
                raise Refused(f"'{file.name}' has {size[0]}x{size[1]} pixels; {right}.", file.param)
            picture.thumbnail((THUMBNAIL, THUMBNAIL))
            return Seen(size, picture.convert("RGBA"))
    except _BROKEN:
        what = f"'{file.name}' cannot be read as a picture ({len(file.content)} bytes)"
        message = f"{what}; a whole PNG, JPEG or WebP is right."
        raise Refused(message, file.param, "invalid_image_file") from None


def drawn(look: Look, prompt: str, label: str, inputs: Sequence[Seen] = ()) -> bytes:
    """One picture as a file: `label` in a corner, the prompt in the middle, inputs below it."""
    width, height = look.width, look.height
    colour = _colour(prompt)
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0) if look.transparent else colour)
    draw = ImageDraw.Draw(picture)
    if look.transparent:
        radius = min(width, height) // 8
        draw.rounded_rectangle((0, 0, width - 1, height - 1), radius, colour)
    margin = min(width, height) // 12
    lettering.label(draw, label, (margin, margin // 2), margin // 2)
    row = height // 4 if inputs else 0
    middle = Box(margin, 2 * margin, width - 2 * margin, height - 4 * margin - row)
    lettering.write(draw, prompt, middle)
    if inputs:
        _paste(picture, inputs, Box(margin, height - margin - row, width - 2 * margin, row))
    return _encoded(picture, look)


def _paste(picture: Image.Image, inputs: Sequence[Seen], box: Box) -> None:
    """The inputs side by side, each in the middle of its share of the box."""
    share = box.width // len(inputs)
    for number, one in enumerate(inputs):
        small = one.thumbnail.copy()
        small.thumbnail((max(1, share - share // 10), max(1, box.height)))
        left = box.left + number * share + (share - small.width) // 2
        picture.alpha_composite(small, (left, box.top + (box.height - small.height) // 2))


def _colour(prompt: str) -> tuple[int, int, int]:
    """The same for the same prompt, and dark enough for white letters."""
    hue = hashlib.sha256(prompt.encode()).digest()[0] / 256
    return cast(
        "tuple[int, int, int]",  # map() forgets how many it was given
        tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.7, 0.5)),
    )


def _encoded(picture: Image.Image, look: Look) -> bytes:
    file = io.BytesIO()
    if not look.transparent:
        picture = picture.convert("RGB")
    if look.format == "png":
        # Level 1: 4 times as fast as 6 and hardly larger, as the picture is mostly one colour.
        picture.save(file, "PNG", compress_level=1)
    else:
        picture.save(file, look.format.upper(), quality=look.compression)
    return file.getvalue()
