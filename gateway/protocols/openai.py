"""OpenAI's chat protocol towards upstreams that speak it, in all its dialects' usual slips.

Request, answer and chunks are OpenAI's own shape, so unknown fields travel on both ways. What is
put right are deviations that break OpenAI's SDKs: missing `finish_reason`, `role` or `index`,
finish reasons of other vendors, usage in odd places.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

import orjson
from typing_extensions import override

from gateway.protocols.base import kind_of, loads
from gateway.protocols.openai_media import OpenAIMedia
from gateway.shapes import (
    Answer,
    Chat,
    Described,
    Exchange,
    Failure,
    FailureKind,
    Json,
    Reply,
    UpstreamRequest,
    Usage,
    usage_object,
)
from platforms.routes import Route

FINISH_REASONS = frozenset(("stop", "length", "tool_calls", "content_filter", "function_call"))
"""The only ones that are legal for SDK clients (OpenAI API document, Aug 2026)."""
_FOREIGN_REASONS = {
    "max_tokens": "length",
    "model_length": "length",  # Mistral
    "sensitive": "content_filter",  # Zhipu
    "safety": "content_filter",
    "tool_use": "tool_calls",
}
_QUOTA_CODES = frozenset(
    (
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "billing_hard_limit_reached",
        "exceeded_current_quota_error",  # Moonshot
    )
)
_CODES: dict[str, FailureKind] = {
    "context_length_exceeded": "context_length",
    "content_filter": "content_filter",
    "content_policy_violation": "content_filter",
    "model_not_found": "not_found",
}
_STATUSES: dict[int, FailureKind] = {
    401: "key",
    402: "quota",
    403: "key",
    404: "not_found",
    408: "timeout",
    429: "rate",
    451: "content_filter",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}
_MESSAGE_LENGTH = 2000  # characters of an upstream's message that are passed on


class OpenAI(OpenAIMedia):
    """`POST {base}/chat/completions` and everything that calls itself compatible with it."""

    name: ClassVar[str] = "openai"

    @override
    def chat(self, chat: Chat, route: Route) -> Exchange:
        """The client's own body with the upstream's model name; usage is always asked for.

        Key order is kept, because prompt caches of upstreams depend on it.
        """
        body = {**chat, "model": route.upstream_model}
        shows_usage = False
        if chat.get("stream"):
            options = chat.get("stream_options") or {}
            shows_usage = bool(options.get("include_usage"))
            body["stream_options"] = {**options, "include_usage": True}
        return Exchange(
            request=UpstreamRequest("POST", route.platform.chat_path, orjson.dumps(body)),
            answer=self._answer,
            reader=lambda reply: OpenAIReader(reply, shows_usage=shows_usage),
            chunks=as_chunks,
        )

    @override
    def embeddings(self, asked: dict[str, Json], route: Route) -> Described:
        """The client's own body; floats and base64 are answered as they come."""
        body = {**asked, "model": route.upstream_model}
        return Described(
            UpstreamRequest("POST", "/embeddings", orjson.dumps(body)),
            lambda body: self._embeddings(body, route.model),
        )

    def _embeddings(self, body: bytes, model: str) -> tuple[dict[str, Json], Usage | None]:
        answer = loads(body)
        if failure := self.error_in(answer):
            raise failure
        rows = answer.get("data")
        if not isinstance(rows, list) or not rows:
            raise Failure("broken", "The platform's answer has no 'data'.")
        for index, row in enumerate(rows):
            if not isinstance(row, dict) or not isinstance(row.get("embedding"), list | str):
                raise Failure("broken", f"The platform's answer has no 'data[{index}].embedding'.")
            row.setdefault("index", index)
            row["object"] = "embedding"
        answer["object"] = "list"
        answer["model"] = model
        return answer, read_usage(answer.get("usage"))

    @override
    def model_names(self, body: bytes) -> list[str]:
        try:
            models = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Failure("broken", "The platform's list of models is not JSON.") from None
        rows = models.get("data") if isinstance(models, dict) else models
        if not isinstance(rows, list):
            raise Failure("broken", "The platform's list of models has no 'data'.")
        return [
            row["id"] for row in rows if isinstance(row, dict) and isinstance(row.get("id"), str)
        ]

    @override
    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """Status first, code second; the message is only passed on, never searched."""
        message, kind_name, code, param = _error_fields(body)
        if code in _QUOTA_CODES or kind_name in _QUOTA_CODES:
            kind: FailureKind = "quota"
        elif code in _CODES and status < 500:
            kind = _CODES[code]
        elif status in _STATUSES:
            kind = _STATUSES[status]
        else:
            kind = "bad_request" if 400 <= status < 500 else "broken"
        if not message:
            what = "a redirect" if 300 <= status < 400 else "no message that could be read"
            message = f"The platform answered {status} with {what}."
        return Failure(
            kind,
            message,
            status=status,
            code=code,
            param=param,
            retry_after_s=_retry_after_s(headers),
        )

    @override
    def error_in(self, body: dict[str, Json]) -> Failure | None:
        """`{"error": …}` where an answer or chunk should be; it comes with status 200."""
        if not body.get("error"):
            return None
        message, kind_name, code, param = _error_fields(orjson.dumps(body))
        kind: FailureKind = "broken"
        if code in _QUOTA_CODES or kind_name in _QUOTA_CODES:
            kind = "quota"
        elif code is not None and code in _CODES:
            kind = _CODES[code]
        elif code is not None and code.isdecimal() and int(code) in _STATUSES:
            kind = _STATUSES[int(code)]  # OpenRouter puts the HTTP status there
        elif code == "rate_limit_exceeded":
            kind = "rate"
        return Failure(kind, message or "The platform reported an error.", code=code, param=param)

    def _answer(self, body: bytes, reply: Reply) -> Answer:
        try:
            completion = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Failure("broken", f"The platform's answer is {kind_of(body)}.") from None
        if not isinstance(completion, dict):
            raise Failure("broken", "The platform's answer is no JSON object.")
        if failure := self.error_in(completion):
            raise failure
        choices = completion.get("choices")
        if not isinstance(choices, list) or not choices:
            raise Failure("broken", "The platform's answer has no 'choices'.")
        text_length = 0
        for index, choice in enumerate(choices):
            message = choice.get("message") if isinstance(choice, dict) else None
            if not isinstance(message, dict):
                raise Failure("broken", f"The platform's answer has no 'choices[{index}].message'.")
            choice.setdefault("index", index)
            choice.setdefault("logprobs", None)
            choice["finish_reason"] = _finish_reason(choice.get("finish_reason")) or "stop"
            message["role"] = "assistant"
            message.setdefault("content", None)
            message.setdefault("refusal", None)
            text_length += _text_length(message)
        completion["id"] = reply.id
        completion["object"] = "chat.completion"
        completion["created"] = reply.created
        completion["model"] = reply.model
        usage = read_usage(completion.get("usage"))
        if usage is None:
            completion.pop("usage", None)
        return Answer(completion, usage, text_length)


