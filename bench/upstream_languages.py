"""The mock upstream's other languages: Anthropic's Messages and Gemini's generateContent.

The same models, the same words and as many events of content as in OpenAI's language, so that a
gateway which translates shows its client the same stream as one that relays.
"""

import re
from functools import lru_cache

import orjson

from bench import upstream
from bench.upstream import ANSWER_WORDS, WORD, Answer

_GEMINI = re.compile(rb"/models/(?P<model>[^/:]+):(?P<verb>generateContent|streamGenerateContent)")
_PROMPT_TOKENS = 62
_USAGE = {"input_tokens": _PROMPT_TOKENS, "output_tokens": ANSWER_WORDS}
_GEMINI_USAGE = {
    "promptTokenCount": _PROMPT_TOKENS,
    "candidatesTokenCount": ANSWER_WORDS,
    "totalTokenCount": _PROMPT_TOKENS + ANSWER_WORDS,
}


def choose(path: bytes, body: bytes) -> Answer | None:
    """The answer to a POST in one of these languages; None: it is in neither.

    Raises what reading a wrong request raises: ValueError, KeyError, TypeError.
    """
    if path.partition(b"?")[0] == b"/v1/messages":
        request = orjson.loads(body)
        return _anthropic(str(request["model"]), bool(request.get("stream")))
    if found := _GEMINI.search(path):
        orjson.loads(body)  # as a real one would
        return _gemini(found["model"].decode(), found["verb"] == b"streamGenerateContent")
    return None


@lru_cache(maxsize=64)
def _anthropic(model: str, is_stream: bool) -> Answer:
    message = {"id": "msg_bench", "type": "message", "role": "assistant", "model": model}
    if not is_stream:
        content = [{"type": "text", "text": WORD * ANSWER_WORDS}]
        end = {"stop_reason": "end_turn", "stop_sequence": None}
        return upstream.whole(200, {**message, "content": content, **end, "usage": _USAGE})
    count, interval_s = _content(model)
    start: dict[str, object] = {**message, "content": []}
    start |= {"stop_reason": None, "stop_sequence": None}
    block = {"index": 0, "content_block": {"type": "text", "text": ""}}
    delta = {"index": 0, "delta": {"type": "text_delta", "text": WORD}}
    reason = {"delta": {"stop_reason": "end_turn", "stop_sequence": None}}
    # What a translator says once is sent at once, or paced events would not come in their pace.
    events = [
        _named("message_start", message={**start, "usage": {**_USAGE, "output_tokens": 1}})
        + _named("content_block_start", **block),
        *[_named("content_block_delta", **delta)] * count,
        _named("content_block_stop", index=0)
        + _named("message_delta", **reason, usage=_USAGE)
        + _named("message_stop"),
    ]
    return upstream.streamed(events, interval_s)


@lru_cache(maxsize=64)
def _gemini(model: str, is_stream: bool) -> Answer:
    if not is_stream:
        return upstream.whole(200, _candidate(model, WORD * ANSWER_WORDS, "STOP"))
    count, interval_s = _content(model)
    pieces = [_candidate(model, WORD, None)] * (count - 1) + [_candidate(model, WORD, "STOP")]
    # Google ends its lines with CR LF, and clients have been written that insist.
    return upstream.streamed([_data(piece, b"\r\n") for piece in pieces], interval_s)


def _content(model: str) -> tuple[int, float]:
    """Events with content in them, and seconds from one to the next."""
    _kind, count, per_second = upstream.plan(model)
    return count - 2, 1 / per_second if per_second else 0.0


def _candidate(model: str, text: str, reason: str | None) -> dict[str, object]:
    candidate: dict[str, object] = {"content": {"role": "model", "parts": [{"text": text}]}}
    candidate["index"] = 0
    if reason is not None:
        candidate["finishReason"] = reason
    answer: dict[str, object] = {"candidates": [candidate], "usageMetadata": _GEMINI_USAGE}
    return {**answer, "modelVersion": model, "responseId": "bench"}


def _named(name: str, **fields: object) -> bytes:
    return b"event: %b\n%b" % (name.encode(), _data({"type": name, **fields}))


def _data(content: object, line_end: bytes = b"\n") -> bytes:
    return b"data: " + orjson.dumps(content) + 2 * line_end
