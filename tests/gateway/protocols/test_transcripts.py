"""Every transcript of every protocol: request, upstream's bytes, what the client must get."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway import sse
from gateway.faces import openai as face
from gateway.protocols import PROTOCOLS
from gateway.shapes import Exchange, Reply, Usage
from platforms.routes import FREE, Route
from tests import openai_schema
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
    reader, decoder = exchange(case).reader(REPLY), sse.Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()
    chunks = [chunk for event in events for chunk in reader.feed(event.data)]
    assert reader.finished
    return chunks + reader.end(reader.usage or Usage())


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
def test_an_answer_as_chunks_is_a_valid_stream(path: Path) -> None:
    call = exchange(path.parent)

    for chunk in call.chunks(call.answer(path.read_bytes(), REPLY), REPLY):
        openai_schema.chunk(chunk)