class OpenAIReader:
    """One stream's chunks, put right; see `shapes.Reader`."""

    def __init__(self, reply: Reply, *, shows_usage: bool) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self.done = False
        self.text_length = 0
        self._reply = reply
        self._shows_usage = shows_usage
        self._raw_usage: Json = None
        self._open: set[int] = set()  # choices that have begun and not finished
        self._closed: set[int] = set()
        self._calls: dict[tuple[int, int], dict[str, Any]] = {}  # first fragment by choice, call

    def feed(self, data: bytes) -> list[dict[str, Json]]:
        """One chunk, or none. Raises Failure on an error, and on data that is no chunk."""
        if data.startswith(b"[DONE]"):
            self.done = True
            self.finished = bool(self._open or self._closed)
            return []
        if not data:
            return []
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise Failure("broken", f"An event of the platform is {kind_of(data)}.") from None
        if type(chunk) is not dict:
            raise Failure("broken", "An event of the platform is no JSON object.")
        if chunk.get("error"):
            raise _OPENAI.error_in(chunk) or Failure("broken", "The platform reported an error.")
        if usage := chunk.pop("usage", None):
            self.usage = read_usage(usage) or self.usage
            self._raw_usage = usage
        choices = chunk.get("choices")
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
        chunk: dict[str, Json] = {
            "id": self._reply.id,
            "object": "chat.completion.chunk",
            "created": self._reply.created,
            "model": self._reply.model,
            "choices": choices,
        }
        if self._shows_usage:
            chunk["usage"] = None
        return chunk

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
        if type(content) is str:
            self.text_length += _size(content)
        if len(delta) > 1 or content is None:  # more than text: the rare case
            self._rest_of_delta(index, delta)
        reason = choice.get("finish_reason")
        if reason is None:
            choice["finish_reason"] = None
        else:
            choice["finish_reason"] = _finish_reason(reason)
            self._open.discard(index)
            self._closed.add(index)
            self.finished = not self._open

    def _rest_of_delta(self, index: int, delta: dict[str, Json]) -> None:
        for name in ("reasoning_content", "reasoning", "refusal"):
            if type(delta.get(name)) is str:
                self.text_length += _size(delta[name])
        calls = delta.get("tool_calls")
        if calls is None:
            delta.pop("tool_calls", None)  # null here fails the SDKs' schema
            return
        for position, call in enumerate(calls):
            self._tool_call(index, position, call)

    def _tool_call(self, choice: int, position: int, call: dict[str, Json]) -> None:
        """Give a fragment its index, and say id, type and name once, as SDKs add fragments up."""
        if call.get("index") is None:
            call["index"] = self._index_of_call(choice, position, call.get("id"))
        function = call.get("function") or {}
        self.text_length += _size(function.get("arguments") or "")
        first = self._calls.get((choice, call["index"]))
        if first is None:
            self._calls[choice, call["index"]] = {
                "id": call.get("id"),
                "name": function.get("name"),
            }
            return
        if call.get("id") == first["id"]:
            call.pop("id", None)
            call.pop("type", None)
            if function.get("name") == first["name"]:
                function.pop("name", None)

    def _index_of_call(self, choice: int, position: int, id: str | None) -> int:
        known = [number for (of, number) in self._calls if of == choice]
        if id is None:  # a later fragment: of the call at this place, or else of the newest
            return position if position in known or not known else known[-1]
        for (of, number), first in self._calls.items():
            if of == choice and first["id"] == id:
                return number
        return len(known)


