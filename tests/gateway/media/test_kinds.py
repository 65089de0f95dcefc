"""What bytes are: by their beginning, and whether a file is whole."""

import io
import random

import pytest
from hypothesis import given, strategies as st
from PIL import Image

from gateway.media import kinds
from gateway.media.kinds import Kind


def picture(form: str, size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    """A noisy picture, so that its data has every byte value."""
    noise = random.Random(7).randbytes(size[0] * size[1] * 3)
    file = io.BytesIO()
    Image.frombytes("RGB", size, noise).save(file, form, **options)
    return file.getvalue()


def box(name: bytes, content: bytes = b"", *, wide: bool = False, open_end: bool = False) -> bytes:
    if wide:
        return b"\0\0\0\1" + name + (16 + len(content)).to_bytes(8) + content
    length = 0 if open_end else 8 + len(content)
    return length.to_bytes(4) + name + content


RED = Image.new("RGB", (40, 30), "red")
FTYP = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
MOOV = box(b"moov", box(b"mvhd", bytes(100)))
MDAT = box(b"mdat", bytes(range(256)))
MP4 = FTYP + MOOV + MDAT
EBML = (
    b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82"
)
WEBM = EBML + b"\x84webm\x42\x87\x81\x04\x42\x85\x81\x02\x18\x53\x80\x67"

FILES = {
    "png": (kinds.PNG, picture("PNG")),
    "jpeg": (kinds.JPEG, picture("JPEG")),
    "progressive jpeg": (kinds.JPEG, picture("JPEG", progressive=True)),
    "gif": (kinds.GIF, picture("GIF")),
    "moving gif": (kinds.GIF, picture("GIF", save_all=True, append_images=[RED])),
    "webp": (kinds.WEBP, picture("WEBP")),
    "lossless webp": (kinds.WEBP, picture("WEBP", lossless=True)),
    "mp4": (kinds.MP4, MP4),
    "mp4, index last": (kinds.MP4, FTYP + MDAT + MOOV),
    "mp4, wide box": (kinds.MP4, FTYP + MOOV + box(b"mdat", bytes(9), wide=True)),
    "mp4, fragments": (kinds.MP4, FTYP + MOOV + box(b"moof", b"12") + MDAT),
    "mov": (kinds.MOV, box(b"ftyp", b"qt  \0\0\2\0qt  ") + MOOV + MDAT),
    "m4a": (kinds.M4A, box(b"ftyp", b"M4A \0\0\2\0isom") + MOOV + MDAT),
}
WHOLE = pytest.mark.parametrize(("kind", "data"), FILES.values(), ids=FILES)
BEGINNINGS = [
    (kinds.AVIF, box(b"ftyp", b"avif\0\0\0\0avifmif1miaf")),
    (kinds.AVIF, box(b"ftyp", b"mif1\0\0\0\0mif1avif")),
    (kinds.HEIC, box(b"ftyp", b"heic\0\0\0\0mif1heic")),
    (kinds.BMP, picture("BMP")),
    (kinds.TIFF, picture("TIFF")),
    (kinds.TIFF, b"MM\0*\0\0\0\x08"),
    (kinds.WEBM, WEBM),
    (kinds.MKV, EBML + b"\x88matroska"),
    (kinds.PDF, b"%PDF-1.7\n%\xe2\xe3"),
    (kinds.ZIP, b"PK\x03\x04\x14\0"),
    (kinds.MP3, b"ID3\x04\0\0\0\0\x02\x01TSSE"),
    (kinds.MP3, b"\xff\xfb\x90\x64\0\0"),
    (kinds.WAV, b"RIFF\x24\x08\0\0WAVEfmt "),
    (kinds.OGG, b"OggS\0\x02" + bytes(20) + b"\x01\x13OpusHead"),
    (kinds.FLAC, b"fLaC\x80\0\0\x22"),
]
OTHERS = {
    b"": "empty",
    b"<!DOCTYPE html>\n<html>": "an HTML page",
    b"\xef\xbb\xbf\n <!-- x --><HTML lang=en>": "an HTML page",
    b"<html><body><svg></svg>": "an HTML page",
    b'<svg xmlns="http://www.w3.org/2000/svg">': "an SVG drawing",
    b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "">': "an SVG drawing",
    b'{"error": {"message": "no"}}': "JSON",
    b' [1.5e3, {"a": 1': "JSON",
    b"[]": "JSON",
    b"[2024-05-01] a line of a log": "text",
    b"{{ a template }}": "text",
    b"BM stands for British Museum": "text",
    b"ID3 and RIFF": "text",
    "你好".encode()[:-1]: "text",
    b"<?xml version='1.0'?><rss>": "text",
    b"\xff\xfeh\0i\0": "of an unknown kind",
    b"\0\0\0\x18ftypjxl \0\0\0\0jxl ": "of an unknown kind",
    b"RIFF\0\0\0\0AVI LIST": "of an unknown kind",
    EBML: "of an unknown kind",
    bytes(64): "of an unknown kind",
}
CHECKED = [kinds.PNG, kinds.JPEG, kinds.GIF, kinds.WEBP, kinds.MP4, kinds.MOV, kinds.WEBM]


def flaw(data: bytes, kind: Kind) -> str | None:
    return kinds.flaw(io.BytesIO(data), kind, len(data))


@WHOLE
def test_a_whole_file_is_known_and_has_no_flaw(kind: Kind, data: bytes) -> None:
    assert kinds.sniff(data[:64]) == kind
    assert kinds.describe(data[:64]) == kind.type
    assert flaw(data, kind) is None


@WHOLE
def test_a_file_cut_anywhere_has_a_flaw(kind: Kind, data: bytes) -> None:
    whole = [cut for cut in range(len(data)) if flaw(data[:cut], kind) is None]

    assert whole == []


@pytest.mark.parametrize(("kind", "head"), BEGINNINGS)
def test_a_beginning_is_enough(kind: Kind, head: bytes) -> None:
    assert kinds.sniff(head[:64]) == kind


@pytest.mark.parametrize(("head", "words"), OTHERS.items())
def test_what_is_no_media_is_described(head: bytes, words: str) -> None:
    assert kinds.sniff(head) is None
    assert kinds.describe(head) == words


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (kinds.PNG, b"", "it is empty"),
        (kinds.PNG, picture("PNG")[:-13], "it ends in the middle of a picture"),
        (kinds.PNG, picture("PNG").replace(b"IHDR", b"IHD\0"), "its chunks are damaged"),
        (kinds.PNG, picture("PNG").replace(b"IDAT", b"idAT"), "it has no picture data"),
        (kinds.GIF, picture("GIF") + b"<html>", "it goes on behind its end"),
        (kinds.GIF, b"GIF89a" + bytes(20), "its blocks are damaged"),
        (kinds.WEBP, b"RIFF\0\0\0\0WEBP", "it has no picture data"),
        (kinds.MP4, FTYP + MOOV, "it has no media data (mdat)"),
        (kinds.MP4, FTYP + MDAT, "it has no index (moov)"),
        (kinds.MP4, MP4 + box(b"moof"), "it has no media data (mdat)"),
        (kinds.MP4, MP4 + b"\0\0\0\7free", "its boxes are damaged"),
        (kinds.MP4, MP4 + b"\0\0\0\1free" + bytes(8), "its boxes are damaged"),
        (kinds.MP4, MP4 + b"\0\0\0\1free" + b"\xff" * 8, "it ends in the middle of a box"),
        (kinds.WEBM, WEBM[:20], "it ends in the middle of a header"),
        (kinds.WEBM, EBML[:4] + bytes(20), "it ends in the middle of a header"),
        (kinds.WEBM, bytes(40), "its header is missing"),
    ],
)
def test_a_flaw_is_named(kind: Kind, data: bytes, words: str) -> None:
    assert flaw(data, kind) == words


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (kinds.JPEG, picture("JPEG") + b"\0" * 5000),
        (kinds.JPEG, picture("JPEG") + picture("JPEG")),
        (kinds.GIF, picture("GIF") + b"\0" * 100_000),
        (kinds.PNG, picture("PNG") + b"\n"),
        (kinds.WEBP, picture("WEBP") + b"\0"),
        (kinds.MP4, FTYP + MOOV + box(b"mdat", bytes(9), open_end=True)),
        (kinds.WEBM, WEBM),
        (kinds.PDF, b"%PDF-"),
    ],
)
def test_what_decoders_accept_is_no_flaw(kind: Kind, data: bytes) -> None:
    assert flaw(data, kind) is None


