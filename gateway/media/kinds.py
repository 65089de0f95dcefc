"""What a file's bytes are, and whether the file is whole. Pure, but for reading the file.

Upstreams name the wrong type often enough (a JPEG called image/png, an error page behind a
download link), so only the bytes count. Nothing here decodes a picture: it follows the lengths
that a container states, which is what a download cut short breaks.
"""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Literal

Family = Literal["image", "video", "audio", "document", "text"]
HEAD = 512  # bytes that are enough for sniff() and describe(); 64 are the least
MOST_PARTS = 2**20  # chunks, boxes or blocks that are followed in one file
_TAIL = 64 * 2**10
_CUT = "it ends in the middle of a {}"
_MANY = f"it has more than {MOST_PARTS} parts"


@dataclass(frozen=True)
class Kind:
    """A kind of file: its media type, the extension it is stored under, its family."""

    type: str
    extension: str
    family: Family


PNG = Kind("image/png", ".png", "image")
JPEG = Kind("image/jpeg", ".jpg", "image")
GIF = Kind("image/gif", ".gif", "image")
WEBP = Kind("image/webp", ".webp", "image")
AVIF = Kind("image/avif", ".avif", "image")
HEIC = Kind("image/heic", ".heic", "image")
BMP = Kind("image/bmp", ".bmp", "image")
TIFF = Kind("image/tiff", ".tiff", "image")
MP4 = Kind("video/mp4", ".mp4", "video")
MOV = Kind("video/quicktime", ".mov", "video")
WEBM = Kind("video/webm", ".webm", "video")
MKV = Kind("video/x-matroska", ".mkv", "video")
M4A = Kind("audio/mp4", ".m4a", "audio")
MP3 = Kind("audio/mpeg", ".mp3", "audio")
WAV = Kind("audio/wav", ".wav", "audio")
OGG = Kind("audio/ogg", ".ogg", "audio")
FLAC = Kind("audio/flac", ".flac", "audio")
PDF = Kind("application/pdf", ".pdf", "document")
ZIP = Kind("application/zip", ".zip", "document")

_STARTS = (
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"%PDF-", PDF),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),
    (b"OggS\0", OGG),
    (b"fLaC", FLAC),
)
_BRANDS: dict[bytes, Kind] = {
    **dict.fromkeys((b"avif", b"avis"), AVIF),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), HEIC),
    **dict.fromkeys((b"M4A ", b"M4B "), M4A),
    b"qt  ": MOV,
    **dict.fromkeys((b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7"), MP4),
    **dict.fromkeys((b"iso8", b"iso9", b"mp41", b"mp42", b"avc1", b"hvc1", b"av01"), MP4),
    **dict.fromkeys((b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"dash", b"cmfc", b"f4v "), MP4),
    **dict.fromkeys((b"3gp4", b"3gp5", b"3gp6", b"3gp7", b"3g2a", b"mmp4"), MP4),
}
_DIB_SIZES = {12, 40, 52, 56, 64, 108, 124}
_EBML = b"\x1a\x45\xdf\xa3"

_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|script)\b")
_SVG = re.compile(rb"<(?:!doctype\s+)?svg\b")
_JSON = re.compile(
    rb"""\{\s*(?:["}]|\Z)
    | \[\s*(?:["{\[\]]|\Z)
    | \[\s*(?:-?\d[\d.e+-]*|true|false|null)\s*(?:,|\]?\s*\Z)""",
    re.VERBOSE,
)
_CONTROL = re.compile(r"[\0-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


def sniff(head: bytes) -> Kind | None:
    """The kind of file that begins with `head` (64 bytes or more), None if it is none of ours.

    SVG is no image here: it can carry scripts.
    """
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": WEBP, b"WAVE": WAV}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _brand(head)
    if head.startswith(_EBML):
        return WEBM if b"webm" in head[:64] else MKV if b"matroska" in head[:64] else None
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _DIB_SIZES:
        return BMP
    return MP3 if _is_mp3(head) else None


def _brand(head: bytes) -> Kind | None:
    """By the brands of a `ftyp` box: the major one first, then those it is compatible with."""
    end = min(int.from_bytes(head[:4]), len(head))
    for at in (8, *range(16, end - 3, 4)):
        kind = _BRANDS.get(head[at : at + 4])
        if kind is not None:
            return kind
    return None


def _is_mp3(head: bytes) -> bool:
    if head[:3] == b"ID3":
        return len(head) >= 10 and head[3] in (2, 3, 4) and all(b < 128 for b in head[6:10])
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:  # frame sync, layer III
        return False
    reserved_version = head[1] & 0x18 == 0x08
    return not reserved_version and head[2] >> 4 not in (0, 15) and head[2] & 0x0C != 0x0C


def describe(head: bytes) -> str:
    """What `head` is, to end a sentence with: "The file is …"."""
    if not head:
        return "empty"
    kind = sniff(head)
    if kind is not None:
        return kind.type
    start = head[:1024].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if start.startswith(b"<") and (svg := _SVG.search(start)):
        html = _HTML.search(start)
        return "an SVG drawing" if html is None or svg.start() < html.start() else "an HTML page"
    if start.startswith(b"<") and _HTML.search(start):
        return "an HTML page"
    if not _is_text(head):
        return "of an unknown kind"
    return "JSON" if _JSON.match(start) else "text"


def _is_text(head: bytes) -> bool:
    try:
        text, _ = codecs.utf_8_decode(head, "strict", False)  # a character may be cut at the end
    except UnicodeDecodeError:
        return False
    return not _CONTROL.search(text)


def flaw(file: BinaryIO, kind: Kind, size: int) -> str | None:
    """Why the file of `size` bytes is not whole, such as "it ends in the middle of a picture".

    None if it is whole as far as its structure tells. It reads lengths and skips what they
    cover, so it takes neither memory nor much time; the file's position moves.
    """
    size = min(size, file.seek(0, 2))
    if size <= 0:
        return "it is empty"
    check = _CHECKS.get(kind.type)
    return check(file, size) if check else None


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)


