"""Answers in Gemini's words: completions as whole responses, chunks as partial ones. Pure.

Both ways go through `Candidate`, so that a stream, folded, is the whole answer. Sources: wire notes
gemini §1, §5; what clients do with pings and errors: google-genai 3.4.0 for Python and 2.32.0 for
JavaScript were run, go-genai and java-genai read (Nov 2026).
"""

from dataclasses import dataclass, field

import orjson
from typing_extensions import override

from gateway import sse
from gateway.errors import ApiError
from gateway.faces import Face
from gateway.shapes import Json
from gateway.signatures import signature_of
from gateway.values import as_count, as_objects, as_text

STREAM = "streamGenerateContent"
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
"""Google's names of HTTP statuses; others are INVALID_ARGUMENT below 500, then INTERNAL."""
_RPC = "type.googleapis.com/google.rpc."
_SAID = 300  # characters of malformed arguments that are shown

Part = dict[str, Json]
"""One of Gemini's parts."""


class GeminiAnswers(Face):
    """The half of Gemini's face that answers, as events or as one array.

    The last event says the finish reasons and the usage, and so waits for the usage chunk: Google's
    SDKs drop a turn from a chat's history if an event of it has no candidate with a part.
    """

    wire = "gemini"
    # Google's SDKs for Python and Go fail on comments; empty lines are skipped by all.
    ping = b"\n\n"

    def __init__(self, method: str, *, sse: bool) -> None:
        super().__init__()
        self._method = method
        self._is_array = not sse
        if self._is_array:
            self.content_type = b"application/json"
            self.ping = b""  # type: ignore[misc] # nothing may stand before an array's bracket
        self.shows_thoughts = True
        """Google hides them from those who have not asked."""
        self._began = False
        self._candidates: dict[int, Candidate] = {}
        self._usage: dict[str, Json] = {}
        self._reply: dict[str, Json] = {}

    @override
    def answer(self, completion: dict[str, Json]) -> bytes:
        candidates = []
        for choice in completion["choices"]:
            candidate = Candidate(choice["index"], shows_thoughts=self.shows_thoughts)
            parts = candidate.read(choice["message"]) + candidate.finish(choice["finish_reason"])
            candidates.append(candidate.last(parts, choice.get("logprobs")))
        usage = {"usageMetadata": usage_metadata(completion["usage"])}
        return orjson.dumps({"candidates": candidates, **usage, **_reply(completion)})

    @override
    def chunk(self, chunk: dict[str, Json]) -> bytes:
        self._reply = _reply(chunk)
        shown = []
        for choice in chunk.get("choices") or ():
            index, logprobs = choice["index"], choice.get("logprobs")
            candidate = self._candidates.get(index)
            if candidate is None:
                candidate = Candidate(index, shows_thoughts=self.shows_thoughts)
                self._candidates[index] = candidate
            parts = candidate.read(choice.get("delta") or {})
            if reason := choice.get("finish_reason"):
                parts += candidate.finish(reason)
            if parts or logprobs:
                shown.append(candidate.shown(parts, logprobs))
        event = self.relayed(orjson.dumps({"candidates": shown} | self._reply)) if shown else b""
        self._usage = chunk.get("usage") or self._usage
        if self._usage and all(one.reason for one in self._candidates.values()):
            event += self._last()
        return event

    @override
    def relayed(self, data: bytes) -> bytes:
        began, self._began = self._began, True
        if self._is_array:
            return (b",\r\n" if began else b"[") + data
        return sse.encode(data)

    @override
    def end(self) -> bytes:
        event = self._last()
        return event + b"]" if self._is_array and self._began else event

    @override
    def error(self, error: ApiError) -> bytes:
        """Google's error object; in a list of one where an array was asked for (§1)."""
        body = orjson.dumps(error_body(error))
        return b"[" + body + b"]" if self._is_array and self._method == STREAM else body

    @override
    def error_event(self, error: ApiError) -> bytes:
        """The error as an event, and once more as a bare line; in an array as its last element.

        Google's SDK for Java finds errors in events alone, that for Go in bare lines alone; who
        misses it would take the cut for an end.
        """
        body = orjson.dumps(error_body(error))
        return self.relayed(body) + (b"]" if self._is_array else body)

    def _last(self) -> bytes:
        """The event that says how all candidates ended and what was used; nothing without any."""
        candidates, self._candidates = sorted(self._candidates.items()), {}
        if not candidates:
            return b""
        shown = [one.last([] if one.reason else one.finish("stop")) for _, one in candidates]
        usage = {"usageMetadata": usage_metadata(self._usage)} if self._usage else {}
        return self.relayed(orjson.dumps({"candidates": shown, **usage, **self._reply}))


@dataclass(slots=True)
class _Call:
    """A call as its fragments come."""

    id: str = ""
    name: str = ""
    signature: str = ""
    pieces: list[str] = field(default_factory=list)
    sent: bool = False

    def part(self, *, ended: bool) -> list[Part]:
        """The call, once; nothing while it is not whole, or if its arguments are no object."""
        arguments = "" if self.sent else "".join(self.pieces)
        try:
            args = {} if ended and not arguments.strip() else orjson.loads(arguments)
        except orjson.JSONDecodeError:
            args = None
        if self.sent or not isinstance(args, dict):
            return []
        self.sent = True
        id = {"id": self.id} if self.id else {}
        return [_signed({"functionCall": {**id, "name": self.name, "args": args}}, self.signature)]


