"""OpenAI's answers read: completions and chunks put right where dialects deviate. Pure.

What is put right are deviations that break OpenAI's SDKs: missing `finish_reason`, `role` or
`index`, finish reasons of other vendors, usage in odd places.
"""

from typing import Any

import orjson

from gateway.protocols.base import WANTED_BACK, kind_of
from gateway.protocols.openai_errors import broken_off, failure_in
from gateway.protocols.openai_slips import inner_usage, put_right, reasoning, recalled, split
from gateway.protocols.thinking import Thinking
from gateway.shapes import Answer, Failure, Json, Recalled, Reply, Usage, usage_object
from gateway.values import as_count, size
from platforms.routes import PLAIN, Dialect

FINISH_REASONS = frozenset(("stop", "length", "tool_calls", "content_filter", "function_call"))
"""The only ones that are legal for SDK clients (OpenAI API document, Aug 2026)."""
_FOREIGN_REASONS = {
    "max_tokens": "length",
    "model_length": "length",  # Mistral
    "model_context_window_exceeded": "length",  # Zhipu
    "sensitive": "content_filter",  # Zhipu
    "safety": "content_filter",
    "tool_use": "tool_calls",
}


def read_answer(body: bytes, reply: Reply, dialect: Dialect = PLAIN) -> Answer:
    """A whole answer in OpenAI's own shape. Raises Failure."""
    try:
        completion = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Failure("broken", f"The platform's answer is {kind_of(body)}.") from None
    if not isinstance(completion, dict):
        raise Failure("broken", "The platform's answer is no JSON object.")
    if failure := failure_in(completion, dialect.error_codes):
        raise failure
    choices = completion.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Failure("broken", "The platform's answer has no 'choices'.")
    text_length = 0
    recall: dict[str, Recalled] = {}
    for index, choice in enumerate(choices):
        message = choice.get("message") if isinstance(choice, dict) else None
        if not isinstance(message, dict):
            raise Failure("broken", f"The platform's answer has no 'choices[{index}].message'.")
        choice.setdefault("index", index)
        choice.setdefault("logprobs", None)
        choice["finish_reason"] = _finish_reason(choice.get("finish_reason")) or "stop"
        message["role"] = "assistant"
        put_right(message)
        if dialect.reasoning_out == "think":
            split(message)
        message.setdefault("content", None)
        message.setdefault("refusal", None)
        text_length += _text_length(message)
        if dialect.replay_reasoning in WANTED_BACK:
            recall |= recalled(message.get("tool_calls"), message.get("reasoning_content"))
    completion["id"] = reply.id
    completion["object"] = "chat.completion"
    completion["created"] = reply.created
    completion["model"] = reply.model
    usage = read_usage(completion.get("usage") or inner_usage(completion))
    if usage is None:
        completion.pop("usage", None)
    else:
        told = completion.get("usage") or usage_object(usage)
        completion["usage"] = {**told, "completion_tokens": usage.completion_tokens}
    return Answer(completion, usage, text_length, recall)


