"""Every transcript of every protocol: request, upstream's bytes, what the client must get."""

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway import sse
from gateway.faces import openai as face
from gateway.protocols import PROTOCOLS
from gateway.shapes import Exchange, Reader, Reply, Usage
from platforms.routes import FREE, Route
from tests import openai_schema
from tests.gateway.protocols.folding import folded, meant
from tests.gateway.protocols.test_openai import PLATFORM

ROOT = Path(__file__).parents[2] / "transcripts"
REPLY = Reply("foaicmpl-0123456789abcdef0123456789abcdef", "public-model", 1790000000)
STREAMS = sorted(ROOT.glob("*/*/upstream.sse"))
WHOLES = sorted(ROOT.glob("*/*/upstream.json"))


def exchange(case: Path) -> Exchange:
    chat = face.read_chat((case / "request.json").read_bytes())
    route = Route(PLATFORM, "public-model", "upstream-model", "chat", FREE)
    return PROTOCOLS[case.parent.name].chat(chat, route)


def played(case: Path, pieces: list[bytes]) -> list[dict[str, Any]]:
    return read(case, pieces)[1]


def read(case: Path, pieces: list[bytes]) -> tuple[Reader, list[dict[str, Any]]]:
    reader, decoder = exchange(case).reader(REPLY), sse.Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()
    chunks = [chunk for event in events for chunk in reader.feed(event.data)]
    assert reader.finished
    # Gemini says by the end of the connection alone that nothing more comes.
    assert reader.done or case.parent.name != "anthropic"
    assert not reader.done or case.parent.name != "gemini"
    return reader, chunks + reader.end(reader.usage or Usage())


def whole_of(stream: Path) -> Path | None:
    """The folder with the whole answer of the same content, if there is one."""
    names = [stream.name.replace("stream-", f"{word}-") for word in ("whole", "blocking")]
    return next((one for name in names if (one := stream.with_name(name)).exists()), None)


PAIRS = [
    (path.parent, whole)
    for path in STREAMS
    if path.parent.parent.name != "openai"  # whose are of different content
    and (whole := whole_of(path.parent)) is not None
]


def name(path: Path) -> str:
    return f"{path.parent.parent.name}: {path.parent.name}"


@pytest.mark.parametrize("path", STREAMS, ids=name)
def test_a_stream_becomes_these_chunks(path: Path) -> None:
    chunks = played(path.parent, [path.read_bytes()])

    lines = (path.parent / "chunks.jsonl").read_bytes().splitlines()
    assert chunks == [orjson.loads(line) for line in lines]
    for chunk in chunks:
        openai_schema.chunk(chunk)


@pytest.mark.parametrize("path", STREAMS, ids=name)
def test_a_stream_cut_at_every_byte_becomes_the_same_chunks(path: Path) -> None:
    data = path.read_bytes()
    whole = played(path.parent, [data])

    for cut in range(len(data)):
        assert played(path.parent, [data[:cut], data[cut:]]) == whole, f"cut at {cut}"


@pytest.mark.parametrize("path", WHOLES, ids=name)
def test_an_answer_becomes_this_one(path: Path) -> None:
    answer = exchange(path.parent).answer(path.read_bytes(), REPLY)

    assert answer.completion == orjson.loads((path.parent / "answer.json").read_bytes())
    openai_schema.completion(answer.completion)


@pytest.mark.parametrize("path", WHOLES, ids=name)
def test_an_answer_as_chunks_is_a_valid_stream_of_the_same(path: Path) -> None:
    call = exchange(path.parent)
    answer = call.answer(path.read_bytes(), REPLY)

    chunks = call.chunks(answer, REPLY)
    for chunk in chunks:
        openai_schema.chunk(chunk)
    assert folded(chunks) == answer.completion["choices"]


@pytest.mark.parametrize(("stream", "whole"), PAIRS, ids=lambda path: path.name)
def test_a_stream_folded_is_the_whole_answer_of_the_same_content(stream: Path, whole: Path) -> None:
    answer = exchange(whole).answer((whole / "upstream.json").read_bytes(), REPLY)
    reader, chunks = read(stream, [(stream / "upstream.sse").read_bytes()])

    assert meant(folded(chunks)) == meant(answer.completion["choices"])
    assert reader.usage == answer.usage or answer.usage is None
    if not chunks[-1]["choices"]:
        assert chunks[-1]["usage"] == answer.completion["usage"]
    # Arguments are spaced as the platform has them: in a stream they may be longer.
    assert reader.text_length >= answer.text_length


def test_there_are_enough_of_each() -> None:
    counted = Counter(path.parent.parent.name for path in (*STREAMS, *WHOLES))
    paired = Counter(stream.parent.name for stream, _ in PAIRS)

    assert all(counted[name] >= 30 for name in ("openai", "anthropic", "gemini"))
    assert min(paired["anthropic"], paired["gemini"]) >= 13
