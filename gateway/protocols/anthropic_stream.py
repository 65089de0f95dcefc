"""Anthropic's answers read: what their words mean, and a stream's events turned into chunks.

Sources: wire notes anthropic §2-§4, §6 (anthropic 2.12.0 and 1.17.0, Nov 2026).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import orjson

from gateway.protocols.base import kind_of, loads
from gateway.protocols.refusals import about
from gateway.shapes import Answer, Failure, FailureKind, Json, Recalled, Reply, Usage, usage_object
from gateway.values import as_count, size

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""`stop_reason` to OpenAI's `finish_reason`; unknown ones are `stop`."""
ERRORS: dict[str, FailureKind] = {
    "invalid_request_error": "bad_request",
    "authentication_error": "key",
    "billing_error": "quota",
    "permission_error": "key",
    "not_found_error": "not_found",
    "conflict_error": "bad_request",
    "request_too_large": "bad_request",
    "rate_limit_error": "rate",
    "api_error": "broken",
    "timeout_error": "timeout",
    "overloaded_error": "overloaded",
}
"""`error.type`, wherever the error is: in an answer that is no 200 or in the middle of a stream."""
QUOTA_CODES = frozenset(("enforced_spend_limit_reached", "contract_spend_limit_reached"))
"""`error.details.error_code` of a 429 that no waiting helps."""
_COUNTS = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
)


def read_usage(usage: Json) -> Usage | None:
    """Anthropic's usage object, counted as OpenAI counts; None where it is missing or not one.

    `input_tokens` is exclusive: what was read from and written to the cache is added (§2).
    """
    if not isinstance(usage, dict) or not any(type(usage.get(name)) is int for name in _COUNTS):
        return None
    fresh, written, cached, output = (as_count(usage.get(name)) for name in _COUNTS)
    details = usage.get("output_tokens_details")
    thought = details.get("thinking_tokens") if isinstance(details, dict) else 0
    return Usage(
        prompt_tokens=fresh + written + cached,
        completion_tokens=output,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=min(as_count(thought), output),
        measured=True,
    )