def test_the_end_of_a_thumbnail_is_not_the_end_of_its_picture() -> None:
    thumbnail = picture("JPEG", (8, 8))
    whole = picture("JPEG")
    whole = whole[:2] + b"\xff\xe1" + (2 + len(thumbnail)).to_bytes(2) + thumbnail + whole[2:]

    assert flaw(whole, kinds.JPEG) is None
    assert flaw(whole[:-2], kinds.JPEG) == "it ends in the middle of a picture"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (kinds.PNG, picture("PNG")[:33] + b"\0\0\0\0teXt\0\0\0\0" * 20),
        (kinds.JPEG, b"\xff\xd8" + b"\xff" * 50),
        (kinds.GIF, b"GIF89a" + bytes(7) + b"!\xfe" + b"\1a" * 20),
        (kinds.MP4, MP4 + box(b"free") * 20),
    ],
)
def test_a_file_of_ever_more_parts_is_given_up(
    kind: Kind, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kinds, "MOST_PARTS", 10)

    assert "more than" in (flaw(data, kind) or "")


@given(
    st.sampled_from([b"", *(whole[:40] for _, whole in FILES.values())]),
    st.binary(max_size=300),
    st.integers(-1, 2**70),
)
def test_no_bytes_make_it_fail(start: bytes, rest: bytes, size: int) -> None:
    data = start + rest

    kinds.sniff(data)
    assert kinds.describe(data)
    for kind in CHECKED:
        flaw(data, kind)
        kinds.flaw(io.BytesIO(data), kind, size)


@given(st.data())
def test_damage_anywhere_does_not_make_it_fail(data: st.DataObject) -> None:
    kind, whole = data.draw(st.sampled_from([*FILES.values()]))
    at = data.draw(st.integers(0, len(whole) - 1))

    flaw(whole[:at] + data.draw(st.binary(max_size=8)) + whole[at + 1 :], kind)
