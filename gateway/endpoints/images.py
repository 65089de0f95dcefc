"""Pictures: POST images/generations and images/edits, blocking or as a task; GET the task."""

import asyncio

from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from gateway.endpoints.media_tasks import MediaView, base_of, is_asked
from gateway.errors import ApiError
from gateway.faces.media import read_images
from gateway.media import answers, orders
from gateway.media.orders import Order
from gateway.models import MediaTask, TaskState
from gateway.reading import fields_of


class _Images(MediaView):
    booked = True
    edits = False

    async def post(self, request: Request, platform: str) -> HttpResponseBase:
        """The pictures, or with ?async=true the task that makes them."""
        holder = await self.authenticate(request)
        fields = await asyncio.to_thread(fields_of, request._request)
        if is_asked(request, "async"):
            fields["async"] = True
        order = Order(
            kind="image",
            endpoint=self.endpoint,
            holder=holder,
            asked=read_images(fields, edit=self.edits),
            idempotency_key=request.headers.get("Idempotency-Key", ""),
        )
        task = await orders.place(self.gateway.media, self.entry, order)
        if not task.blocking:
            return await answer(self, request, task)
        # The platform's own limits end the task; this one is for a worker that is gone.
        seconds = (task.deadline_at - task.created_at).total_seconds()
        ended = await self.gateway.media.end_of(task.pk, seconds)
        if ended is None:
            raise ApiError(
                504,
                f"The picture is not done yet. It is still being made: GET images/{task.pk} shows "
                "it when it is.",
                type="server_error",
                code="timeout",
                headers={"x-should-retry": "false"},
            )
        self.entry.attempts = ended.attempts
        if ended.state == TaskState.FAILED:
            raise answers.error_of(ended)
        files = await self.files(ended)
        return await self.streamed(answers.pictures(ended, files, base_of(request)))


class ImageGenerations(_Images):
    """Pictures from words."""

    endpoint = "images.generations"


class ImageEdits(_Images):
    """Pictures from pictures and words."""

    endpoint = "images.edits"
    edits = True


class ImageTask(MediaView):
    """A task of images/generations or images/edits."""

    endpoint = "images.task"

    async def get(self, request: Request, platform: str, task_id: str) -> HttpResponseBase:
        """The task; once it is completed, with its pictures."""
        task = await self.own_task(request, platform, "image", task_id)
        return await answer(self, request, task)


async def answer(view: MediaView, request: Request, task: MediaTask) -> HttpResponseBase:
    """An image task, with its pictures where they are done and still there."""
    shown = answers.image_task(task, detail=is_asked(request, "detail"))
    if task.state == TaskState.COMPLETED:
        files = await view.files(task)
        if files:
            pictures = answers.pictures(task, files, base_of(request))
            return await view.streamed({**pictures, **shown})
    return Response(shown)
