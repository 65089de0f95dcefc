"""Long strings out of JSON and base64 out of them: any cut, nothing lost, nothing made up."""

import base64
import io
import json
from itertools import pairwise
from typing import Any, BinaryIO

import pytest
from hypothesis import example, given, strategies as st

from gateway.media import spill
from gateway.media.spill import NotBase64, Spill, TooLong, decode

LONGEST = 20
CUTS = st.lists(st.integers(0, 2000), max_size=30)
# Surrogates (lone ones too), runs of backslashes and its own mark are where it can go wrong.
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=[])),
    st.text('\ud83d\ude00😀\\/"\n\x00éabud', max_size=80),
    st.text("\\", max_size=80),
    st.integers(0, 3).map("spilled:{}".format),
    st.integers(1, 300).map(lambda n: "aé" * n),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(TEXTS, inner, max_size=6),
    max_leaves=20,
)
ENCODED = base64.b64encode(bytes(range(256)))


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    return [data[a:b] for a, b in pairwise(edges)]


def spilled(pieces: list[bytes], longest: int = LONGEST, **bounds: int) -> tuple[bytes, list[str]]:
    """The document that is left, and what the files hold."""
    spill = Spill(io.BytesIO, longest=longest, **bounds)
    for piece in pieces:
        spill.feed(piece)
    document = spill.end()
    return document, [file.read().decode("utf-8", "surrogatepass") for file in spill.files]


