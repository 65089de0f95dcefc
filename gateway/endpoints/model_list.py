"""GET /<platform>/v1/models and /models/{id}: what this licence may call on this platform."""

from rest_framework.request import Request
from rest_framework.response import Response

from gateway.rest import GatewayView
from gateway.shapes import Json
from licences.errors import NotAllowed
from platforms.errors import ModelUnknown


class _Models(GatewayView):
    async def _models(self, request: Request, slug: str) -> dict[str, dict[str, Json]]:
        """The models by name: the operator's mappings, then what the platform itself lists."""
        holder = await self.authenticate(request)
        platform = self.gateway.catalogue.platform(slug)
        if not holder.may_call(slug):
            raise NotAllowed("platform", slug)
        models = {
            mapped.public_name: _model(mapped.public_name, mapped.created, slug)
            for mapped in platform.models.values()
            if mapped.enabled
        }
        if platform.pass_unmapped:
            for name in await self.gateway.model_names.of(platform):
                if name not in platform.models:
                    models[name] = _model(name, 0, slug)
        return {name: model for name, model in models.items() if holder.may_use(name)}


class ModelList(_Models):
    """All of them."""

    endpoint = "models"

    async def get(self, request: Request, platform: str) -> Response:
        """OpenAI's list; it has no pages."""
        models = await self._models(request, platform)
        return Response({"object": "list", "data": list(models.values())})


class Model(_Models):
    """One of them."""

    endpoint = "model"

    async def get(self, request: Request, platform: str, model: str) -> Response:
        """The model; 404 for one that does not exist or that this licence may not use."""
        models = await self._models(request, platform)
        if model not in models:
            raise ModelUnknown(platform, model)
        return Response(models[model])


def _model(name: str, created: int, owner: str) -> dict[str, Json]:
    return {"id": name, "object": "model", "created": created, "owned_by": owner}
