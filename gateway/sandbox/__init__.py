"""An upstream without key or network: `sandbox://` addresses, answered in this process.

It stands where the network would, as an httpx transport, so that whatever calls it walks the same
code as for a real platform. What it says is made up, and says so.
"""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import orjson
from typing_extensions import override

from gateway.sandbox import chat, embeddings, images, videos
from gateway.sandbox.answers import Answer, Asked, Pace, error
from gateway.sandbox.checks import Refused

Endpoint = Callable[[Asked], Answer | Awaitable[Answer]]
MODELS = (*chat.MODELS, *embeddings.MODELS, *images.MODELS, *videos.MODELS)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _models(_asked: Asked) -> Answer:
    data = [{"id": id, "object": "model", "created": 0, "owned_by": "sandbox"} for id in MODELS]
    return Answer((orjson.dumps({"object": "list", "data": data}),))


_ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("POST", "/v1/chat/completions"): chat.completions,
    ("GET", "/v1/models"): _models,
    ("POST", "/v1/embeddings"): embeddings.create,
    ("POST", "/v1/images/generations"): images.generations,
    ("POST", "/v1/images/edits"): images.edits,
    ("POST", "/v1/videos"): videos.create,
    ("GET", "/v1/videos/{id}"): videos.show,
    ("DELETE", "/v1/videos/{id}"): videos.delete,
    ("POST", "/v1/videos/{id}/remix"): videos.remix,
    ("GET", "/v1/videos/{id}/content"): videos.content,
}
_ID = re.compile(r"(?<=^/v1/videos/)[^/]+")


class SandboxTransport(httpx.AsyncBaseTransport):
    """Answers as an OpenAI-compatible service would."""

    def __init__(self, pace: Pace | None = None, clock: Callable[[], int] = now_ms) -> None:
        """`pace`: how long things take; tests want it shorter. `clock`: milliseconds since 1970."""
        self._pace = pace or Pace()
        self._clock = clock

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        answer = await self._answer(request)
        return httpx.Response(
            answer.status,
            headers={"content-type": answer.content_type, **answer.headers},
            stream=_Body(answer.body(self._pace)),
        )

    async def _answer(self, request: httpx.Request) -> Answer:
        path = request.url.path
        endpoint = _ENDPOINTS.get((request.method, _ID.sub("{id}", path)))
        if endpoint is None:
            return error(404, f"The sandbox has no {request.method} {path}.")
        id = _ID.search(path)
        asked = Asked(request, self._pace, self._clock(), id[0] if id else "")
        try:
            answer = endpoint(asked)
            return answer if isinstance(answer, Answer) else await answer
        except Refused as refused:
            return error(400, refused.message, refused.code, param=refused.param)


class _Body(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            yield piece
