"""Text on a picture: wrapped, centred, as large as fits; what no font has, as its code point.

Pillow's own font has no more than English letters. For the rest the usual fonts of a system are
tried; a character that none of them has is drawn as a box with its code point in it, as browsers
do, rather than as nothing.
"""

import functools
import re
from dataclasses import dataclass

from PIL import ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

MAX_TEXT = 1000  # characters that are drawn; a prompt may be of 32,000
MIN_SIZE = 10  # pixels; smaller letters are not readable
_FONTS = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",  # Debian, Ubuntu: fonts-dejavu-core
    "/usr/share/fonts/TTF/DejaVuSans.ttf",  # Arch
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",  # Fedora
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",  # Debian, Ubuntu: fonts-noto-cjk
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",  # Arch
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",  # Fedora
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "/System/Library/Fonts/STHeiti Light.ttc",
    "C:/Windows/Fonts/msyh.ttc",
)
_NO_CHARACTER = "\uffff"  # never assigned: what a font draws for it, it draws for all it lacks
_WORD = re.compile(r"\s*(?:[\u2e80-\uffff]|[^\s\u2e80-\uffff]+)")
_PROBED = 20  # pixels; large enough to tell a letter from the sign for a missing one
_WHITE = "white"
_LINE = 1.25  # line height, in sizes of the letters
_SIZES = (8, 10, 13, 16, 20, 26, 34)  # sizes tried, as parts of the smaller side


@dataclass(frozen=True, slots=True)
class Box:
    """Where to write, in pixels."""

    left: int
    top: int
    width: int
    height: int


def label(draw: ImageDraw.ImageDraw, text: str, place: tuple[int, int], size: int) -> None:
    """Write one line of white letters, `place` being its upper left corner."""
    _write_line(draw, text, place, max(size, MIN_SIZE))


def write(draw: ImageDraw.ImageDraw, text: str, box: Box) -> None:
    """Write in white into the middle of `box`, as large as fits; what is left is an ellipsis."""
    text = text.strip()
    shown = text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
    size, lines = _fitted(shown, box)
    top = box.top + (box.height - len(lines) * size * _LINE) / 2
    for number, line in enumerate(lines):
        left = box.left + (box.width - _width(line, size)) / 2
        _write_line(draw, line, (left, top + number * size * _LINE), size)


def _fitted(text: str, box: Box) -> tuple[int, list[str]]:
    """The largest size at which the text fits into the box, and its lines then."""
    side = min(box.width, box.height)
    size = MIN_SIZE
    for part in _SIZES:
        size = max(side // part, MIN_SIZE)
        lines = _lines(text, size, box.width)
        if len(lines) * size * _LINE <= box.height:
            return size, lines
    most = int(box.height / (size * _LINE))
    return size, [*lines[: most - 1], f"{lines[most - 1][:-1]}…"] if most else []


def _lines(text: str, size: int, width: int) -> list[str]:
    lines = []
    for paragraph in text.splitlines():
        line = ""
        for word in _WORD.findall(paragraph):
            if line and _width(line + word, size) > width:
                lines.append(line)
                line, word = "", word.lstrip()
            line += word
            while len(line) > 1 and _width(line, size) > width:
                fits = max(1, _fitting(line, size, width))
                lines.append(line[:fits])
                line = line[fits:]
        lines.append(line)
    return lines


def _fitting(word: str, size: int, width: int) -> int:
    """How many of its first characters fit into a line."""
    used = 0.0
    for number, character in enumerate(word):
        used += _advance(character, size)
        if used > width:
            return number
    return len(word)


def _width(text: str, size: int) -> float:
    return sum(_advance(character, size) for character in text)


@functools.lru_cache(4096)
def _advance(character: str, size: int) -> float:
    font = _font_of(character, size)
    return font.getlength(character) if font else size


def _write_line(
    draw: ImageDraw.ImageDraw, line: str, place: tuple[float, float], size: int
) -> None:
    left, top = place
    for character in line:
        font = _font_of(character, size)
        if font:
            draw.text((left, top + size), character, _WHITE, font, anchor="ls")
        else:
            _write_code(draw, character, (left, top), size)
        left += _advance(character, size)


def _write_code(
    draw: ImageDraw.ImageDraw, character: str, place: tuple[float, float], size: int
) -> None:
    """The code point as hexadecimal digits, in two rows within a box."""
    left, top = place
    edge = max(1, size // 24)
    corners = (left + edge, top + size * 0.15, left + size - edge, top + size * 1.1)
    draw.rectangle(corners, outline=_WHITE)
    code = f"{ord(character):04X}"
    half = (len(code) + 1) // 2
    font = _own(max(4, round(size * 0.36)))
    for row, digits in enumerate((code[:half], code[half:])):
        middle = (left + size / 2, top + size * (0.42 + 0.4 * row))
        draw.text(middle, digits, _WHITE, font, anchor="mm")


def _font_of(character: str, size: int) -> FreeTypeFont | None:
    """The font that has this character; None if none has."""
    path = _path_of(character)
    return None if path is None else _font(path, size)


@functools.lru_cache(4096)
def _path_of(character: str) -> str | None:
    """Where the first font is that has this character, "" being Pillow's own; None if none has."""
    if character.isspace():
        return ""
    for path in ("", *_FONTS):
        font = _font(path, _PROBED)
        if font and _drawn(font, character) != _drawn(font, _NO_CHARACTER):
            return path
    return None


def _drawn(font: FreeTypeFont, character: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(character)
    return mask.size, bytes(mask)


@functools.lru_cache(256)
def _font(path: str, size: int) -> FreeTypeFont | None:
    """The font at this path, "" being Pillow's own; None if it is not installed."""
    if not path:
        return _own(size)
    try:
        return ImageFont.truetype(path, size)
    except OSError:
        return None


@functools.lru_cache(64)
def _own(size: int) -> FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, FreeTypeFont):
        raise TypeError("Pillow was built without FreeType; the sandbox's pictures need it.")
    return font
