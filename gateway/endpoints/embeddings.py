"""POST /<platform>/v1/embeddings: vectors of texts, answered whole."""

import contextlib
from collections.abc import AsyncIterator

from rest_framework.request import Request
from rest_framework.response import Response

from gateway.admission import admitted, fallbacks
from gateway.errors import BadRequest
from gateway.faces.embeddings import read_embeddings
from gateway.failover import Leg
from gateway.limited import Worst, reserve
from gateway.once import once
from gateway.protocols import PROTOCOLS
from gateway.reading import fields_of
from gateway.rest import GatewayView
from gateway.shapes import Described, Json
from gateway.stickiness import sticky_key
from gateway.usage import estimate
from platforms.routes import Route


class Embeddings(GatewayView):
    """The vectors of one text or of many."""

    endpoint = "embeddings"
    booked = True

    async def post(self, request: Request, platform: str) -> Response:
        """Embed; usage is estimated where the platform says nothing of it."""
        holder = await self.authenticate(request)
        asked = read_embeddings(fields_of(request._request))
        entry = self.entry
        entry.route = route = admitted(
            self.gateway.catalogue, holder, entry, asked["model"], "embedding"
        )
        sticky = sticky_key(asked, holder.id)
        others = self._fallbacks(route, asked) if route.fallbacks else None
        call = described(route, asked)

        def worst() -> Worst:
            return Worst(estimate.embedding_usage(asked["input"]))

        await reserve(self.gateway.limiter, entry, route, worst)
        answer, usage = await once(self.gateway, entry, route, call, others, sticky)
        if usage is None:
            usage = estimate.embedding_usage(asked["input"])
            answer["usage"] = {
                "prompt_tokens": usage.prompt_tokens,
                "total_tokens": usage.prompt_tokens,
            }
        entry.used(usage)
        return Response(answer)

    async def _fallbacks(
        self, route: Route, asked: dict[str, Json]
    ) -> AsyncIterator[Leg[Described]]:
        """Where else, as far as it can be said there; that vectors fit is the operator's word."""
        for other in fallbacks(self.gateway.catalogue, self.entry.caller, route, "embedding"):
            with contextlib.suppress(BadRequest):
                yield Leg(other, described(other, asked))


def described(route: Route, asked: dict[str, Json]) -> Described:
    """The call as this route's platform is told it. Raises BadRequest."""
    return PROTOCOLS[route.platform.protocol].embeddings({**asked, **route.fields}, route)
