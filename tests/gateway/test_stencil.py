"""Events that are alike: put right without parsing, and never other than by parsing."""

import itertools
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from gateway.faces.openai import OPENAI
from gateway.protocols.openai import OpenAI
from gateway.protocols.openai_stream import OpenAIReader
from gateway.relay import Stream, _Pump, _said
from gateway.shapes import Reply
from gateway.sse import Decoder, Event, encode
from gateway.stencil import MOST_MISSES, Stencil
from platforms.routes import Dialect
from tests.gateway.protocols.test_dialect import route

REPLY = Reply("foaicmpl-1", "asked", 1_767_225_600)


def stream(stencil: Stencil | None, dialect: Dialect | None = None) -> Stream:
    reader = OpenAIReader(REPLY, shows_usage=False, dialect=dialect or Dialect())
    nothing: Any = None
    return Stream(reader, OPENAI.chunk, [], Decoder(), nothing, stencil)


def event(content: Any, index: int = 0, **over: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": {"content": content}, "logprobs": None}
    choice["finish_reason"] = None
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return {**chunk, "choices": [choice], "usage": None, **over}


def both_ways(datas: list[bytes]) -> tuple[Stream, Stream]:
    """A stream of these events with a stencil and one without, which must have said the same."""
    quick, slow = stream(Stencil()), stream(None)
    for data in datas:
        assert _said(quick, [Event(b"", data)]) == _said(slow, [Event(b"", data)])
        assert str(quick.failure) == str(slow.failure)
        for name in ("text_length", "finished", "done", "usage", "recall"):
            assert getattr(quick.reader, name) == getattr(slow.reader, name)
    return quick, slow


class Taking:
    """A client and a watch that take everything, and a pump between a stream and them."""

    def __init__(self, given: Stream) -> None:
        self.written: list[bytes] = []
        both: Any = self
        self._pump = _Pump(given, both, both)

    def take(self, pieces: list[bytes]) -> bytes:
        """What has gone out, or is about to, after these pieces of a body."""
        for piece in pieces:
            if not self._pump._take(piece):
                break
        return b"".join(self.written) + self._pump.pending

    def write_now(self, data: bytes) -> bool:
        self.written.append(data)
        return True

    def touch(self) -> None:
        """The watch's."""

    sent = touch


def fills(stencil: Stencil | None, data: bytes) -> bool:
    assert stencil is not None
    return stencil.fill(encode(data)) is not None


ROLE = orjson.dumps(
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}], "created": 1}
)
TEXTS = ["Hello", " world", "", "你好", "🎈", "\n", 'a "quote"', "back\\slash", "\u00a0", "\u2028"]


def test_what_differs_in_its_text_only_is_not_parsed() -> None:
    quick, _ = both_ways([ROLE, *(orjson.dumps(event(text)) for text in TEXTS)])

    assert fills(quick.stencil, orjson.dumps(event(" more")))
    assert fills(quick.stencil, orjson.dumps(event("再见")))


