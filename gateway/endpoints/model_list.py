"""GET /<platform>/v1/models and /models/{id}: what this licence may call on this platform.

Under /v1/ it is what the licence may call anywhere, as `platform/name`. Each client gets the list
in its own shape; Google's ask under /v1beta/.
"""

import asyncio

from rest_framework.request import Request
from rest_framework.response import Response

from gateway.admission import place
from gateway.faces.model_lists import Shape, listed, one, shape_for
from gateway.rest import GatewayView
from gateway.shapes import Json
from licences.errors import NotAllowed
from licences.holders import Holder
from platforms.errors import ModelUnknown
from platforms.routes import PlatformSpec


class _Models(GatewayView):
    def _shape(self, request: Request) -> Shape:
        return shape_for(request.headers, beta="/v1beta/" in request.path)

    async def _models(self, request: Request, slug: str) -> dict[str, dict[str, Json]]:
        """The models by name: the operator's mappings, then what the platform itself lists."""
        holder = await self.authenticate(request)
        if not slug:
            return await self._everywhere(holder)
        platform = self.gateway.catalogue.platform(slug)
        if not holder.may_call(slug):
            raise NotAllowed("platform", slug)
        return await self._of(platform, holder)

    async def _of(self, platform: PlatformSpec, holder: Holder) -> dict[str, dict[str, Json]]:
        models = {
            mapped.public_name: _model(mapped.public_name, mapped.created, platform.slug)
            for mapped in platform.models.values()
            if mapped.enabled
        }
        if platform.pass_unmapped:
            for name in await self.gateway.model_names.of(platform):
                if name not in platform.models:
                    models[name] = _model(name, 0, platform.slug)
        return {name: model for name, model in models.items() if holder.may_use(name)}

    async def _everywhere(self, holder: Holder) -> dict[str, dict[str, Json]]:
        """All platforms are asked side by side; they answer from memory most of the time."""
        snapshot = self.gateway.catalogue.snapshot
        own = [p for p in snapshot.platforms.values() if holder.may_call(p.slug)]
        async with asyncio.TaskGroup() as group:
            asked = [(p.slug, group.create_task(self._of(p, holder))) for p in own]
        return {
            f"{slug}/{name}": {**model, "id": f"{slug}/{name}"}
            for slug, task in asked
            for name, model in task.result().items()
        }


class ModelList(_Models):
    """All of them."""

    endpoint = "models"

    async def get(self, request: Request, platform: str) -> Response:
        """The whole list; it has no pages."""
        models = await self._models(request, platform)
        return Response(listed(list(models.values()), self._shape(request)))


class Model(_Models):
    """One of them."""

    endpoint = "model"

    async def get(self, request: Request, platform: str, model: str) -> Response:
        """The model; 404 for one that does not exist or that this licence may not use."""
        models = await self._models(request, platform)
        if model in models:
            return Response(one(models[model], self._shape(request)))
        if not platform and self.entry.holder is not None:
            slug, name = place(self.gateway.catalogue, self.entry.holder, model)
            if found := models.get(f"{slug}/{name}"):
                return Response(one({**found, "id": model}, self._shape(request)))
        raise ModelUnknown(platform, model)


def _model(name: str, created: int, owner: str) -> dict[str, Json]:
    return {"id": name, "object": "model", "created": created, "owned_by": owner}
