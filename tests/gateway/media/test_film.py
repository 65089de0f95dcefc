"""What an MP4 says of itself."""

import io
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from gateway.media import film
from gateway.sandbox import videos as sandbox
from tests.gateway.media.pictures import film as small_film

SHIPPED = Path(sandbox.__file__).with_name("film.mp4").read_bytes()


def box(kind: bytes, data: bytes) -> bytes:
    return (len(data) + 8).to_bytes(4) + kind + data


def movie(wide: bool) -> bytes:
    pad = bytes(16 if wide else 8)
    version = b"\x01\0\0\0" if wide else bytes(4)
    header = version + pad + (600).to_bytes(4) + (4500).to_bytes(8 if wide else 4) + bytes(80)
    before = bytes(88 - 4) if wide else bytes(76 - 4)
    shape = (1280).to_bytes(2) + bytes(2) + (720).to_bytes(2) + bytes(2)
    sound = box(b"trak", box(b"tkhd", version + before + bytes(8)))
    picture = box(b"trak", box(b"tkhd", version + before + shape))
    return box(b"ftyp", b"isom") + box(b"moov", box(b"mvhd", header) + sound + picture)


def read(data: bytes) -> film.Film:
    return film.read(io.BytesIO(data), len(data))


@pytest.mark.parametrize("wide", [False, True])
def test_length_and_size_are_read(wide: bool) -> None:
    found = read(movie(wide))

    assert (found.seconds, found.size) == (7.5, "1280x720")


def test_the_sandboxs_film_is_read() -> None:
    found = read(SHIPPED)

    assert (round(found.seconds), found.size) == (2, "320x180")


def test_what_is_not_said_is_not_made_up() -> None:
    assert read(small_film()) == film.Film()
    assert read(b"").size == ""


@given(st.binary(max_size=200), st.integers(0, len(SHIPPED)))
def test_odd_files_never_raise(noise: bytes, at: int) -> None:
    read(noise)
    read(SHIPPED[:at] + noise + SHIPPED[at:])
    read(SHIPPED[:at])
