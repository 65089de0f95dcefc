"""An upstream without key or network: `sandbox://` addresses, answered in this process.

It stands where the network would, as an httpx transport, so that whatever calls it walks the same
code as for a real platform. What it says is made up, and says so.
"""

from collections.abc import AsyncIterator, Callable

import httpx
from typing_extensions import override

from gateway.sandbox import chat
from gateway.sandbox.answers import Answer, Pace

Endpoint = Callable[[httpx.Request], Answer]
_ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("POST", "/v1/chat/completions"): chat.completions,
    ("GET", "/v1/models"): chat.models,
}


class SandboxTransport(httpx.AsyncBaseTransport):
    """Answers as an OpenAI-compatible service would."""

    def __init__(self, pace: Pace | None = None) -> None:
        """`pace`: how long things take; tests want it shorter."""
        self._pace = pace or Pace()

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        endpoint = _ENDPOINTS.get((request.method, request.url.path))
        if endpoint is None:
            answer = chat.error(404, f"The sandbox has no {request.method} {request.url.path}.")
        else:
            answer = endpoint(request)
        return httpx.Response(
            answer.status,
            headers={"content-type": answer.content_type, **answer.headers},
            stream=_Body(answer.body(self._pace)),
        )


class _Body(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            yield piece
