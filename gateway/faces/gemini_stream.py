"""Answers in Gemini's words: completions as whole responses, chunks as partial ones. Pure.

Both ways go through `Candidate`, so that a stream, folded, is the whole answer. Sources: wire notes
gemini §1, §5; what clients do with pings and errors: google-genai 3.4.0 (Python, run), @google/genai
2.32.0 (JavaScript, run), go-genai and java-genai (read, Nov 2026).
"""

from dataclasses import dataclass, field

import orjson
from typing_extensions import override

from gateway import sse
from gateway.errors import ApiError
from gateway.faces import Face
from gateway.shapes import Json

FINISH_REASONS = {
    "stop": "STOP",
    "tool_calls": "STOP",  # Gemini has no reason of its own for calls
    "function_call": "STOP",
    "length": "MAX_TOKENS",
    "content_filter": "SAFETY",
}
STATUSES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Google's names of HTTP statuses; others are INVALID_ARGUMENT below 500 and INTERNAL above."""
_RPC = "type.googleapis.com/google.rpc."
_SAID = 300  # characters of malformed arguments that are shown

Part = dict[str, Json]
"""One of Gemini's parts."""


class GeminiAnswers(Face):
    """The half of Gemini's face that answers; see `Face`.

    The last event waits for the usage chunk, or for the end: Google counts beside the finish
    reason, and its SDKs drop a turn from a chat's history if an event of it has no candidate.
    """

    wire = "gemini"
    # Google's Python and Go SDKs fail on comments; all skip empty lines, as the grammar says.
    ping = b"\n\n"

    def __init__(self, *, stream: bool, sse: bool) -> None:
        super().__init__()
        self._is_array = not sse
        self._errs_in_array = stream and not sse
        if self._is_array:
            self.content_type = b"application/json"
            self.ping = b""  # type: ignore[misc] # of this answer alone: an array has no comments
        self._began = False
        self._closed = False
        self._candidates: dict[int, Candidate] = {}
        self._usage: Json = None
        self._reply: dict[str, Json] = {}

    @override
    def answer(self, completion: dict[str, Json]) -> bytes:
        candidates = []
        for choice in completion["choices"]:
            candidate = Candidate(choice["index"])
            parts = candidate.read(choice["message"])
            parts += candidate.finish(choice["finish_reason"])
            candidates.append(candidate.last(parts, choice.get("logprobs")))
        return orjson.dumps(
            {
                "candidates": candidates,
                "usageMetadata": usage_metadata(completion["usage"]),
                **_reply(completion),
            }
        )

    @override
    def chunk(self, chunk: dict[str, Json]) -> bytes:
        self._reply = _reply(chunk)
        candidates = []
        for choice in chunk.get("choices") or ():
            index = choice["index"]
            candidate = self._candidates.get(index)
            if candidate is None:
                candidate = self._candidates[index] = Candidate(index)
            parts = candidate.read(choice.get("delta") or {})
            if reason := choice.get("finish_reason"):
                parts += candidate.finish(reason)
            logprobs = choice.get("logprobs")
            if parts or logprobs:
                candidates.append(candidate.shown(parts, logprobs))
        event = self._event({"candidates": candidates}) if candidates else b""
        if usage := chunk.get("usage"):
            self._usage = usage
            if all(candidate.reason for candidate in self._candidates.values()):
                event += self._last()
        return event

    @override
    def relayed(self, data: bytes) -> bytes:
        return self._framed(data)

    @override
    def end(self) -> bytes:
        event = self._last()
        return event + b"]" if self._is_array and self._began else event

    @override
    def error(self, error: ApiError) -> bytes:
        """Google's error object; in a list of one where an array was asked for (§1)."""
        body = orjson.dumps(error_body(error))
        return b"[" + body + b"]" if self._errs_in_array else body

    @override
    def error_event(self, error: ApiError) -> bytes:
        """The error as an event and once more as a bare line; in an array as its last element.

        Java's SDK reads errors from events alone, Go's from bare lines alone, and to who misses it
        the cut would look like an end.
        """
        body = orjson.dumps(error_body(error))
        event = self._framed(body)
        return event + (b"]" if self._is_array else body)

    def _last(self) -> bytes:
        """The event that says how all candidates ended, and what was used; once."""
        if self._closed or not self._candidates:
            return b""
        self._closed = True
        candidates = [candidate for _, candidate in sorted(self._candidates.items())]
        event: dict[str, Json] = {
            "candidates": [
                candidate.last([] if candidate.reason else candidate.finish("stop"))
                for candidate in candidates
            ]
        }
        if self._usage:
            event["usageMetadata"] = usage_metadata(self._usage)
        return self._event(event)

    def _event(self, event: dict[str, Json]) -> bytes:
        return self._framed(orjson.dumps(event | self._reply))

    def _framed(self, data: bytes) -> bytes:
        began, self._began = self._began, True
        if self._is_array:
            return (b",\r\n" if began else b"[") + data
        return sse.encode(data)