def _png(file: BinaryIO, size: int) -> str | None:
    at, seen = 8, set[bytes]()
    for _ in range(MOST_PARTS):
        header = _read(file, at, 8)
        name = header[4:]
        at += 12 + int.from_bytes(header[:4])
        if len(header) < 8 or at > size:
            return _CUT.format("picture")
        if not name.isalpha() or (not seen and name != b"IHDR"):
            return "its chunks are damaged"
        if name == b"IEND":
            return None if b"IDAT" in seen else "it has no picture data"
        seen.add(name if name in (b"IHDR", b"IDAT") else b"")
    return _MANY


def _jpeg(file: BinaryIO, size: int) -> str | None:
    """Its end is looked for behind the headers, whose thumbnail has an end of its own."""
    at = 2
    for _ in range(MOST_PARTS):
        header = _read(file, at, 4)
        if len(header) < 4 or at > size:
            return _CUT.format("picture")
        if header[0] != 0xFF or header[1] == 0xDA:
            break
        at += 1 if header[1] == 0xFF else 2 + int.from_bytes(header[2:])
    else:
        return _MANY
    tail = _read(file, max(at, size - _TAIL), _TAIL)
    return None if b"\xff\xd9" in tail else _CUT.format("picture")


def _gif(file: BinaryIO, size: int) -> str | None:
    """Block by block: the byte that ends a GIF also occurs inside of its pictures."""
    at, in_data = 13 + _colours(_read(file, 10, 1)), False
    for _ in range(MOST_PARTS):
        block = _read(file, at, 10)
        if not block or at > size:
            return _CUT.format("picture")
        if in_data:
            at += 1 + block[0]
            in_data = block[0] != 0
        elif block[0] == 0x2C:
            at += 11 + _colours(block[9:])
            in_data = True
        elif block[0] == 0x21:
            at += 2
            in_data = True
        elif block[0] == 0x3B:
            return _only_zeros(file, at + 1)
        else:
            return "its blocks are damaged"
    return _MANY


def _colours(flags: bytes) -> int:
    """The length of the colour table that a GIF's flags announce."""
    return 3 * 2 ** ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _only_zeros(file: BinaryIO, at: int) -> str | None:
    file.seek(at)
    while piece := file.read(_TAIL):
        if piece.strip(b"\0"):
            return "it goes on behind its end"
    return None


def _webp(file: BinaryIO, size: int) -> str | None:
    header = _read(file, 0, 12)
    stated = int.from_bytes(header[4:8], "little")
    if len(header) < 12 or 8 + stated > size:
        return _CUT.format("picture")
    return None if stated >= 12 else "it has no picture data"


def _mp4(file: BinaryIO, size: int) -> str | None:
    """A film in fragments that is cut between two of them cannot be told from a whole one."""
    at, name, seen = 0, b"", set[bytes]()
    for _ in range(MOST_PARTS):
        if at == size:
            break
        header = _read(file, at, 16)
        name, length, least = header[4:8], int.from_bytes(header[:4]), 8
        if length == 1:
            length, least = int.from_bytes(header[8:]), 16
        elif length == 0:
            length = size - at
        if len(header) < least or at + length > size:
            return _CUT.format("box")
        if length < least:
            return "its boxes are damaged"
        if name in (b"moov", b"mdat"):
            seen.add(name)
        at += length
    else:
        return _MANY
    missing = {b"moov", b"mdat"} - seen
    if b"moov" in missing:
        return "it has no index (moov)"
    return "it has no media data (mdat)" if missing or name == b"moof" else None


def _webm(file: BinaryIO, size: int) -> str | None:
    header = _read(file, 0, 12)
    if not header.startswith(_EBML) or len(header) < 12:
        return "its header is missing"
    width = 9 - header[4].bit_length()  # of the length, in bytes
    length = int.from_bytes(header[4 : 4 + width]) & (1 << 7 * width) - 1
    if width > 8 or 4 + width + length >= size:
        return _CUT.format("header")
    return None


_CHECKS: dict[str, Callable[[BinaryIO, int], str | None]] = {
    PNG.type: _png,
    JPEG.type: _jpeg,
    GIF.type: _gif,
    WEBP.type: _webp,
    MP4.type: _mp4,
    MOV.type: _mp4,
    M4A.type: _mp4,
    WEBM.type: _webm,
    MKV.type: _webm,
}
