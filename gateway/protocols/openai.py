"""OpenAI's chat protocol towards upstreams that speak it, in all its dialects' usual slips.

Request, answer and chunks are OpenAI's own shape, so unknown fields travel on both ways.
"""

from collections.abc import Mapping
from typing import ClassVar

import orjson
from typing_extensions import override

from gateway.protocols import openai_responses
from gateway.protocols.base import dumped, loads
from gateway.protocols.dialect import said
from gateway.protocols.openai_errors import failure_in, failure_of
from gateway.protocols.openai_media import OpenAIMedia
from gateway.protocols.openai_stream import OpenAIReader, as_chunks, read_answer, read_usage
from gateway.shapes import (
    Chat,
    Codes,
    Described,
    Exchange,
    Failure,
    Json,
    Native,
    UpstreamRequest,
    Usage,
)
from platforms.routes import Route


class OpenAI(OpenAIMedia):
    """`POST {base}/chat/completions` and everything that calls itself compatible with it."""

    name: ClassVar[str] = "openai"

    @override
    def chat(self, chat: Chat, route: Route) -> Exchange:
        """The client's own body with the upstream's model name, in the platform's dialect.

        Key order is kept, because prompt caches of upstreams depend on it.
        """
        body, dropped = said(chat, route)
        shows_usage = bool((chat.get("stream_options") or {}).get("include_usage"))
        dialect = route.dialect
        return Exchange(
            request=UpstreamRequest("POST", route.platform.chat_path, dumped(body)),
            answer=lambda body, reply: read_answer(body, reply, dialect),
            reader=lambda reply: OpenAIReader(reply, shows_usage=shows_usage, dialect=dialect),
            chunks=as_chunks,
            dropped=tuple(dropped),
            alike=dialect.reasoning_out != "think",  # of that, one text depends on those before
        )

    @override
    def relays(self, wire: str, route: Route) -> bool:
        return wire == "responses" and route.dialect.responses

    @override
    def relay(self, native: Native, route: Route) -> Exchange:
        return openai_responses.relayed(native, route)

    @override
    def embeddings(self, asked: dict[str, Json], route: Route) -> Described:
        """The client's own body; floats and base64 are answered as they come."""
        body = {**asked, "model": route.upstream_model}
        return Described(
            UpstreamRequest("POST", "/embeddings", dumped(body)),
            lambda body: self._embeddings(body, route),
        )

    def _embeddings(self, body: bytes, route: Route) -> tuple[dict[str, Json], Usage | None]:
        answer = loads(body)
        if failure := failure_in(answer, route.dialect.error_codes):
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
        answer["model"] = route.model
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
    def failure(
        self, status: int, headers: Mapping[str, str], body: bytes, codes: Codes = ()
    ) -> Failure:
        """The platform's own code first, then code and status; then what words alone tell apart."""
        return failure_of(status, headers, body, codes)

    @override
    def error_in(self, body: dict[str, Json]) -> Failure | None:
        """`{"error": …}` where an answer or chunk should be; it comes with status 200."""
        return failure_in(body)
