"""The mock upstream's other languages: the same words, as many events, in the asked pace."""

import re

import orjson
import pytest

from bench import upstream, upstream_languages
from bench.upstream import ANSWER_WORDS, WORD, Answer

TEXTS = re.compile(rb'"text":"((?: lorem)+)"')
ANTHROPIC, GEMINI = b"/v1/messages", b"/v1beta/models/%b:%b"


def asked(language: str, model: str, *, stream: bool) -> Answer:
    body = orjson.dumps({"model": model, "stream": stream})
    verb = b"streamGenerateContent?alt=sse" if stream else b"generateContent"
    path = ANTHROPIC if language == "anthropic" else GEMINI % (model.encode(), verb)
    answer = upstream_languages.choose(path, body)
    assert answer is not None
    return answer


@pytest.mark.parametrize("language", ["anthropic", "gemini"])
def test_a_blocking_answer_has_all_words_and_usage(language: str) -> None:
    [whole] = asked(language, upstream.CHAT_MODEL, stream=False).writes
    head, _, body = whole.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200 OK")
    assert f"content-length: {len(body)}".encode() in head
    assert TEXTS.findall(body) == [(WORD * ANSWER_WORDS).encode()]
    assert str(ANSWER_WORDS).encode() in orjson.dumps(orjson.loads(body))


@pytest.mark.parametrize("language", ["anthropic", "gemini"])
@pytest.mark.parametrize(
    ("model", "events", "interval_s"),
    [("bench-stream-100", 98, 0.0), ("bench-paced-20-50", 18, 0.02), ("other", 98, 0.0)],
)
def test_a_stream_has_as_many_events_with_words_as_openais(
    language: str, model: str, events: int, interval_s: float
) -> None:
    answer = asked(language, model, stream=True)
    words = [found for write in answer.writes for found in TEXTS.findall(write)]

    assert words == [WORD.encode()] * events
    assert answer.interval_s == pytest.approx(interval_s)
    assert answer.writes[0].startswith(b"HTTP/1.1 200 OK")
    assert answer.writes[-1].endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("path", [b"/v1/nothing", b"/v1beta/models/m:countTokens"])
def test_what_is_in_neither_language_is_left_alone(path: bytes) -> None:
    assert upstream_languages.choose(path, b"{}") is None