def put_back(value: Any, texts: list[str]) -> Any:
    if isinstance(value, dict):
        return {put_back(key, texts): put_back(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [put_back(item, texts) for item in value]
    if isinstance(value, str) and value.startswith("spilled:"):
        return texts[int(value.removeprefix("spilled:"))]
    return value


def decoded(text: bytes, most: int = 10**6) -> bytes:
    target = io.BytesIO()
    count = decode(io.BytesIO(text), target, most=most)
    assert count == len(target.getvalue())
    return target.getvalue()


@given(VALUES, CUTS, st.booleans(), st.integers(0, 40))
@example(["spilled:0", "x" * 30, "spilled:1"], [], False, LONGEST)
@example({"s" * 30: 1, "t" * 30: {"": "😀" * 9}}, [*range(200)], False, 1)
def test_with_its_files_put_back_it_is_the_same_value(
    value: Any, cuts: list[int], slashes: bool, longest: int
) -> None:
    data = json.dumps(value).replace("/", r"\/" if slashes else "/").encode()

    document, texts = spilled(pieces_of(data, cuts), longest)

    assert put_back(json.loads(document), texts) == json.loads(data)
    assert spilled([data], longest) == (document, texts), "the cuts must not matter"


@given(VALUES, CUTS)
def test_unescaped_characters_may_be_cut(value: Any, cuts: list[int]) -> None:
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")  # no lone surrogates

    document, texts = spilled(pieces_of(data, cuts))

    assert put_back(json.loads(document), texts) == json.loads(data)


@pytest.mark.parametrize(
    "text",
    [
        r"data:image\/png;base64,iVBORw0KGgo\/\/8=",
        r"\ud83d\ude00\uD83D\uDE00 \ud83d\ud83d\ude00\ud83dx\ude00\ud83d\n\\ud83d\ude00 \ud83d",
        r"\\\\\\\\\\\\\\\\\\\\\\\\\\\"\\",
        'é😀\\u00e9\\"\\\\\\/\\b\\f\\n\\r\\t😀',
    ],
)
def test_a_string_cut_at_any_two_places(text: str) -> None:
    data = f'["{text}"]'.encode()
    left = b'["spilled:0"]', json.loads(data)

    for longest in (0, 5, 12):
        for first in range(len(data)):
            for second in range(first, len(data), 5):
                assert spilled(pieces_of(data, [first, second]), longest) == left
        assert spilled([data[n : n + 1] for n in range(len(data))], longest) == left


def test_only_what_is_longer_than_the_longest_is_spilled() -> None:
    document, texts = spilled([b'["12345", "123456", "spilled:9", "\\u0073pilled:", "spill"]'], 14)
    assert document == b'["12345", "123456", "spilled:0", "spilled:1", "spill"]'
    assert texts == ["spilled:9", "spilled:"]

    document, texts = spilled([b'["12345", "123456"]'], 5)
    assert document == b'["12345", "spilled:0"]'
    assert texts == ["123456"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" \n",
        b'<html lang="a' + b"x" * 50 + b'"> "',
        b'error: "' + b"x" * 50,
        b'{"a": "cut',
        b'{"a": "cut\\',
        b"{not json}",
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_json_stays_as_it_is(text: bytes) -> None:
    assert spilled([text]) == (text, [])
    assert spilled([text[n : n + 1] for n in range(len(text))]) == (text, [])


@pytest.mark.parametrize(
    "text",
    [
        b"x" * 50,
        rb"x\q" * 50 + b'"}',
        rb"\u12x4" + b"x" * 50 + b'"}',
        b"x" * 50 + b'\\u12"}',
        b"x\n" * 50 + b'"}',
        b"\xff" * 50 + b'"}',
        b"x" * 50 + b'\xc3"}',
    ],
)
def test_a_broken_long_string_breaks_the_document(text: bytes) -> None:
    for pieces in ([b'{"a": "' + text], [b'{"a": "', *pieces_of(text, [*range(300)])]):
        document, _ = spilled(pieces)

        assert document.startswith(b'{"a": "spilled:0')
        with pytest.raises(ValueError, match=r"Invalid|Unterminated"):
            json.loads(document)


def test_the_document_and_its_files_are_bounded() -> None:
    assert spilled([b'["', b"x" * 10**6, b'"]'], most=13)[0] == b'["spilled:0"]'
    with pytest.raises(TooLong, match="exceeds 12 bytes"):
        spilled([b'["', b"x" * 10**6, b'"]'], most=12)
    with pytest.raises(TooLong):
        spilled([b"<html>" * 10], most=59)
    with pytest.raises(TooLong):
        spilled([b'["x'], most=2)
    with pytest.raises(TooLong, match="more than 2 long strings"):
        spilled([json.dumps(["x" * 50] * 3).encode()], most_files=2)


def test_closing_closes_every_file() -> None:
    made: list[io.BytesIO] = []

    def make_file() -> BinaryIO:
        made.append(io.BytesIO())
        return made[-1]

    spill = Spill(make_file, longest=1)
    spill.feed(b'["abc", "def", "unfinished')
    spill.close()

    assert [file.closed for file in made] == [True, True, True]


@given(
    st.binary(min_size=1, max_size=300),
    st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
    st.booleans(),
    st.sampled_from([b"", b"data:image/png;base64,", b"DATA:;BASE64,"]),
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
    CUTS,
)
def test_what_is_encoded_is_decoded(
    content: bytes, encode: Any, padded: bool, prefix: bytes, line_end: bytes, breaks: list[int]
) -> None:
    text = encode(content) if padded else encode(content).rstrip(b"=")

    assert decoded(prefix + line_end.join(pieces_of(text, breaks))) == content


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1023, 1025])
def test_the_size_of_the_pieces_does_not_matter(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "PIECE", size)
    content = bytes(range(256)) * 20 + b".."

    for text in (base64.b64encode(content), base64.encodebytes(content)):
        assert decoded(b"data:video/mp4;base64," + text) == content
        with pytest.raises(NotBase64, match=f"more after the padding at byte {len(text)}$"):
            decoded(text + b"A")


@given(st.binary(min_size=1, max_size=100), st.data())
def test_damaged_text_is_never_decoded(content: bytes, data: st.DataObject) -> None:
    text = base64.b64encode(content)
    at = data.draw(st.integers(0, len(text) - 1))
    wrong = data.draw(st.sampled_from(list(b' \0!,.:;<>"\\{}%*\t\x7f\x80\xff')))

    with pytest.raises(NotBase64, match=f"at byte {at}$"):
        decoded(text[:at] + bytes([wrong]) + text[at + 1 :])


@given(st.binary(max_size=40))
def test_whatever_is_decoded_is_what_would_be_encoded(text: bytes) -> None:
    try:
        content = decoded(text)
    except NotBase64:
        return
    plain = text.translate(bytes.maketrans(b"-_", b"+/"), b"\r\n=")
    assert base64.b64encode(content).rstrip(b"=") == plain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "nothing at all at byte 0"),
        (b"\r\n", "nothing at all at byte 2"),
        (b"====", "nothing at all at byte 4"),
        (b"data:image/png;base64,", "nothing at all at byte 22"),
        (b"data:image/png,AAAA", "a data URL of another kind at byte 0"),
        (b"data:" + b"x" * 2000 + b";base64,AAAA", "a data URL of another kind at byte 0"),
        (b"data:AAAA", "a data URL of another kind at byte 0"),
        (b"https://example.com/a.png", "':' at byte 5"),
        (b"data:a;base64,AA A", "' ' at byte 16"),
        (b"AAAA\xe9", r"'\xe9' at byte 4"),
        (b"A", "a single character left over at byte 1"),
        (b"AAAAA===", "a single character left over at byte 8"),
        (b"AA=", "wrong padding at byte 3"),
        (b"AAA==", "wrong padding at byte 5"),
        (b"AAAA=", "wrong padding at byte 5"),
        (b"AA==AA==", "more after the padding at byte 4"),
        (b"AB==", "bits left over in the last character at byte 4"),
        (b"AAB", "bits left over in the last character at byte 3"),
        (b"++--", "two alphabets at byte 2"),
        (b"--AA/+AA", "two alphabets at byte 4"),
    ],
)
def test_the_error_names_the_place(text: bytes, words: str) -> None:
    with pytest.raises(NotBase64) as raised:
        decoded(text)

    assert str(raised.value) == f"it is not base64: {words}"


def test_no_more_is_written_than_allowed() -> None:
    assert len(decoded(ENCODED, most=256)) == 256
    target = io.BytesIO()
    with pytest.raises(TooLong, match="exceeds 255 bytes"):
        decode(io.BytesIO(ENCODED), target, most=255)
    assert len(target.getvalue()) <= 255
