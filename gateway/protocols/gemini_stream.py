"""Gemini's chat answers read: whole ones, and a stream's partial ones turned into chunks.

Both ways go through `Candidate`, so that a stream, folded, is the whole answer. Sources: wire notes
gemini §1, §5 (google-genai 3.4.0, Nov 2026); `logprobsResult` is from google-genai's types, too.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

import orjson

from gateway.protocols.base import kind_of
from gateway.shapes import Answer, Failure, FailureKind, Json, Recalled, Reply, Usage, usage_object
from gateway.signatures import kept
from gateway.values import as_count, size

FINISH_REASONS = {
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "NO_IMAGE": "content_filter",
    "MODEL_ARMOR": "content_filter",  # Vertex's own filter
}
"""`finishReason` to OpenAI's; `IMAGE_…` are content's too, others `stop`, or `tool_calls`."""
_COMPLETE = (None, "STOP", "FINISH_REASON_UNSPECIFIED", "MAX_TOKENS", "CONTINUATION")
"""Reasons with which an answer may be empty and still be one: thinking took all its tokens."""
_COUNTS = (
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
)
_SAID = 300  # characters of Google's explanation that are passed on

ErrorIn = Callable[[dict[str, Json]], Failure | None]
"""The failure inside a body of a 200, if it is one: `Protocol.error_in`."""


def read_usage(usage: Json) -> Usage | None:
    """`usageMetadata`, counted as OpenAI counts; None where it is missing or counts nothing.

    Gemini's candidates exclude thoughts, and its prompt excludes what its own tools read (§5).
    """
    if not isinstance(usage, dict) or not any(type(usage.get(name)) is int for name in _COUNTS):
        return None
    prompt, tools, candidates, thoughts = (as_count(usage.get(name)) for name in _COUNTS)
    return Usage(
        prompt_tokens=prompt + tools,
        completion_tokens=candidates + thoughts,
        cached_tokens=as_count(usage.get("cachedContentTokenCount")),
        reasoning_tokens=thoughts,
        measured=True,
    )


def shown_usage(usage: Usage) -> dict[str, Json]:
    """OpenAI's usage object, with its details where the platform measured."""
    shown = usage_object(usage)
    if usage.measured:
        shown["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
        shown["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return shown


def finish_reason(reason: str | None, *, calls: bool) -> str:
    """OpenAI's word for a `finishReason`; Gemini says STOP for calls as well."""
    if reason is not None and reason.startswith("IMAGE_"):
        return "content_filter"
    return FINISH_REASONS.get(reason or "", "tool_calls" if calls else "stop")


def blocked(response: dict[str, Json]) -> str | None:
    """Why Gemini refused the prompt itself, if it did."""
    feedback = response.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    return str(reason) if reason else None


@dataclass(slots=True)
class Candidate:
    """One candidate as it comes, part by part."""

    index: int
    reply: Reply
    reason: str | None = None
    """The last `finishReason`; some versions say one with every piece."""
    explanation: Json = None
    signature: str = ""
    """The thought signature of its text."""
    came: bool = False
    """Anything that a client gets."""
    answered: bool = False
    """Anything but thoughts."""
    calls: int = 0
    images: int = 0
    text_length: int = 0
    recall: dict[str, Recalled] = field(default_factory=dict)
    """Signatures of its calls, which must come back with them."""

    def read(self, raw: dict[str, Json]) -> list[dict[str, Json]]:
        """What a partial candidate adds, as the `delta` of one chunk for each part."""
        content = raw.get("content") or {}
        deltas = [delta for part in content.get("parts") or () if (delta := self._part(part))]
        self.reason = raw.get("finishReason") or self.reason
        self.explanation = raw.get("finishMessage") or self.explanation
        self.came = self.came or bool(deltas)
        self.answered = self.answered or any("reasoning_content" not in one for one in deltas)
        return deltas

    def failure(self) -> Failure | None:
        """What its reason means where no answer came; None: it is one, be it empty or cut off."""
        reason = self.reason
        if self.answered or reason in _COMPLETE:
            return None
        said = self.explanation
        said = f" {said[:_SAID]}" if isinstance(said, str) and said else ""
        if self.finish_reason == "content_filter":
            return None if self.came else _held_back(f"its answer ({reason})", said)
        kind: FailureKind = "bad_request" if reason == "MISSING_THOUGHT_SIGNATURE" else "broken"
        return Failure(kind, f"The platform ended without an answer ({reason}).{said}", code=reason)

    @property
    def finish_reason(self) -> str:
        """OpenAI's word for how it ended."""
        return finish_reason(self.reason, calls=self.calls > 0)

    def _part(self, part: dict[str, Json]) -> dict[str, Json] | None:
        """A part's `delta`; None for a part that OpenAI has no place for."""
        signature = part.get("thoughtSignature")
        thought = part.get("thought") is True
        if call := part.get("functionCall"):
            return {"tool_calls": [self._call(call, signature)]}
        data = part.get("inlineData")
        if data and not thought and str(data.get("mimeType")).startswith("image/"):
            return {"images": [self._image(data, signature)]}
        if signature and not thought:
            self.signature = signature
        if text := part.get("text"):
            self.text_length += size(text)
            return {"reasoning_content" if thought else "content": text}
        return None  # an empty text, drafts of pictures, and what Google's own tools did

    def _call(self, call: dict[str, Json], signature: Json) -> dict[str, Json]:
        arguments = orjson.dumps(call.get("args") or {}).decode()
        number, self.calls = self.calls, self.calls + 1
        self.text_length += size(arguments)
        stem = self.reply.id.rpartition("-")[2][-24:]  # OpenAI takes ids of 40 characters
        id = call.get("id") or f"call_{stem}_{self.index}_{number}"
        if signature:
            self.recall[id] = Recalled(call=kept(signature))
        return {
            "index": number,
            "id": id,
            "type": "function",
            "function": {"name": call["name"], "arguments": arguments},
            **kept(signature),
        }

    def _image(self, data: dict[str, Json], signature: Json) -> dict[str, Json]:
        number, self.images = self.images, self.images + 1
        url = f"data:{data['mimeType']};base64,{data['data']}"
        image = {"index": number, "type": "image_url", "image_url": {"url": url}}
        return image | kept(signature)


def read_answer(body: bytes, reply: Reply, error_in: ErrorIn) -> Answer:
    """A whole answer. Raises Failure, also where Google held back all of it.

    Takes the list as well that a stream without `alt=sse` is.
    """
    candidates: dict[int, Candidate] = {}
    messages: dict[int, dict[str, Json]] = {}
    logprobs: dict[int, list[Json]] = {}
    usage, block, is_gemini = None, None, False
    for response in _responses(body, "answer"):
        if failure := error_in(response):
            raise failure
        usage = read_usage(response.get("usageMetadata")) or usage
        block = blocked(response) or block
        is_gemini = is_gemini or bool({"candidates", "usageMetadata"} & response.keys())
        for index, raw in _candidates(response):
            candidate = candidates.setdefault(index, Candidate(index, reply))
            message = messages.setdefault(index, {})
            for delta in candidate.read(raw):
                _fold(message, delta)
            logprobs.setdefault(index, []).extend(_logprobs(raw))
    _check(candidates.values(), block, is_gemini)
    choices = [
        {
            "index": index,
            "message": _message(candidate, messages[index]),
            "logprobs": _shown_logprobs(logprobs[index]),
            "finish_reason": candidate.finish_reason,
        }
        for index, candidate in sorted(candidates.items())
    ]
    completion = reply.completion(choices)
    if usage is not None:
        completion["usage"] = shown_usage(usage)
    length = sum(one.text_length for one in candidates.values())
    recall = {id: what for one in candidates.values() for id, what in one.recall.items()}
    return Answer(completion, usage, length, recall)


class GeminiReader:
    """One stream's chunks; see `shapes.Reader`.

    Finish chunks wait for the end of the connection, which alone says that nothing more comes:
    Gemini has no `[DONE]`, and a reason to finish may stand beside any piece.
    """

    def __init__(
        self, reply: Reply, *, error_in: ErrorIn, shows_usage: bool, choices: int = 1
    ) -> None:
        """`choices`: how many were asked for; `error_in`: how Google's error object is read."""
        self.usage: Usage | None = None
        self.finished = False
        self.done = False
        self.failure: Failure | None = None
        self.text_length = 0
        self.recall: dict[str, Recalled] = {}
        self._reply = reply
        self._error_in = error_in
        self._shows_usage = shows_usage
        self._choices = choices
        self._reported: Usage | None = None
        self._candidates: dict[int, Candidate] = {}

    def feed(self, data: bytes) -> list[dict[str, Json]]:
        """The chunks of one event. Raises Failure on an error, and where all is held back."""
        if not data:
            return []
        if data.startswith(b"[DONE]"):  # not Google's, but of proxies before it
            self.done, self.finished = True, bool(self._candidates)
            return []
        responses = _responses(data, "event")
        return [chunk for response in responses for chunk in self._response(response)]

    def end(self, usage: Usage) -> list[dict[str, Json]]:
        """The finish chunk of each candidate, then the usage chunk if it was asked for."""
        chunks: list[dict[str, Json]] = []
        for index, candidate in sorted(self._candidates.items()):
            if candidate.signature:
                chunks.append(self._delta(index, kept(candidate.signature)))
            chunks.append(self._delta(index, {}, reason=candidate.finish_reason))
        if self._shows_usage:
            chunks.append(self._chunk([]) | {"usage": shown_usage(usage)})
        return chunks

    def _response(self, response: dict[str, Json]) -> list[dict[str, Json]]:
        if failure := self._error_in(response):
            raise failure
        chunks: list[dict[str, Json]] = []
        for index, raw in _candidates(response):
            chunks += self._candidate(index, raw)
        candidates = self._candidates.values()
        if block := blocked(response):
            if not any(candidate.came for candidate in candidates):
                raise _held_back(f"its answer to this prompt ({block})")
            _stop(candidates)
        self.text_length = sum(candidate.text_length for candidate in candidates)
        for candidate in candidates:
            self.recall |= candidate.recall
        self.usage = self._reported = read_usage(response.get("usageMetadata")) or self._reported
        self.finished = bool(candidates) and all(candidate.reason for candidate in candidates)
        uncounted = self.usage and not self.usage.completion_tokens and not self.finished
        if self.usage and uncounted and self.text_length:
            self.usage = self.usage.with_text(self.text_length)
        return chunks

    def _candidate(self, index: int, raw: dict[str, Json]) -> list[dict[str, Json]]:
        chunks: list[dict[str, Json]] = []
        candidate = self._candidates.get(index) or Candidate(index, self._reply)
        deltas = candidate.read(raw)
        if self._choices == 1 and (failure := candidate.failure()):
            raise failure
        if index not in self._candidates and (deltas or candidate.reason or candidate.signature):
            self._candidates[index] = candidate
            chunks.append(self._delta(index, {"role": "assistant", "content": ""}))
        logprobs = _shown_logprobs(_logprobs(raw))
        if logprobs and not deltas:
            deltas = [{}]
        for delta in deltas:
            chunks.append(self._delta(index, delta, logprobs))
            logprobs = None
        return chunks

    def _delta(
        self, index: int, delta: Json, logprobs: Json = None, reason: str | None = None
    ) -> dict[str, Json]:
        return self._chunk(
            [{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}]
        )

    def _chunk(self, choices: list[Json]) -> dict[str, Json]:
        return self._reply.chunk(choices, shows_usage=self._shows_usage)


def _responses(data: bytes, what: str) -> list[dict[str, Json]]:
    """The partial responses of a body or an event: one, or a list of them. Raises Failure."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise Failure("broken", f"The platform's {what} is {kind_of(data)}.") from None
    responses = value if isinstance(value, list) else [value]
    if not all(isinstance(response, dict) for response in responses):
        raise Failure("broken", f"The platform's {what} is no JSON object.")
    return responses


def _candidates(response: dict[str, Json]) -> Iterable[tuple[int, dict[str, Json]]]:
    """Candidates with their numbers; Google leaves a number out that is 0."""
    for candidate in response.get("candidates") or ():
        yield candidate.get("index") or 0, candidate


def _check(candidates: Collection[Candidate], block: str | None, is_gemini: bool) -> None:
    """Raise Failure where nothing came of any candidate, and not because it was cut off."""
    if block:
        if not any(candidate.came for candidate in candidates):
            raise _held_back(f"its answer to this prompt ({block})")
        _stop(candidates)
    if not candidates:
        if is_gemini:
            raise _held_back("its answer, without saying why")
        raise Failure("broken", "The platform's answer has no 'candidates'.")
    failures = [candidate.failure() for candidate in candidates]
    if failures[0] is not None and all(failures):
        raise failures[0]


def _held_back(what: str, said: str = "") -> Failure:
    message = f"The platform held back {what}.{said}"
    return Failure("content_filter", message, code="content_filter")


def _stop(candidates: Iterable[Candidate]) -> None:
    """What a refused prompt means for candidates that had begun."""
    for candidate in candidates:
        candidate.reason = candidate.reason or "PROHIBITED_CONTENT"


def _fold(message: dict[str, Json], delta: dict[str, Json]) -> None:
    for name, value in delta.items():
        if isinstance(value, str):
            message[name] = message.get(name, "") + value
        else:
            entries = [{key: one[key] for key in one if key != "index"} for one in value]
            message.setdefault(name, []).extend(entries)


def _message(candidate: Candidate, said: dict[str, Json]) -> dict[str, Json]:
    content = None if candidate.calls or candidate.images else ""
    message = {"role": "assistant", "content": content, "refusal": None}
    return message | said | kept(candidate.signature)


def _logprobs(raw: dict[str, Json]) -> list[Json]:
    """`logprobsResult` as OpenAI's list: of each step the chosen token, and the likeliest."""
    result = raw.get("logprobsResult") or {}
    tops = [step.get("candidates") or [] for step in result.get("topCandidates") or ()]
    return [
        {
            **_logprob(chosen),
            "top_logprobs": [_logprob(one) for one in (tops[n] if n < len(tops) else ())],
        }
        for n, chosen in enumerate(result.get("chosenCandidates") or ())
    ]


def _logprob(candidate: dict[str, Json]) -> dict[str, Json]:
    token = candidate.get("token") or ""
    # What is 0 is left out there, as everywhere in Google's JSON.
    logprob = candidate.get("logProbability") or 0
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def _shown_logprobs(entries: list[Json]) -> Json:
    return {"content": entries, "refusal": None} if entries else None
