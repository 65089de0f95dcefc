"""Films: POST videos and videos/{id}/remix make a task; list, read, fetch, delete it."""

import asyncio
import re
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.http import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.endpoints.media_tasks import MediaView, is_asked
from gateway.errors import ApiError, BadRequest
from gateway.faces.media import read_video
from gateway.jobs import Remix
from gateway.media import answers, orders, removal
from gateway.media.links import link
from gateway.media.orders import Order
from gateway.media.serving import gone, serve
from gateway.media.tasks import storable
from gateway.models import ENDED, MediaTask, TaskState
from gateway.reading import fields_of

MAX_PAGE = 100
_LIMIT = re.compile(r"[0-9]{1,3}")
_UPSTREAM_KEEPS = timedelta(hours=20)  # most platforms show a film for a day
_VARIANTS = ("video", "thumbnail", "spritesheet")


class Videos(MediaView):
    """All of the licence's own, and new ones."""

    endpoint = "videos"
    booked = True

    async def post(self, request: Request, platform: str) -> Response:
        """Order a film."""
        holder = await self.authenticate(request)
        asked = read_video(await asyncio.to_thread(fields_of, request._request))
        key = request.headers.get("Idempotency-Key", "")
        order = Order("video", self.endpoint, holder, asked, key)
        task = await orders.place(self.gateway.media, self.entry, order)
        return Response(answers.video(task, detail=is_asked(request, "detail")))

    async def get(self, request: Request, platform: str) -> Response:
        """OpenAI's list, newest first."""
        self.entry.forget_journal()
        holder = await self.authenticate(request)
        self.require_platform(holder, platform)
        limit, after, order = _page(request)
        own = self.own_tasks(holder, platform, "video")

        def read() -> list[MediaTask] | None:
            ascending = order == "asc"
            rows = (
                own.order_by("created_at", "pk")
                if ascending
                else own.order_by("-created_at", "-pk")
            )
            if after:
                last = own.filter(pk=after).first()
                if last is None:
                    return None
                at, id = last.created_at, last.pk
                same = Q(created_at=at, pk__gt=id) if ascending else Q(created_at=at, pk__lt=id)
                beyond = Q(created_at__gt=at) if ascending else Q(created_at__lt=at)
                rows = rows.filter(same | beyond)
            return list(rows[: limit + 1])

        rows = await self.gateway.media.database(read)
        if rows is None:
            raise BadRequest("'after' names no video of this licence.", param="after")
        page = rows[:limit]
        return Response(
            {
                "object": "list",
                "data": [answers.video(task) for task in page],
                "first_id": page[0].pk if page else None,
                "last_id": page[-1].pk if page else None,
                "has_more": len(rows) > limit,
            }
        )


class Video(MediaView):
    """One of the licence's own."""

    endpoint = "videos.task"

    async def get(self, request: Request, platform: str, task_id: str) -> Response:
        """How it stands."""
        task = await self.own_task(request, platform, "video", task_id)
        return Response(answers.video(task, detail=is_asked(request, "detail")))

    async def delete(self, request: Request, platform: str, task_id: str) -> Response:
        """Delete the record and its files."""
        task = await self.own_task(request, platform, "video", task_id)
        if not await removal.remove(self.gateway.media, task):
            raise ApiError(
                409,
                "This video is still being made; it can be deleted when it is completed or failed.",
                code="video_in_progress",
            )
        return Response({"id": task.pk, "object": "video.deleted", "deleted": True})


class VideoRemix(MediaView):
    """A film made from one of the licence's own."""

    endpoint = "videos.remix"
    booked = True

    async def post(self, request: Request, platform: str, task_id: str) -> Response:
        """Order it; the model is that of its source, if no other is named."""
        source = await self.own_task(request, platform, "video", task_id)
        if source.state != TaskState.COMPLETED:
            raise BadRequest(
                "This video is not completed; only a completed one can be remixed.",
                code="video_not_ready",
            )
        fields = await asyncio.to_thread(fields_of, request._request)
        # Where the source is: a remix is made from what its platform has of it.
        if not platform and fields.get("model"):
            fields["model"] = str(fields["model"]).removeprefix(f"{source.platform}/")
        fields["model"] = fields.get("model") or source.model
        asked = read_video(fields, remix=True)
        holder = self.entry.holder
        assert holder is not None  # own_task() has authenticated
        key = request.headers.get("Idempotency-Key", "")
        remix = Remix(source.upstream_id, await self._address(source))
        order = Order("video", self.endpoint, holder, asked, key, remix, source)
        task = await orders.place(self.gateway.media, self.entry, order)
        return Response(answers.video(task, detail=is_asked(request, "detail")))

    async def _address(self, source: MediaTask) -> str:
        """Where the platform can fetch the source: its own copy, or ours if it is public."""
        fresh = source.completed_at and timezone.now() - source.completed_at < _UPSTREAM_KEEPS
        if fresh and source.facts.get("upstream_url"):
            return str(source.facts["upstream_url"])
        if not settings.TOKENS_PUBLIC_URL:
            return ""
        films = [file for file in await self.files(source) if file.variant == "video"]
        return link(films[0], settings.TOKENS_PUBLIC_URL) if films else ""


class VideoContent(MediaView):
    """The film itself."""

    endpoint = "videos.content"

    async def get(self, request: Request, platform: str, task_id: str) -> HttpResponseBase:
        """The file, with ranges; `variant=thumbnail` or `spritesheet` where there is one."""
        task = await self.own_task(request, platform, "video", task_id)
        variant = request.query_params.get("variant") or "video"
        if variant not in _VARIANTS:
            raise BadRequest(f"'variant' must be one of {', '.join(_VARIANTS)}.", param="variant")
        if task.state not in ENDED:
            raise ApiError(
                404,
                f"This video is not completed yet (status {answers.status_of(task)}, "
                f"{task.progress} %); ask again later.",
                code="video_not_ready",
            )
        if task.state == TaskState.FAILED:
            raise ApiError(
                404,
                f"This video failed, so it has no content: {task.error_message}",
                code="video_failed",
            )
        files = await self.files(task)
        if not files:
            raise gone()
        for file in files:
            if file.variant == variant:
                return await serve(
                    self.gateway.media.store,
                    file,
                    request.headers,
                    method=str(request.method),
                    max_age_s=settings.TOKENS_LINK_S,
                )
        raise ApiError(404, f"This video has no {variant}.", code="variant_not_found")

    head = get


def _page(request: Request) -> tuple[int, str, str]:
    limit = request.query_params.get("limit", "20")
    if not _LIMIT.fullmatch(limit) or int(limit) > MAX_PAGE:
        raise BadRequest(f"'limit' must be a number from 0 to {MAX_PAGE}.", param="limit")
    order = request.query_params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise BadRequest("'order' must be asc or desc.", param="order")
    return int(limit), storable(request.query_params.get("after", ""))[:100], order