@dataclass(slots=True)
class _Call:
    """A call as its fragments come."""

    id: Json = None
    name: Json = None
    signature: str | None = None
    pieces: list[str] = field(default_factory=list)
    sent: bool = False

    def part(self, *, ended: bool) -> Part | None:
        """The whole call; None while it is not whole, or where its arguments are no object."""
        arguments = "".join(self.pieces)
        try:
            args = {} if ended and not arguments.strip() else orjson.loads(arguments)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(args, dict):
            return None
        call = {"name": self.name, "args": args}
        return _signed({"functionCall": {"id": self.id, **call} if self.id else call}, self)


class Candidate:
    """One choice, whole or as its chunks come."""

    def __init__(self, index: int) -> None:
        self.reason = ""
        """How it ended, in Gemini's words; "": it has not."""
        self._index = index
        self._message = ""
        self._calls: dict[int, _Call] = {}

    def read(self, delta: dict[str, Json]) -> list[Part]:
        """The parts that a message or a delta says; calls once they are whole."""
        parts: list[Part] = []
        for name in ("reasoning_content", "reasoning"):
            if thought := _text(delta.get(name)):
                parts.append({"text": thought, "thought": True})
                break  # some platforms say the same under both names
        parts += [
            {"text": text} for name in ("content", "refusal") if (text := _text(delta.get(name)))
        ]
        if signature := signature_of(delta):
            if not parts or "thought" in parts[-1]:
                parts.append({"text": ""})  # as Google itself sends what is signed late
            parts[-1]["thoughtSignature"] = signature
        parts += [part for image in _list(delta.get("images")) if (part := _image(image))]
        for position, fragment in enumerate(_list(delta.get("tool_calls"))):
            parts += self._fragment(fragment, position)
        return parts

    def finish(self, reason: str) -> list[Part]:
        """Note how it ended; the calls that are still owed."""
        self.reason = FINISH_REASONS.get(reason, "OTHER")
        parts = []
        for call in self._calls.values():
            if call.sent:
                continue
            call.sent = True
            if part := call.part(ended=True):
                parts.append(part)
            elif self.reason == "STOP":  # otherwise it is clear why they are cut off
                self.reason = "MALFORMED_FUNCTION_CALL"
                said = "".join(call.pieces)[:_SAID]
                self._message = f"Malformed function call: {call.name}({said})"
        return parts

    def shown(self, parts: list[Part], logprobs: Json = None) -> dict[str, Json]:
        """A partial candidate."""
        content = {"role": "model", "parts": parts}
        shown: dict[str, Json] = {"content": content, "index": self._index}
        if result := _logprobs_result(logprobs):
            shown["logprobsResult"] = result
        return shown

    def last(self, parts: list[Part], logprobs: Json = None) -> dict[str, Json]:
        """The candidate with its finish reason; never without a part, which SDKs call invalid."""
        shown = {**self.shown(parts or [{"text": ""}], logprobs), "finishReason": self.reason}
        return {**shown, "finishMessage": self._message} if self._message else shown

    def _fragment(self, fragment: dict[str, Json], position: int) -> list[Part]:
        """Add a fragment; when it begins a call, those before it that are whole."""
        index = fragment.get("index", position)
        parts: list[Part] = []
        if index not in self._calls:
            for earlier in self._calls.values():
                if not earlier.sent:
                    part = earlier.part(ended=False)
                    if part is None:
                        break  # fragments may alternate, and calls keep their order
                    earlier.sent = True
                    parts.append(part)
            self._calls[index] = _Call()
        call, function = self._calls[index], fragment.get("function") or {}
        call.id = call.id or fragment.get("id")
        call.name = call.name or function.get("name")
        call.signature = call.signature or signature_of(fragment)
        call.pieces.append(_text(function.get("arguments")))
        return parts


