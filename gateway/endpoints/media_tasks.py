"""What the endpoints of pictures and films share: the caller's own tasks, and their files."""

import re

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request

from gateway.errors import ApiError
from gateway.faces.media import is_true
from gateway.media import answers
from gateway.models import MediaFile, MediaTask
from gateway.rest import GatewayView
from gateway.shapes import Json
from licences.errors import NotAllowed
from licences.holders import Holder

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


class MediaView(GatewayView):
    """A view over the tasks of the licence that calls; those of others are not there for it."""

    async def own_task(self, request: Request, platform: str, kind: str, task_id: str) -> MediaTask:
        """The caller's task of this kind, on this platform if one is named.

        Raises ApiError (404), PlatformUnknown, NotAllowed.
        """
        holder = await self.authenticate(request)
        self.require_platform(holder, platform)
        own = self.own_tasks(holder, platform, kind).filter(pk=task_id[:100])
        task = await self.gateway.media.database(own.first)
        if task is None:
            raise task_not_found(kind, task_id)
        if not holder.may_call(task.platform):
            raise NotAllowed("platform", task.platform)
        self.entry.platform = task.platform
        self.entry.model = task.model
        return task

    def require_platform(self, holder: Holder, platform: str) -> None:
        """Return if the licence may call it, or if none is named.

        Raises PlatformUnknown, NotAllowed.
        """
        if platform:
            self.gateway.catalogue.platform(platform)
            if not holder.may_call(platform):
                raise NotAllowed("platform", platform)

    def own_tasks(self, holder: Holder, platform: str, kind: str) -> QuerySet[MediaTask]:
        """The licence's own tasks of this kind, on this platform if one is named."""
        own = MediaTask.objects.filter(licence_id=holder.id, kind=kind)
        return own.filter(platform=platform) if platform else own

    async def files(self, task: MediaTask) -> list[MediaFile]:
        """What the task has made and what is still there of it, in order."""

        def read() -> list[MediaFile]:
            found = task.files.exclude(variant="input").order_by("position")
            return list(found.select_related("task"))

        return await self.gateway.media.database(read)

    async def streamed(self, value: dict[str, Json]) -> HttpResponseBase:
        """A JSON answer that holds files, sent while they are read."""
        length, pieces = answers.streamed(value, self.gateway.media.store)
        response = StreamingHttpResponse(pieces, content_type="application/json")
        response["Content-Length"] = str(length)
        return response


def task_not_found(kind: str, task_id: str) -> ApiError:
    """The same for a task of somebody else and for one that never was."""
    noun = "image task" if kind == "image" else "video"
    return ApiError(
        404,
        f"There is no {noun} “{task_id[:60]}” of this licence here.",
        code="task_not_found",
    )


def base_of(request: Request) -> str:
    """Scheme and host for links, as the operator says or as the caller sees them.

    Not Django's `get_host()`: the API answers under any name, and only the caller sees the link.
    """
    if settings.TOKENS_PUBLIC_URL:
        return str(settings.TOKENS_PUBLIC_URL)
    given = request.META.get("HTTP_HOST", "")
    server = f"{request.META['SERVER_NAME']}:{request.META['SERVER_PORT']}"
    return f"{request.scheme}://{given if _HOST.fullmatch(given) else server}"


def is_asked(request: Request, name: str) -> bool:
    """Whether the query says `?name=true`."""
    return is_true(request.query_params.get(name, ""))
