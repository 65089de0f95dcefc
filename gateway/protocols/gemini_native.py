"""Gemini's generateContent for clients that speak it themselves: relayed as it is, and observed.

Sources: wire notes gemini §1, §2 (google-genai 3.4.0, Nov 2026).
"""

from collections.abc import Callable
from urllib.parse import quote

import orjson

from gateway.protocols.base import loads, without_chunks
from gateway.protocols.gemini_stream import read_usage
from gateway.shapes import (
    Answer,
    Described,
    Exchange,
    Failure,
    Json,
    Native,
    Recalled,
    Reply,
    UpstreamRequest,
    Usage,
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
    return Exchange(
        request=UpstreamRequest("POST", path(route, method), orjson.dumps(native.body)),
        answer=lambda body, _reply: _whole(body, _reply, error_in),
        reader=lambda _reply: Observer(error_in),
        chunks=without_chunks,
        relays=True,
    )


def counted(native: Native, route: Route) -> Described:
    """The client's own question how many tokens a request has; a model inside it is ours."""
    body = dict(native.body)
    for name in ("generateContentRequest", "generate_content_request"):
        if isinstance(body.get(name), dict):
            model = "models/" + route.upstream_model.removeprefix("models/")
            body[name] = {**body[name], "model": model}
    request = UpstreamRequest("POST", path(route, "countTokens"), orjson.dumps(body))
    return Described(request, lambda answer: (loads(answer), None))


def _whole(body: bytes, _reply: Reply, error_in: ErrorIn) -> Answer:
    observer = Observer(error_in)
    observer.feed(body)
    answer = loads(body)
    if "candidates" not in answer and "promptFeedback" not in answer:
        raise Failure("broken", "The platform's answer has no 'candidates'.")
    return Answer(answer, observer.usage, observer.text_length, raw=body)


class Observer:
    """Looks at a stream that goes by: its usage, and whether it ends whole."""

    def __init__(self, error_in: ErrorIn) -> None:
        self.usage: Usage | None = None
        self.finished = False
        self.done = False
        self.text_length = 0
        self.recall: dict[str, Recalled] = {}
        self._error_in = error_in

    def feed(self, data: bytes) -> list[Json]:
        """The event as it came. Raises Failure on an error."""
        answer = loads(data)
        if failure := self._error_in(answer):
            raise failure
        self.usage = read_usage(answer.get("usageMetadata")) or self.usage
        if (answer.get("promptFeedback") or {}).get("blockReason"):
            self.finished = True
        for candidate in answer.get("candidates") or ():
            # The last event of a stream has it; there is no other end (§1).
            self.finished = self.finished or bool(candidate.get("finishReason"))
            for part in (candidate.get("content") or {}).get("parts") or ():
                self.text_length += len(orjson.dumps(part.get("text") or part.get("functionCall")))
        return [data]

    def end(self, _usage: Usage) -> list[Json]:
        """Nothing: the platform has said everything itself."""
        return []