@pytest.mark.parametrize(
    "other",
    [
        event("x", index=1),
        event("x", id="chatcmpl-2"),
        event("x", usage={"prompt_tokens": 1, "completion_tokens": 2}),
        event("x", error={"message": "broken"}),
        event("x", choices=[]),
        event("x", choices=[{"index": 0, "delta": {"content": "x", "refusal": "no"}}]),
        event("x", choices=[{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]),
        event('"},"finish_reason":"stop'),
        event(None),
        event(["parts"]),
    ],
    ids=lambda one: orjson.dumps(one).decode()[60:],
)
def test_what_differs_in_anything_else_is_parsed(other: dict[str, Any]) -> None:
    quick, _ = both_ways([ROLE, orjson.dumps(event("Hello"))])
    data = orjson.dumps(other)

    assert not fills(quick.stencil, data)
    both_ways([ROLE, orjson.dumps(event("Hello")), data, orjson.dumps(event(" world"))])


@pytest.mark.parametrize("odd", [b"\xff", b"\x01", b"\t", b"\xed\xa0\x80"])
def test_a_text_that_no_json_may_hold_is_refused_as_ever(odd: bytes) -> None:
    plain = orjson.dumps(event("Hello"))
    quick, slow = both_ways([ROLE, plain, plain.replace(b"Hello", odd)])

    assert quick.failure is not None
    assert slow.failure is not None


def test_a_text_that_ends_where_it_should_not_is_parsed() -> None:
    plain = orjson.dumps(event("Hello"))

    both_ways([ROLE, plain, plain.replace(b"Hello", b'x"},"delta":{"content":"y')])
    both_ways([ROLE, plain, plain.replace(b'"Hello"', b'"')])


@pytest.mark.parametrize(
    "twice",
    [
        event("Hello", note="Hello"),
        event("Hello", note={"delta": {"content": "Hello"}}),
        event("id"),
        event("content"),
    ],
)
def test_a_text_that_stands_elsewhere_too_is_no_stencil(twice: dict[str, Any]) -> None:
    data = orjson.dumps(twice)
    quick, _ = both_ways([ROLE, data])

    assert not fills(quick.stencil, data)
    both_ways([ROLE, data, orjson.dumps({**twice, "note": "another"}), data])


def test_the_same_text_in_another_place_only_is_no_stencil() -> None:
    # Spelt in another way where it counts, so that only the id, which no client sees, is found.
    data = orjson.dumps(event("CONTENT", id="é")).replace(b"CONTENT", b"\\u00e9")

    quick, _ = both_ways([ROLE, data])

    assert not fills(quick.stencil, data.replace("é".encode(), b"x"))


def test_a_text_that_is_part_of_the_json_around_it_is_no_stencil() -> None:
    data = orjson.dumps(event("CONTENT")).replace(b"CONTENT", b"\\u002c ")
    spaced = data.replace(b'","', b'", "', 1)
    assert spaced.count(b'", "') == 1

    quick, _ = both_ways([ROLE, spaced, spaced])

    assert quick.failure is None


def test_what_the_reader_takes_note_of_each_time_is_no_stencil() -> None:
    used = [{"prompt_tokens": 1, "completion_tokens": count} for count in (1, 2)]
    told = orjson.dumps(event("Hello", usage=used[0]))

    both_ways([ROLE, told, orjson.dumps(event("x", choices=[], usage=used[1])), told])
    both_ways([ROLE, orjson.dumps(event("Hello", x_groq={"usage": used[0]})), told])


def test_a_text_that_is_tried_in_its_own_place_proves_nothing() -> None:
    data = orjson.dumps(event("CONTENT", id="probe")).replace(b"CONTENT", b"\\u0070robe")

    both_ways([ROLE, data, data.replace(b'"probe"', b'"another"')])


def test_an_event_of_several_lines_is_no_stencil() -> None:
    lines = orjson.dumps(event("Hello")).replace(b'"choices"', b'\n"choices"')
    quick, _ = both_ways([ROLE, lines])

    assert not fills(quick.stencil, lines)


def test_before_a_choice_has_begun_nothing_is_learnt() -> None:
    """The first event of a choice brings its role, which the others have not."""
    quick, _ = both_ways([orjson.dumps(event("Hello"))])

    assert not fills(quick.stencil, orjson.dumps(event("Hello")))


def test_events_that_are_never_alike_are_soon_left_alone() -> None:
    padded = [orjson.dumps(event("Hello", obfuscation="x" * count)) for count in range(1, 20)]
    quick, _ = both_ways([ROLE, *padded[: MOST_MISSES + 1]])

    both_ways([ROLE, *padded])
    late = orjson.dumps(event("Hello"))
    assert quick.stencil is not None
    assert _said(quick, [Event(b"", late)])
    assert not fills(quick.stencil, late)


def test_one_that_fits_gives_another_chance_to_those_that_do_not() -> None:
    datas = [
        orjson.dumps(event(f"word {number}", created=second))
        for second in range(3 * MOST_MISSES)
        for number in range(2)
    ]
    quick, _ = both_ways([ROLE, *datas])

    assert fills(quick.stencil, datas[-1])


def test_thoughts_within_the_text_are_never_left_unread() -> None:
    chat = {"model": "public", "messages": []}

    thinks = OpenAI().chat(chat, route(reasoning_out="think"))
    usual = OpenAI().chat(chat, route())

    assert (thinks.alike, usual.alike) == (False, True)


CONTENTS = st.one_of(st.text(max_size=8), st.sampled_from(TEXTS), st.none())
EVENTS = st.builds(
    event,
    CONTENTS,
    index=st.integers(0, 1),
    created=st.sampled_from([1, 2]),
    system_fingerprint=st.sampled_from(["a", "Hello", " world"]),
)
SPELT = st.sampled_from([orjson.dumps, lambda one: orjson.dumps(one, option=orjson.OPT_SORT_KEYS)])


@given(st.lists(st.tuples(EVENTS, SPELT), max_size=12))
def test_a_stencil_never_changes_what_is_said(events: list[tuple[dict[str, Any], Any]]) -> None:
    both_ways([ROLE, *(spelt(one) for one, spelt in events)])


@given(
    st.lists(st.tuples(EVENTS, SPELT), max_size=12),
    st.lists(st.integers(1, 400), max_size=12),
    st.sampled_from([b"data: %b\n\n", b"data:%b\n\n", b"data: %b\r\n\r\n", b": \n\ndata: %b\n\n"]),
)
def test_nor_does_it_however_the_bytes_are_framed_and_cut(
    events: list[tuple[dict[str, Any], Any]], cuts: list[int], frame: bytes
) -> None:
    framed = [frame % data for data in (ROLE, *(spelt(one) for one, spelt in events))]
    body = b"".join(framed)
    ends = [0, *sorted({min(cut, len(body)) for cut in cuts}), len(body)]
    cut = [body[start:end] for start, end in itertools.pairwise(ends) if start < end]
    quick = stream(Stencil()), stream(Stencil())
    slow = stream(None)

    said = Taking(slow).take([body])

    for one, pieces in zip(quick, (framed, cut), strict=True):
        assert Taking(one).take(pieces) == said
        assert one.reader.text_length == slow.reader.text_length
        assert str(one.failure) == str(slow.failure)


def test_one_event_in_a_piece_is_not_even_told_apart() -> None:
    framed = [b"data: %b\n\n" % orjson.dumps(event(text)) for text in ("Hello", " wor", "ld")]
    quick = stream(Stencil())
    taking = Taking(quick)
    taking.take([b"data: %b\n\n" % ROLE, framed[0]])

    quick.decoder.feed = None  # type: ignore[method-assign, assignment] # so it cannot be asked

    assert taking.take(framed[1:]).count(b"data: ") == 4
