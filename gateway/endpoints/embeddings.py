"""POST /<platform>/v1/embeddings: vectors of texts, answered whole."""

from rest_framework.request import Request
from rest_framework.response import Response

from gateway.admission import admitted
from gateway.faces.embeddings import read_embeddings
from gateway.once import once
from gateway.protocols import PROTOCOLS
from gateway.reading import fields_of
from gateway.rest import GatewayView
from gateway.usage import estimate


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
        call = PROTOCOLS[route.platform.protocol].embeddings(asked, route)
        answer, usage = await once(self.gateway, entry, route, call.request, call.read)
        if usage is None:
            usage = estimate.embedding_usage(asked["input"])
            answer["usage"] = {
                "prompt_tokens": usage.prompt_tokens,
                "total_tokens": usage.prompt_tokens,
            }
        entry.usage = usage
        return Response(answer)