class Candidate:
    """One choice, whole or as its chunks come."""

    def __init__(self, index: int, *, shows_thoughts: bool = True) -> None:
        self._shows_thoughts = shows_thoughts
        self.reason = ""
        """How it ended, in Gemini's words; "": it has not."""
        self._index = index
        self._message = ""
        self._calls: dict[int, _Call] = {}

    def read(self, delta: dict[str, Json]) -> list[Part]:
        """The parts that a message or a delta says; calls once they are whole."""
        thought = as_text(delta.get("reasoning_content")) or as_text(delta.get("reasoning"))
        shown = thought and self._shows_thoughts
        parts: list[Part] = [{"text": thought, "thought": True}] if shown else []
        parts += [
            {"text": one} for key in ("content", "refusal") if (one := as_text(delta.get(key)))
        ]
        if signature := signature_of(delta):
            if not parts or "thought" in parts[-1]:
                parts.append({"text": ""})  # so does Google send what is signed late
            parts[-1]["thoughtSignature"] = signature
        parts += [part for image in as_objects(delta.get("images")) if (part := _image(image))]
        for position, fragment in enumerate(as_objects(delta.get("tool_calls"))):
            parts += self._fragment(fragment, fragment.get("index", position))
        return parts

    def finish(self, reason: str) -> list[Part]:
        """Note how it ended; the calls that are still owed."""
        self.reason = FINISH_REASONS.get(reason, "OTHER")
        parts = []
        for call in self._calls.values():
            parts += call.part(ended=True)
            if not call.sent and self.reason == "STOP":  # others say by themselves why it is cut
                self.reason = "MALFORMED_FUNCTION_CALL"
                arguments = "".join(call.pieces)[:_SAID]
                self._message = f"Malformed function call: {call.name}({arguments})"
        return parts

    def shown(self, parts: list[Part], logprobs: Json = None) -> dict[str, Json]:
        """The candidate with these parts."""
        content = {"role": "model", "parts": parts}
        return {"content": content, "index": self._index, **_logprobs_result(logprobs)}

    def last(self, parts: list[Part], logprobs: Json = None) -> dict[str, Json]:
        """The candidate at its end; never without a part, which SDKs call invalid."""
        shown = {**self.shown(parts or [{"text": ""}], logprobs), "finishReason": self.reason}
        return {**shown, "finishMessage": self._message} if self._message else shown

    def _fragment(self, fragment: dict[str, Json], index: int) -> list[Part]:
        """Add a fragment; where it begins a call, those before it that are whole."""
        parts: list[Part] = []
        if index not in self._calls:
            for earlier in self._calls.values():
                parts += earlier.part(ended=False)
                if not earlier.sent:
                    break  # fragments may alternate, and calls keep their order
            self._calls[index] = _Call()
        call, function = self._calls[index], fragment.get("function") or {}
        call.id = call.id or as_text(fragment.get("id"))
        call.name = call.name or as_text(function.get("name"))
        call.signature = call.signature or signature_of(fragment)
        call.pieces.append(as_text(function.get("arguments")))
        return parts


def usage_metadata(usage: dict[str, Json]) -> dict[str, int]:
    """OpenAI's usage, counted as Gemini counts: its candidates exclude thoughts (§5)."""
    prompt, completion = (
        as_count(usage.get("prompt_tokens")),
        as_count(usage.get("completion_tokens")),
    )
    details = usage.get("completion_tokens_details") or {}
    thoughts = min(as_count(details.get("reasoning_tokens")), completion)
    cached = as_count((usage.get("prompt_tokens_details") or {}).get("cached_tokens"))
    counts = {"promptTokenCount": prompt, "candidatesTokenCount": completion - thoughts}
    more = {"thoughtsTokenCount": thoughts, "cachedContentTokenCount": cached}
    counts |= {name: count for name, count in more.items() if count}
    return {**counts, "totalTokenCount": prompt + completion}


def error_body(error: ApiError) -> dict[str, Json]:
    """Google's error object, with our code as the reason and `Retry-After` as its RetryInfo."""
    other = "INVALID_ARGUMENT" if error.status < 500 else "INTERNAL"
    status = STATUSES.get(error.status, other)
    said: dict[str, Json] = {"code": error.status, "message": error.message, "status": status}
    details = []
    if error.code:
        reason = error.code.upper()
        details.append({"@type": f"{_RPC}ErrorInfo", "reason": reason, "domain": "tokens"})
    if seconds := error.headers.get("Retry-After"):
        details.append({"@type": f"{_RPC}RetryInfo", "retryDelay": f"{seconds}s"})
    return {"error": {**said, "details": details} if details else said}


def _reply(said: dict[str, Json]) -> dict[str, Json]:
    return {"modelVersion": said["model"], "responseId": said["id"]}


def _signed(part: Part, signature: str) -> Part:
    return {**part, "thoughtSignature": signature} if signature else part


def _image(image: dict[str, Json]) -> Part | None:
    """A picture of `message.images`: a data URL, or an address."""
    holder = image.get("image_url")
    url = as_text(holder.get("url")) if isinstance(holder, dict) else ""
    head, found, data = url.partition(";base64,")
    if not found:
        return {"fileData": {"fileUri": url}} if url else None
    media_type = head.removeprefix("data:")
    return _signed({"inlineData": {"mimeType": media_type, "data": data}}, signature_of(image))


def _logprobs_result(logprobs: Json) -> dict[str, Json]:
    entries = as_objects(logprobs.get("content")) if isinstance(logprobs, dict) else []
    tops = [{"candidates": _chosen(as_objects(one.get("top_logprobs")))} for one in entries]
    result = {"chosenCandidates": _chosen(entries), "topCandidates": tops}
    return {"logprobsResult": result} if entries else {}


def _chosen(entries: list[dict[str, Json]]) -> list[Json]:
    return [{"token": one.get("token"), "logProbability": one.get("logprob")} for one in entries]
