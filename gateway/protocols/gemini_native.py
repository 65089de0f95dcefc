"""Gemini's generateContent for clients that speak it themselves: relayed as it is, and observed.

Sources: wire notes gemini §1, §2 (google-genai 3.4.0, Nov 2026).
"""

from collections.abc import Callable
from urllib.parse import quote

import orjson
from typing_extensions import override

from gateway.protocols.base import counted, dumped, loads
from gateway.protocols.gemini_stream import read_usage
from gateway.protocols.observing import Observer, observed
from gateway.shapes import (
    Answer,
    Described,
    Exchange,
    Failure,
    Json,
    Native,
    UpstreamRequest,
)
from platforms.routes import Route

ErrorIn = Callable[[dict[str, Json]], Failure | None]


def path(route: Route, method: str) -> str:
    """`/models/{model}:{method}` of this route's model."""
    model = quote(route.upstream_model.removeprefix("models/"), safe="")
    return f"/models/{model}:{method}"


def relayed(native: Native, route: Route, error_in: ErrorIn) -> Exchange:
    """The client's own request; the model stands in the path, so nothing of the body changes."""
    method = "streamGenerateContent?alt=sse" if native.stream else "generateContent"
    return observed(
        UpstreamRequest("POST", path(route, method), dumped(native.body)),
        lambda body: _whole(body, error_in),
        lambda: _Observer(error_in, _candidates(native.body)),
    )


def count(native: Native, route: Route, error_in: ErrorIn) -> Described:
    """The client's own question how many tokens a request has; a model inside it is ours."""
    body = dict(native.body)
    for name in ("generateContentRequest", "generate_content_request"):
        if isinstance(body.get(name), dict):
            model = "models/" + route.upstream_model.removeprefix("models/")
            body[name] = {**body[name], "model": model}
    request = UpstreamRequest("POST", path(route, "countTokens"), dumped(body))
    return Described(request, lambda answer: (counted_in(answer, error_in), None))


def counted_in(body: bytes, error_in: ErrorIn) -> dict[str, Json]:
    """The answer of countTokens. Raises Failure where it has no number."""
    answer = loads(body)
    if failure := error_in(answer):
        raise failure
    counted(answer.get("totalTokens") or 0)  # what is 0 is left out, as everywhere in Google's JSON
    return answer


def _candidates(body: dict[str, Json]) -> int:
    """How many answers were asked for; in either spelling."""
    config = body.get("generationConfig") or body.get("generation_config")
    given = config if isinstance(config, dict) else {}
    count = given.get("candidateCount") or given.get("candidate_count")
    return count if type(count) is int and count > 0 else 1


def _whole(body: bytes, error_in: ErrorIn) -> Answer:
    observer = _Observer(error_in)
    observer.feed(body)
    answer = loads(body)
    if "candidates" not in answer and "promptFeedback" not in answer:
        raise Failure("broken", "The platform's answer has no 'candidates'.")
    return Answer(answer, observer.usage, observer.text_length, raw=body)


class _Observer(Observer):
    def __init__(self, error_in: ErrorIn, candidates: int = 1) -> None:
        """`candidates`: how many were asked for."""
        super().__init__()
        self._ended: dict[int, bool] = {}
        self._asked = candidates
        self._error_in = error_in

    @override
    def look(self, event: dict[str, Json]) -> None:
        if failure := self._error_in(event):
            raise failure
        for candidate in event.get("candidates") or ():
            index = candidate.get("index") or 0
            # The last event of a stream has it; there is no other end (§1).
            ended = bool(candidate.get("finishReason"))
            self._ended[index] = ended or self._ended.get(index, False)
            for part in (candidate.get("content") or {}).get("parts") or ():
                self.text_length += len(orjson.dumps(part.get("text") or part.get("functionCall")))
        self.finished = all(self._ended.values()) and len(self._ended) >= self._asked
        if (event.get("promptFeedback") or {}).get("blockReason"):
            self.finished = True
        self._reported = read_usage(event.get("usageMetadata")) or self._reported
        is_said = self._reported is not None and self._reported.completion_tokens > 0
        self._is_counted = self.finished or is_said or not self.text_length
