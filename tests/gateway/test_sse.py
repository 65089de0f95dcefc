"""Server-sent events: any cut, any line ending, the same events."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from gateway import sse

TRANSCRIPT = (
    ": a comment\n\n"
    'data: {"text":"häßlich 你好 🙂"}\n\n'
    "event: message\ndata: first\ndata: second\nid: 7\nretry: 10\n\n"
    "data:no space\n\n"
    "data\n\n"
    "database: not data\n\n"
    "data: [DONE]\n\n"
)
EVENTS = [
    sse.Event(b"", '{"text":"häßlich 你好 🙂"}'.encode()),
    sse.Event(b"message", b"first\nsecond"),
    sse.Event(b"", b"no space"),
    sse.Event(b"", b""),
    sse.Event(b"", b"[DONE]"),
]
ENDINGS = ["\n", "\r\n", "\r"]


def decode(pieces: list[bytes]) -> list[sse.Event]:
    decoder = sse.Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.end()


def bytes_of(ending: str, bom: bytes = b"") -> bytes:
    return bom + TRANSCRIPT.replace("\n", ending).encode()


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("ending", ENDINGS, ids=["lf", "crlf", "cr"])
def test_a_transcript_cut_at_every_byte_gives_the_same_events(ending: str, bom: bytes) -> None:
    data = bytes_of(ending, bom)

    for cut in range(len(data) + 1):
        assert decode([data[:cut], data[cut:]]) == EVENTS, f"cut at {cut}"
    assert decode([data[n : n + 1] for n in range(len(data))]) == EVENTS


@given(st.sampled_from(ENDINGS), st.lists(st.integers(0, len(bytes_of("\r\n")))))
def test_any_cuts_give_the_same_events(ending: str, cuts: list[int]) -> None:
    data = bytes_of(ending)
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})

    assert decode([data[a:b] for a, b in pairwise(edges)]) == EVENTS


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1),
        min_size=1,
    ),
    st.integers(1, 50),
)
def test_what_is_encoded_is_decoded(texts: list[str], size: int) -> None:
    data = b"".join(sse.encode(text.encode()) for text in texts)
    pieces = [data[n : n + size] for n in range(0, len(data), size)]

    assert [event.data.decode() for event in decode(pieces)] == texts


@given(st.binary(), st.integers(1, 7))
def test_no_bytes_at_all_make_it_fail(data: bytes, size: int) -> None:
    whole = decode([data])

    assert decode([data[n : n + size] for n in range(0, len(data), size)]) == whole


def test_an_event_is_there_as_soon_as_its_blank_line_is() -> None:
    decoder = sse.Decoder()

    assert decoder.feed(b"data: a\r") == []
    assert decoder.feed(b"\r") == [sse.Event(b"", b"a")]
    assert decoder.feed(b"\ndata: b\n") == []
    assert decoder.feed(b"\n") == [sse.Event(b"", b"b")]


def test_a_last_event_may_lack_its_blank_line() -> None:
    decoder = sse.Decoder()

    assert decoder.feed(b"data: [DONE]") == []
    assert decoder.end() == [sse.Event(b"", b"[DONE]")]


@pytest.mark.parametrize(
    "piece", [b"x" * 65536, b"data: " + b"x" * 65536 + b"\n"], ids=["one line", "many lines"]
)
def test_an_event_without_end_is_refused(piece: bytes) -> None:
    decoder = sse.Decoder()

    with pytest.raises(sse.EventTooLong):
        for _ in range(sse.MAX_EVENT // 65536 + 2):
            decoder.feed(piece)