_OPENAI = OpenAI()


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
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        cached_tokens=_count(cached),
        reasoning_tokens=_count(completion.get("reasoning_tokens")),
        measured=True,
    )


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _count(value: Json) -> int:
    return value if type(value) is int and value > 0 else 0


def _finish_reason(reason: Json) -> str | None:
    if reason is None:
        return None
    if not isinstance(reason, str):
        return "stop"
    return reason if reason in FINISH_REASONS else _FOREIGN_REASONS.get(reason, "stop")


def _text_length(message: dict[str, Json]) -> int:
    length = sum(
        _size(message[name])
        for name in ("content", "reasoning_content", "reasoning", "refusal")
        if isinstance(message.get(name), str)
    )
    for call in message.get("tool_calls") or ():
        length += _size((call.get("function") or {}).get("arguments") or "")
    return length


def _error_fields(body: bytes) -> tuple[str, str | None, str | None, str | None]:
    """Message, type, code and param of an error body, in the shapes that are about."""
    try:
        error = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", None, None, None
    if isinstance(error, list) and error:  # Google wraps its error in a list
        error = error[0]
    if isinstance(error, dict) and error.get("error"):
        inner = error["error"]
        error = inner if isinstance(inner, dict) else {"message": inner}
    if not isinstance(error, dict):
        error = {"message": error}
    message = error.get("message") or error.get("detail") or error.get("msg") or ""
    if not isinstance(message, str):
        message = orjson.dumps(message).decode()
    kind, code, param = (error.get(name) for name in ("type", "code", "param"))
    return (
        message[:_MESSAGE_LENGTH],
        kind if isinstance(kind, str) else None,
        str(code) if isinstance(code, str | int) and not isinstance(code, bool) else None,
        param if isinstance(param, str) else None,
    )


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from `retry-after-ms` or `retry-after` (seconds or an HTTP date against `date`)."""
    try:
        if value := headers.get("retry-after-ms"):
            return max(0.0, float(value) / 1000)
        if not (value := headers.get("retry-after")):
            return None
        if value.strip().replace(".", "", 1).isdecimal():
            return float(value)
        # The upstream's own clock, so that no other is needed.
        now = parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None