def shown_usage(usage: Usage, raw: dict[str, Json]) -> dict[str, Json]:
    """OpenAI's usage object with its details, where the platform measured; `raw` is its own."""
    shown = usage_object(usage)
    if usage.measured:
        shown["prompt_tokens_details"] = {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": as_count(raw.get("cache_creation_input_tokens")),
        }
        shown["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return shown


def meant(error: Json, failure: Failure) -> Failure:
    """The failure, made what an error object's type and code say, and its words where those don't.

    A type that is not known leaves it as it was.
    """
    if not isinstance(error, dict):
        return failure
    kind, details = error.get("type"), error.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    if code in QUOTA_CODES:
        failure.kind = "quota"
    elif kind in ERRORS:
        failure.kind = about(ERRORS[kind], failure.message, {})
    failure.code = code or ("request_too_large" if kind == "request_too_large" else None)
    return failure


def failure_in(body: dict[str, Json]) -> Failure | None:
    """The failure that `{"type": "error", "error": {…}}` is, in a 200's body or in a stream."""
    error = body.get("error")
    if body.get("type") != "error" and not error:
        return None
    message = error.get("message") if isinstance(error, dict) else error
    if not isinstance(message, str) or not message:
        message = "The platform reported an error."
    return meant(error, Failure("broken", message[:2000]))


def whole(body: bytes, reply: Reply) -> Answer:
    """A whole answer in OpenAI's shape: read as the stream that says the same. Raises Failure."""
    answer = loads(body)
    reader = AnthropicReader(reply, shows_usage=False)
    if (failure := failure_in(answer)) or not isinstance(answer.get("content"), list):
        raise failure or Failure("broken", "The platform's answer has no 'content'.")
    choices = [chunk["choices"][0] for chunk in reader.whole(answer)]
    message: dict[str, Json] = {"role": "assistant", "content": "", "refusal": None}
    for choice in choices:
        for name, value in choice["delta"].items():
            if name == "tool_calls" and "id" not in value[0]:
                calls = message["tool_calls"]
                calls[value[0]["index"]]["function"] |= value[0]["function"]
            elif name != "role":
                message[name] = (message.get(name) or type(value)()) + value
    for call in message.get("tool_calls") or ():
        del call["index"]
    if "tool_calls" in message or message["refusal"]:
        message["content"] = message["content"] or None
    reason = choices[-1]["finish_reason"]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
    completion = reply.completion([choice])
    if reader.usage is not None:
        completion["usage"] = shown_usage(reader.usage, answer["usage"])
    return Answer(completion, reader.usage, reader.text_length, reader.recall)


@dataclass(slots=True)
class _Block:
    """A content block that has begun."""

    kind: str
    call: int = -1
    """Its number among the calls."""
    start: int = 0
    """Characters of text before it."""
    input: Json = None
    signature: str = ""
    pieces: list[str] = field(default_factory=list)
    """What came of its thinking or of its arguments."""
    citations: list[Json] = field(default_factory=list)


class AnthropicReader:
    """One stream's chunks; see `shapes.Reader`. Unknown events, blocks and deltas are ignored."""

    def __init__(self, reply: Reply, *, shows_usage: bool) -> None:
        self.finished = False
        self.done = False
        self.failure: Failure | None = None
        self.text_length = 0
        self.recall: dict[str, Recalled] = {}
        self._reply = reply
        self._shows_usage = shows_usage
        self._usage: Usage | None = None
        self._raw_usage: dict[str, Json] = {}
        self._counted = False  # the count of what came out is a later one than the first
        self._begun = False
        self._closed = False  # the finish chunk is out
        self._calls = 0
        self._first_call = ""
        self._thoughts: list[Json] = []  # signed, as they must come back
        self._characters = 0
        self._blocks: dict[int, _Block] = {}
        self._events: dict[str, Callable[[dict[str, Json]], list[dict[str, Json]]]] = {
            "message_start": self._message_start,
            "content_block_start": self._block_start,
            "content_block_delta": self._block_delta,
            "content_block_stop": self._block_stop,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
        }

    @property
    def usage(self) -> Usage | None:
        """What was reported; before the last event, what came out is estimated from its text.

        The first event says what went in, but of what comes out only the first token or so.
        """
        if self._usage is None or self._counted:
            return self._usage
        return self._usage.with_text(self.text_length)

    @usage.setter
    def usage(self, usage: Usage | None) -> None:
        self._usage, self._counted = usage, True

    def feed(self, data: bytes) -> list[dict[str, Json]]:
        """The chunks of one event. Raises Failure on an error, and on data that is no event."""
        if not data:
            return []
        if data.startswith(b"[DONE]"):  # not Anthropic's, but of others who speak its language
            return self._message_stop({})
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise Failure("broken", f"An event of the platform is {kind_of(data)}.") from None
        if type(event) is not dict:
            raise Failure("broken", "An event of the platform is no JSON object.")
        if failure := failure_in(event):
            raise failure
        handle = self._events.get(event.get("type") or "")
        return handle(event) if handle else []

    def whole(self, message: dict[str, Json]) -> list[dict[str, Json]]:
        """The chunks of a whole message."""
        chunks = self._message_start({"message": message})
        for index, block in enumerate(message["content"]):
            chunks += self._block_start({"index": index, "content_block": block})
            chunks += self._block_stop({"index": index})
        chunks += self._message_delta({"delta": message, "usage": message.get("usage")})
        return chunks + self.end(Usage())

    def end(self, usage: Usage) -> list[dict[str, Json]]:
        """A finish chunk if none came, then the usage chunk if it was asked for."""
        chunks: list[dict[str, Json]] = []
        if self._begun and not self._closed:
            chunks += self._finish(None)
        if self._shows_usage:
            last = self._chunk([])
            last["usage"] = shown_usage(usage, self._raw_usage)
            chunks.append(last)
        return chunks

    def _message_start(self, event: dict[str, Json]) -> list[dict[str, Json]]:
        self._count(event["message"].get("usage"))
        return self._begin()

    def _block_start(self, event: dict[str, Json]) -> list[dict[str, Json]]:
        given = event["content_block"]
        block = _Block(given["type"], start=self._characters)
        self._blocks[event["index"]] = block
        chunks = self._begin()
        if block.kind == "text":
            block.citations += given.get("citations") or ()
            chunks += self._text(given.get("text") or "")
        elif block.kind == "thinking":
            block.signature = given.get("signature") or ""
            chunks += self._thinking(block, given.get("thinking") or "")
        elif block.kind == "redacted_thinking":
            chunks.append(self._thought(given))
        elif block.kind == "tool_use":
            block.call, block.input = self._calls, given.get("input")
            self._calls += 1
            self._first_call = self._first_call or given["id"]
            function = {"name": given["name"], "arguments": ""}
            call = {"index": block.call, "id": given["id"], "type": "function"}
            chunks.append(self._delta({"tool_calls": [{**call, "function": function}]}))
        return chunks

    def _block_delta(self, event: dict[str, Json]) -> list[dict[str, Json]]:
        delta = event["delta"]
        kind = delta["type"]
        if kind == "text_delta":
            return [*self._begin(), *self._text(delta["text"])]
        block = self._blocks.get(event["index"])
        if block is None:
            return []
        if kind == "input_json_delta":
            return self._arguments(block, delta["partial_json"])
        if kind == "thinking_delta":
            return self._thinking(block, delta["thinking"])
        if kind == "signature_delta":
            block.signature += delta["signature"]
        elif kind == "citations_delta":
            block.citations.append(delta["citation"])
        return []

    def _block_stop(self, event: dict[str, Json]) -> list[dict[str, Json]]:
        block = self._blocks.pop(event["index"], None)
        return [] if block is None else self._close(block)

    def _message_delta(self, event: dict[str, Json]) -> list[dict[str, Json]]:
        usage, delta = event.get("usage") or {}, event["delta"]
        self._count(usage)
        self._counted = self._counted or type(usage.get("output_tokens")) is int
        reason = delta.get("stop_reason")
        if reason is None or self._closed:
            return []
        chunks = self._begin()
        explained = (delta.get("stop_details") or {}).get("explanation")
        if reason == "refusal" and explained:
            self.text_length += size(explained)
            chunks.append(self._delta({"refusal": explained}))
        return chunks + self._finish(reason)

    def _message_stop(self, event: dict[str, Json]) -> list[dict[str, Json]]:
        self.done = True
        self.finished = self._begun
        return []

    def _begin(self) -> list[dict[str, Json]]:
        if self._begun:
            return []
        self._begun = True
        return [self._delta({"role": "assistant", "content": ""})]

    def _finish(self, reason: Json) -> list[dict[str, Json]]:
        chunks = [chunk for block in self._blocks.values() for chunk in self._close(block)]
        self._blocks.clear()
        self._closed = self.finished = True
        if self._thoughts and self._first_call:
            # Calls are answered only together with what was thought before them (§1).
            self.recall[self._first_call] = Recalled({"thinking_blocks": self._thoughts})
        missing = "tool_calls" if self._calls else "stop"
        said = FINISH_REASONS.get(reason, "stop") if isinstance(reason, str) else missing
        return [*chunks, self._delta({}, said)]

    def _thought(self, block: dict[str, Json]) -> dict[str, Json]:
        self._thoughts.append(block)
        return self._delta({"thinking_blocks": [block]})

    def _close(self, block: _Block) -> list[dict[str, Json]]:
        """What can only be said of a whole block."""
        if block.kind == "tool_use" and not block.pieces:
            # Without arguments nothing comes, but an empty string is no JSON.
            return self._arguments(block, orjson.dumps(block.input or {}).decode())
        if block.kind == "thinking" and block.signature:
            thought = {"type": "thinking", "thinking": "".join(block.pieces)}
            return [self._thought({**thought, "signature": block.signature})]
        found = [
            {
                "type": "url_citation",
                "url_citation": {
                    "start_index": block.start,
                    "end_index": self._characters,
                    "url": citation["url"],
                    "title": citation.get("title") or "",
                },
            }
            for citation in block.citations
            if isinstance(citation.get("url"), str)
        ]
        return [self._delta({"annotations": found})] if found else []

    def _text(self, text: str) -> list[dict[str, Json]]:
        if not text:
            return []
        self._characters += len(text)
        self.text_length += size(text)
        return [self._delta({"content": text})]

    def _thinking(self, block: _Block, text: str) -> list[dict[str, Json]]:
        if not text:
            return []
        block.pieces.append(text)
        self.text_length += size(text)
        return [self._delta({"reasoning_content": text})]

    def _arguments(self, block: _Block, text: str) -> list[dict[str, Json]]:
        if not text or block.kind != "tool_use":  # the platform's own tools are not the client's
            return []
        block.pieces.append(text)
        self.text_length += size(text)
        function = {"arguments": text}
        return [self._delta({"tool_calls": [{"index": block.call, "function": function}]})]

    def _count(self, usage: Json) -> None:
        """Later counts replace earlier ones: they are cumulative, not additive."""
        if isinstance(usage, dict):
            self._raw_usage |= {name: value for name, value in usage.items() if value is not None}
            self._usage = read_usage(self._raw_usage)

    def _delta(self, delta: dict[str, Json], reason: str | None = None) -> dict[str, Json]:
        return self._chunk(
            [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]
        )

    def _chunk(self, choices: list[Json]) -> dict[str, Json]:
        return self._reply.chunk(choices, shows_usage=self._shows_usage)
