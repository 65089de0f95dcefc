"""Media tasks as OpenAI's objects: an image task, a video, the pictures themselves."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from gateway import bodies, sending
from gateway.bodies import Body, Embedded, Source
from gateway.errors import ApiError
from gateway.media.links import link
from gateway.media.storage import Store
from gateway.models import MediaFile, MediaTask, TaskState
from gateway.shapes import Json

_STATUSES = {
    TaskState.QUEUED: "queued",
    TaskState.COMPLETED: "completed",
    TaskState.FAILED: "failed",
}
_DEFAULT_SIZE = "720x1280"  # as OpenAI's own; until the platform or the film says
_DEFAULT_SECONDS = "4"
_IMAGE_FACTS = ("background", "quality", "size", "usage")


def status_of(task: MediaTask) -> str:
    """OpenAI's word for the state."""
    return _STATUSES.get(TaskState(task.state), "in_progress")


def error_of(task: MediaTask) -> ApiError:
    """A failed task's error, as a caller who waited for it is told."""
    headers = dict(task.facts.get("headers") or {})
    if task.submitted_at is not None:
        headers["x-should-retry"] = "false"
    return ApiError(
        task.error_status or 500,
        task.error_message,
        type=task.error_type or "server_error",
        code=task.error_code or None,
        headers=headers,
    )


def video(task: MediaTask, *, detail: bool = False) -> dict[str, Json]:
    """OpenAI's Video object; all its keys are always there."""
    told, asked, film = task.facts, task.asked, task.facts.get("film") or {}
    size = told.get("size") or asked.get("size") or film.get("size") or _DEFAULT_SIZE
    seconds = told.get("seconds") or asked.get("seconds") or film.get("seconds")
    return {
        "id": task.pk,
        "object": "video",
        "model": task.model,
        "status": status_of(task),
        "progress": task.progress,
        "created_at": _unix(task.created_at),
        "completed_at": _unix(task.completed_at) if _is_completed(task) else None,
        "expires_at": _unix(task.expires_at) if _is_completed(task) else None,
        "prompt": task.asked.get("prompt"),
        "size": str(size),
        "seconds": _text(seconds or _DEFAULT_SECONDS),
        "remixed_from_video_id": task.remixed_from or None,
        "error": _error(task),
        **({"detail": _detail(task)} if detail else {}),
    }


def image_task(task: MediaTask, *, detail: bool = False) -> dict[str, Json]:
    """An image task without its pictures."""
    return {
        "id": task.pk,
        "object": "image",
        "model": task.model,
        "status": status_of(task),
        "progress": task.progress,
        "created_at": _unix(task.created_at),
        "completed_at": _unix(task.completed_at),
        "expires_at": _unix(task.expires_at),
        "error": _error(task),
        **({"detail": _detail(task)} if detail else {}),
    }


def pictures(task: MediaTask, files: Sequence[MediaFile], base: str) -> dict[str, Json]:
    """OpenAI's ImagesResponse; `Embedded` values in it stand for the files' base64."""
    made = [file for file in files if file.variant == "image"]
    data: list[Json] = []
    for file in made:
        row: dict[str, Json] = {}
        if task.response_format == "url":
            row["url"] = link(file, base)
        else:
            row["b64_json"] = Embedded(
                Source("b64_json", file=file.name, size=file.size), bare=True
            )
        if file.revised_prompt:
            row["revised_prompt"] = file.revised_prompt
        data.append(row)
    answer: dict[str, Json] = {"created": _unix(task.completed_at) or _unix(task.created_at)}
    answer.update({name: task.facts[name] for name in _IMAGE_FACTS if name in task.facts})
    formats = {file.content_type.removeprefix("image/") for file in made}
    if len(formats) == 1 and formats <= {"png", "jpeg", "webp", "gif"}:
        answer["output_format"] = formats.pop()  # what the bytes are, not what was asked
    answer["data"] = data
    return answer


def streamed(value: dict[str, Json], store: Store) -> tuple[int, AsyncIterator[bytes]]:
    """A JSON answer with files in it: its length, and its bytes as they are read."""
    body = bodies.json_body(value)
    return bodies.length(body), _read(body, store)


async def _read(body: Body, store: Store) -> AsyncIterator[bytes]:
    names = [piece.source.file for piece in body if isinstance(piece, bodies.Blob)]
    async with store.local(names) as files:
        found: dict[str, Path] = dict(files)
        async for piece in sending.pieces(body, found):
            yield piece


def _detail(task: MediaTask) -> dict[str, Json]:
    """More than OpenAI tells: what was asked, when what happened, how often it was tried."""
    asked: dict[str, Any] = task.asked
    shown = {name: asked.get(name) for name in ("n", "size", "seconds") if asked.get(name)}
    sources = asked.get("sources") or ()
    return {
        "prompt": asked.get("prompt"),
        "parameters": {**shown, **asked.get("options", {})},
        "inputs": [
            {"name": source["name"], "url": source["url"] or None, "bytes": source["size"]}
            for source in sources
        ],
        "timings": {
            "created_at": _unix(task.created_at),
            "submitted_at": _unix(task.submitted_at),
            "completed_at": _unix(task.completed_at),
        },
        "attempts": task.attempts,
        "request_id": task.request_id,
    }


def _error(task: MediaTask) -> Json:
    if task.state != TaskState.FAILED:
        return None
    return {"code": task.error_code or "server_error", "message": task.error_message}


def _is_completed(task: MediaTask) -> bool:
    return task.state == TaskState.COMPLETED


def _unix(moment: Any) -> int | None:
    return int(moment.timestamp()) if moment is not None else None


def _text(seconds: Json) -> str:
    """`"8"`, also of 8.0."""
    if isinstance(seconds, float):
        return f"{seconds:g}"
    return str(seconds)