def usage_metadata(usage: dict[str, Json]) -> dict[str, Json]:
    """OpenAI's usage, counted as Gemini counts: its candidates exclude thoughts (§5)."""
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    details = usage.get("completion_tokens_details") or {}
    thoughts = min(_count(details.get("reasoning_tokens")), completion)
    cached = _count((usage.get("prompt_tokens_details") or {}).get("cached_tokens"))
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": completion - thoughts}
    if thoughts:
        counts["thoughtsTokenCount"] = thoughts
    if cached:
        counts["cachedContentTokenCount"] = cached
    return {**counts, "totalTokenCount": prompt + completion}


def error_body(error: ApiError) -> dict[str, Json]:
    """Google's error object, with our code as the reason and `Retry-After` as its RetryInfo."""
    other = "INVALID_ARGUMENT" if error.status < 500 else "INTERNAL"
    said: dict[str, Json] = {
        "code": error.status,
        "message": error.message,
        "status": STATUSES.get(error.status, other),
    }
    details = []
    if error.code:
        reason = error.code.upper()
        details.append({"@type": f"{_RPC}ErrorInfo", "reason": reason, "domain": "tokens"})
    if seconds := error.headers.get("Retry-After"):
        details.append({"@type": f"{_RPC}RetryInfo", "retryDelay": f"{seconds}s"})
    return {"error": {**said, "details": details} if details else said}


def signature_of(holder: dict[str, Json]) -> str | None:
    """The thought signature of a call, a picture or a message, where our protocols put it."""
    extra = holder.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) and signature else None


def _reply(said: dict[str, Json]) -> dict[str, Json]:
    return {"modelVersion": said["model"], "responseId": said["id"]}


def _signed(part: Part, call: _Call) -> Part:
    return {**part, "thoughtSignature": call.signature} if call.signature else part


def _image(image: Json) -> Part | None:
    """A picture of `message.images`, which holds data URLs."""
    holder = image.get("image_url") if isinstance(image, dict) else None
    url = _text(holder.get("url")) if isinstance(holder, dict) else ""
    head, found, data = url.partition(";base64,")
    if not found:
        return {"fileData": {"fileUri": url}} if url else None
    part: Part = {"inlineData": {"mimeType": head.removeprefix("data:"), "data": data}}
    signature = signature_of(image)
    return {**part, "thoughtSignature": signature} if signature else part


def _logprobs_result(logprobs: Json) -> dict[str, Json]:
    entries = _list(logprobs.get("content")) if isinstance(logprobs, dict) else []
    if not entries:
        return {}
    tops = [
        {"candidates": [_logprob(one) for one in _list(entry.get("top_logprobs"))]}
        for entry in entries
    ]
    return {"chosenCandidates": [_logprob(entry) for entry in entries], "topCandidates": tops}


def _logprob(entry: dict[str, Json]) -> dict[str, Json]:
    return {"token": entry.get("token"), "logProbability": entry.get("logprob")}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Json) -> list[Json]:
    """The objects of a list; what a platform sends may be anything."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _count(value: Json) -> int:
    return value if type(value) is int and value > 0 else 0