class OpenAIReader:
    """One stream's chunks, put right; see `shapes.Reader`."""

    def __init__(self, reply: Reply, *, shows_usage: bool, dialect: Dialect = PLAIN) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self.done = False
        self.failure: Failure | None = None
        self.text_length = 0
        self.recall: dict[str, Recalled] = {}
        self._reply = reply
        self._shows_usage = shows_usage
        self._raw_usage: Json = None
        self._open: set[int] = set()  # choices that have begun and not finished
        self._closed: set[int] = set()
        self._calls: dict[tuple[int, int], dict[str, Any]] = {}  # first fragment by choice, call
        self._moved: dict[tuple[int, int], int] = {}  # calls that have another index with us
        self._codes = dialect.error_codes
        self._keeps = dialect.replay_reasoning in WANTED_BACK
        self._thoughts: dict[int, list[str]] = {}  # by choice, where they must come back
        self._splits: dict[int, Thinking] | None = {} if dialect.reasoning_out == "think" else None

    def feed(self, data: bytes) -> list[dict[str, Json]]:
        """One chunk, or none. Raises Failure on an error, and on data that is no chunk."""
        if data.startswith(b"[DONE]"):
            self.done = True
            self.finished = bool(self._open or self._closed)
            return self._left()
        if not data:
            return []
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise Failure("broken", f"An event of the platform is {kind_of(data)}.") from None
        if type(chunk) is not dict:
            raise Failure("broken", "An event of the platform is no JSON object.")
        choices = chunk.get("choices")
        odd = not choices or "base_resp" in chunk or chunk.get("error")
        if odd and (failure := failure_in(chunk, self._codes)):
            raise failure
        if usage := chunk.pop("usage", None) or ("x_groq" in chunk and inner_usage(chunk)):
            self.usage = read_usage(usage) or self.usage
            self._raw_usage = usage
        if not choices:
            # The usage chunk, or a preface without choices (Azure's prompt filter results), on
            # which consumers that look at choices[0] fail.
            return []
        for choice in choices:
            self._choice(choice)
        chunk["id"] = self._reply.id
        chunk["object"] = "chat.completion.chunk"
        chunk["created"] = self._reply.created
        chunk["model"] = self._reply.model
        if self._shows_usage:
            chunk["usage"] = None
        return [chunk]

    def end(self, usage: Usage) -> list[dict[str, Json]]:
        """A finish chunk for choices that lack one, then the usage chunk if it was asked for."""
        chunks: list[dict[str, Json]] = []
        if self._open:
            choices: list[Json] = [
                {"index": index, "delta": {}, "logprobs": None, "finish_reason": "stop"}
                for index in sorted(self._open)
            ]
            chunks.append(self._chunk(choices))
        if self._shows_usage:
            last = self._chunk([])
            shown = usage_object(usage)
            last["usage"] = {**self._raw_usage, **shown} if self._raw_usage else shown
            chunks.append(last)
        return chunks

    def _chunk(self, choices: list[Json]) -> dict[str, Json]:
        return self._reply.chunk(choices, shows_usage=self._shows_usage)

    def _choice(self, choice: dict[str, Json]) -> None:
        if type(choice) is not dict:
            raise Failure("broken", "A choice of the platform's stream is no JSON object.")
        index = choice.setdefault("index", 0)
        delta = choice.get("delta")
        if delta is None:
            choice["delta"] = delta = {}
        if index not in self._open and index not in self._closed:
            self._open.add(index)
            delta.setdefault("role", "assistant")
        content = delta.get("content")
        if type(content) is str and self._splits is None:
            self.text_length += size(content)
            if len(delta) > 1:
                self._rest_of_delta(index, delta)
        else:  # more than text: the rare case
            self._odd_content(index, delta, last=choice.get("finish_reason") is not None)
            self._rest_of_delta(index, delta)
        choice.pop("message", None)  # Perplexity: all that was said so far, each time
        reason = choice.get("finish_reason")
        if reason is None:
            choice["finish_reason"] = None
        else:
            choice["finish_reason"] = _finish_reason(reason)
            if self._keeps:
                self._recall(index)
            self._open.discard(index)
            self._closed.add(index)
            self.finished = not self._open

    def _left(self) -> list[dict[str, Json]]:
        """What was held back of choices that nobody finishes, and what of them must come back."""
        choices: list[Json] = []
        for index in sorted(self._open):
            delta: dict[str, Json] = {}
            if self._splits is not None:
                self._odd_content(index, delta, last=True)
                self._rest_of_delta(index, delta)
            if self._keeps:
                self._recall(index)
            if delta:
                choices.append({"index": index, "delta": delta, "finish_reason": None})
        return [self._chunk(choices)] if choices else []

    def _odd_content(self, index: int, delta: dict[str, Json], *, last: bool) -> None:
        """Content that is none, a list of parts, or has reasoning within."""
        put_right(delta)
        if self._splits is not None:
            thinking = self._splits.setdefault(index, Thinking())
            split(delta, thinking, last=last)
        if type(delta.get("content")) is str:
            self.text_length += size(delta["content"])

    def _recall(self, choice: int) -> None:
        """What must come back with this choice's calls, now that it is whole."""
        calls = [first for (of, _), first in self._calls.items() if of == choice]
        self.recall |= recalled(calls, "".join(self._thoughts.get(choice, ())))

    def _rest_of_delta(self, index: int, delta: dict[str, Json]) -> None:
        reasoning(delta)
        if self._keeps and type(delta.get("reasoning_content")) is str:
            self._thoughts.setdefault(index, []).append(delta["reasoning_content"])
        for name in ("reasoning_content", "refusal"):
            if type(delta.get(name)) is str:
                self.text_length += size(delta[name])
        calls = delta.get("tool_calls")
        if calls is None:
            delta.pop("tool_calls", None)  # null here fails the SDKs' schema
            return
        for position, call in enumerate(calls):
            self._tool_call(index, position, call)

    def _tool_call(self, choice: int, position: int, call: dict[str, Json]) -> None:
        """Give a fragment its index, and say id, type and name once, as SDKs add fragments up."""
        function = call.get("function") or {}
        if call.get("index") is None:
            call["index"] = self._index_of_call(choice, position, call.get("id"))
        else:
            call["index"] = self._index_here(choice, call, function)
        self.text_length += size(function.get("arguments") or "")
        first = self._calls.get((choice, call["index"]))
        if first is None:
            self._calls[choice, call["index"]] = {
                "id": call.get("id"),
                "name": function.get("name"),
                "extra_content": call.get("extra_content"),
            }
            return
        if call.get("id") == first["id"]:
            call.pop("id", None)
            call.pop("type", None)
            if function.get("name") == first["name"]:
                function.pop("name", None)

    def _index_here(self, choice: int, call: dict[str, Json], function: dict[str, Json]) -> int:
        """The call's number among ours: some platforms begin another one under the same index."""
        theirs: int = call["index"]
        ours = self._moved.get((choice, theirs), theirs)
        first = self._calls.get((choice, ours))
        is_other = first is not None and call.get("id") and first["id"] not in (None, call["id"])
        if is_other and function.get("name"):
            ours = 1 + max(number for of, number in self._calls if of == choice)
            self._moved[choice, theirs] = ours
        return ours

    def _index_of_call(self, choice: int, position: int, id: str | None) -> int:
        known = [number for (of, number) in self._calls if of == choice]
        if id is None:  # a later fragment: of the call at this place, or else of the newest
            return position if position in known or not known else known[-1]
        for (of, number), first in self._calls.items():
            if of == choice and first["id"] == id:
                return number
        return len(known)


