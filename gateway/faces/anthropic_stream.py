"""Answers in Anthropic's words: completions as messages, chunks as events, errors. Pure.

Sources: wire notes anthropic §2-§4, §7; what clients make of it: anthropic 2.12.0 (Nov 2026, run).
"""

from collections import deque
from dataclasses import dataclass, field

import orjson
from typing_extensions import override

from gateway import sse
from gateway.errors import ApiError
from gateway.faces import Face
from gateway.shapes import Json
from gateway.values import as_count, as_objects, as_text

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
"""OpenAI's finish reasons in Anthropic's words; others are `end_turn`."""
ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
"""Types of errors by HTTP status; others are the caller's fault below 500, else `api_error`."""
_DELTAS = {"text": "text_delta", "thinking": "thinking_delta", "partial_json": "input_json_delta"}


class AnthropicAnswers(Face):
    """The half of Anthropic's face that answers; see `Face`.

    Whole answers and streams are made of the same blocks, so that a stream, folded, is the answer.
    Blocks go out one after the other, as the grammar demands (§3): what comes for a later one
    waits until those before it have ended. SDKs skip comments, so pings stay comments.
    """

    wire = "anthropic"

    def __init__(self) -> None:
        super().__init__()
        self._id = ""  # of the answer; "": nothing has come
        self._index = 0  # of the first block that waits
        self._waiting: deque[_Block] = deque()  # the first is the one that is open
        self._calls: dict[int, _Block] = {}
        self._reason: Json = None
        self._usage: Json = None
        self._closed = False  # message_delta is out

    @override
    def answer(self, completion: dict[str, Json]) -> bytes:
        message, choice = self._begin(completion), completion["choices"][0]
        calls = enumerate(as_objects(choice["message"].get("tool_calls")))
        numbered = [{**call, "index": number} for number, call in calls]
        self._read({**choice["message"], "tool_calls": numbered})
        self._reason = choice["finish_reason"]
        message["content"] = [block.whole() for block in self._waiting]
        message["stop_reason"] = self._stop_reason()
        return orjson.dumps({**message, "usage": usage_object(completion.get("usage"))})

    @override
    def chunk(self, chunk: dict[str, Json]) -> bytes:
        events: list[dict[str, Json]] = []
        if not self._id:
            events.append({"type": "message_start", "message": self._begin(chunk)})
        for choice in chunk["choices"]:
            if choice["index"] == 0:
                self._read(choice.get("delta") or {})
                self._reason = choice.get("finish_reason") or self._reason
        self._usage = chunk.get("usage") or self._usage
        events += self._sent(finished=bool(self._reason))
        if self._reason and self._usage:
            events += self._close()
        return b"".join(map(self.relayed, map(orjson.dumps, events)))

    @override
    def relayed(self, data: bytes) -> bytes:
        return sse.named(sse.type_of(data), sse.one_line(data))

    @override
    def end(self) -> bytes:
        if not self._id:
            return b""
        events = [*self._close(), {"type": "message_stop"}]
        return b"".join(map(self.relayed, map(orjson.dumps, events)))

    @override
    def error(self, error: ApiError) -> bytes:
        return orjson.dumps(error_body(error))

    @override
    def error_event(self, error: ApiError) -> bytes:
        """An event named `error`, after which no `message_stop` follows."""
        return self.relayed(self.error(error))

    def _begin(self, said: dict[str, Json]) -> dict[str, Json]:
        """The message as it begins, under a completion's id without its prefix."""
        self._id = said["id"].partition("-")[2] or said["id"]
        return {
            "id": f"msg_{self._id}",
            "type": "message",
            "role": "assistant",
            "model": said["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage_object(None),
        }

    def _stop_reason(self) -> str:
        reason = STOP_REASONS.get(str(self._reason), "end_turn")
        # OpenAI says `stop` of calls that were forced; Anthropic's clients act on `tool_use`.
        return "tool_use" if self._calls and reason == "end_turn" else reason

    def _close(self) -> list[dict[str, Json]]:
        """What ends the blocks, and says how all ended and what was used; once."""
        if self._closed:
            return []
        self._closed = True
        delta = {"stop_reason": self._stop_reason(), "stop_sequence": None}
        last = {"type": "message_delta", "delta": delta, "usage": usage_object(self._usage)}
        return [*self._sent(finished=True), last]

    def _read(self, delta: dict[str, Json]) -> None:
        """Put what a delta or a message says into the blocks that it belongs to."""
        thoughts = as_objects(delta.get("thinking_blocks"))
        for thought in thoughts:
            self._think(thought)
        thinking = as_text(delta.get("reasoning_content")) or as_text(delta.get("reasoning"))
        if thinking and not thoughts:  # otherwise it says the same again
            self._newest("thinking").pieces.append(thinking)
        if text := as_text(delta.get("content")) + as_text(delta.get("refusal")):
            self._newest("text").pieces.append(text)
        for position, fragment in enumerate(as_objects(delta.get("tool_calls"))):
            self._call(fragment, fragment.get("index", position))

    def _call(self, fragment: dict[str, Json], index: int) -> None:
        function = fragment.get("function") or {}
        block = self._calls.get(index)
        if block is None:
            # Some platforms give a call no id; its result could not name it.
            id = fragment.get("id") or f"toolu_{self._id}_{len(self._calls)}"
            block = _Block({"type": "tool_use", "id": id, "name": "", "input": {}}, "partial_json")
            self._calls[index] = block
            self._waiting.append(block)
        block.start["name"] = block.start["name"] or function.get("name") or ""
        block.pieces.append(as_text(function.get("arguments")))

    def _think(self, thought: dict[str, Json]) -> None:
        """A block that is signed or hidden; a signed one's text has mostly come before."""
        if thought.get("type") == "redacted_thinking":
            hidden = {"type": "redacted_thinking", "data": as_text(thought.get("data"))}
            self._waiting.append(_Block(hidden, "", ended=True))
            return
        text, signature = as_text(thought.get("thinking")), as_text(thought.get("signature"))
        if not (text or signature):
            return
        block = self._newest("thinking")
        came = "".join(block.pieces)
        if signature and text and not text.startswith(came):
            block.ended = True  # it was another thought
            block, came = self._newest("thinking"), ""
        block.pieces.append(text[len(came) :] if signature else text)
        block.signature, block.ended = signature, bool(signature)

    def _newest(self, kind: str) -> "_Block":
        """The newest block if it is of this kind and can take more, else a new one."""
        if not self._waiting or self._waiting[-1].kind != kind or self._waiting[-1].ended:
            signed = {"signature": ""} if kind == "thinking" else {}
            self._waiting.append(_Block({"type": kind, kind: "", **signed}, kind))
        return self._waiting[-1]

    def _sent(self, *, finished: bool) -> list[dict[str, Json]]:
        """The events that can go out by now; `finished`: nothing more comes for any block."""
        events: list[dict[str, Json]] = []
        while self._waiting:
            block, at = self._waiting[0], {"index": self._index}
            ended = finished or block.has_ended(is_newest=len(self._waiting) == 1)
            if not ended and block.start.get("name") == "":
                break  # it comes later
            if not block.begun:
                block.begun = True
                events.append({"type": "content_block_start", **at, "content_block": block.start})
            for delta in block.deltas(ended=ended):
                events.append({"type": "content_block_delta", **at, "delta": delta})
            if not ended:
                break
            events.append({"type": "content_block_stop", **at})
            self._index += 1
            self._waiting.popleft()
        return events


@dataclass(slots=True)
class _Block:
    """A content block as its pieces come."""

    start: dict[str, Json]
    """How it begins."""
    kind: str
    """The name of its text in deltas; "": it has none."""
    pieces: list[str] = field(default_factory=list)
    sent: int = 0
    """How many of the pieces."""
    begun: bool = False
    ended: bool = False
    signature: str = ""

    def whole(self) -> dict[str, Json]:
        """The block of a whole message."""
        text = "".join(self.pieces)
        if self.kind == "partial_json":
            return {**self.start, "input": as_input(text)}
        signed = {"signature": self.signature} if self.kind == "thinking" else {}
        return {**self.start, **({self.kind: text} if self.kind else {}), **signed}

    def has_ended(self, *, is_newest: bool) -> bool:
        """Whether nothing more can come: fragments of calls may alternate, nothing else does."""
        if self.ended or is_newest or self.kind != "partial_json":
            return self.ended or not is_newest
        text = "".join(self.pieces)
        return text.rstrip().endswith("}") and _object(text) is not None

    def deltas(self, *, ended: bool) -> list[dict[str, Json]]:
        """What has not been said yet."""
        text = "".join(self.pieces[self.sent :])
        if self.kind == "partial_json" and not self.sent and not text.lstrip().startswith("{"):
            # An input must be an object: what does not begin as one is told when it is whole.
            if not ended:
                return []
            text = orjson.dumps(as_input(text)).decode()
        self.sent = len(self.pieces)
        deltas: list[dict[str, Json]] = []
        if text:
            deltas.append({"type": _DELTAS[self.kind], self.kind: text})
        if ended and self.signature:
            deltas.append({"type": "signature_delta", "signature": self.signature})
        return deltas


def as_input(arguments: str) -> dict[str, Json]:
    """A call's arguments as an object; what a model wrote that is none is wrapped into one."""
    value = _object(arguments) if arguments.strip() else {}
    return {"arguments": arguments} if value is None else value


def error_body(error: ApiError) -> dict[str, Json]:
    """Anthropic's error object."""
    other = "invalid_request_error" if error.status < 500 else "api_error"
    said = {"type": ERRORS.get(error.status, other), "message": error.message}
    return {"type": "error", "error": said}


def usage_object(usage: Json) -> dict[str, Json]:
    """OpenAI's usage, counted as Anthropic counts: cached tokens are not among the others (§2)."""
    usage = usage or {}
    prompt, output = as_count(usage.get("prompt_tokens")), as_count(usage.get("completion_tokens"))
    details = usage.get("prompt_tokens_details") or {}
    cached = min(as_count(details.get("cached_tokens")), prompt)
    written = min(as_count(details.get("cache_write_tokens")), prompt - cached)
    counts: dict[str, Json] = {
        "input_tokens": prompt - cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": output,
    }
    details = usage.get("completion_tokens_details") or {}
    if thought := min(as_count(details.get("reasoning_tokens")), output):
        counts["output_tokens_details"] = {"thinking_tokens": thought}
    return counts


def _object(text: str) -> dict[str, Json] | None:
    """The JSON object that a text is; None where it is none."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