def as_chunks(answer: Answer, reply: Reply) -> list[dict[str, Json]]:
    """A whole answer as the data of a stream: one chunk with everything, one that finishes."""
    reader = OpenAIReader(reply, shows_usage=False)
    deltas: list[Json] = []
    ends: list[Json] = []
    for choice in answer.completion["choices"]:
        message = {name: value for name, value in choice["message"].items() if value is not None}
        calls = message.get("tool_calls") or []
        if calls:
            message["tool_calls"] = [{"index": n, **call} for n, call in enumerate(calls)]
        index, logprobs = choice["index"], choice["logprobs"]
        deltas.append(
            {"index": index, "delta": message, "logprobs": logprobs, "finish_reason": None}
        )
        ends.append(
            {
                "index": index,
                "delta": {},
                "logprobs": None,
                "finish_reason": choice["finish_reason"],
            }
        )
    return [
        *reader.feed(orjson.dumps({"choices": deltas})),
        *reader.feed(orjson.dumps({"choices": ends})),
    ]


def read_usage(usage: Json) -> Usage | None:
    """An upstream's usage object; None where it is missing or not one."""
    if not isinstance(usage, dict) or "prompt_tokens" not in usage:
        return None
    prompt = usage.get("prompt_tokens_details") or {}
    completion = usage.get("completion_tokens_details") or {}
    cached = prompt.get("cached_tokens")
    if cached is None:
        cached = usage.get("prompt_cache_hit_tokens")  # DeepSeek
    asked = as_count(usage.get("prompt_tokens"))
    answered = as_count(usage.get("completion_tokens"))
    thought = as_count(completion.get("reasoning_tokens"))
    if thought and as_count(usage.get("total_tokens")) == asked + answered + thought:
        answered += thought  # xAI counts it beside, OpenAI within
    return Usage(
        asked,
        answered,
        cached_tokens=as_count(cached),
        reasoning_tokens=thought,
        cache_write_tokens=as_count(prompt.get("cache_write_tokens")),
        measured=True,
    )


def _finish_reason(reason: Json) -> str | None:
    if not isinstance(reason, str):
        return None if reason is None else "stop"
    if failure := broken_off(reason):
        raise failure
    return reason if reason in FINISH_REASONS else _FOREIGN_REASONS.get(reason, "stop")


def _text_length(message: dict[str, Json]) -> int:
    length = 0
    for name in ("content", "reasoning_content", "refusal"):
        if isinstance(text := message.get(name), str):
            length += size(text)
    for call in message.get("tool_calls") or ():
        length += size((call.get("function") or {}).get("arguments") or "")
    return length
