"""OpenAI's pictures and films, towards upstreams that speak them; other protocols build on it.

`/images/generations` in JSON, `/images/edits` and `/videos` as forms, as OpenAI's own SDKs send
them (wire notes openai-images, openai-videos; API document, Aug 2026).
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import orjson
from typing_extensions import override

from gateway.bodies import Source, form_body, json_body
from gateway.jobs import Images, JobKind, Plan, Progress, Result, Status, Video
from gateway.protocols.base import Protocol, loads
from gateway.shapes import Failure, Json, UpstreamRequest, Usage
from platforms.routes import PlatformSpec, Route

STATUSES: Mapping[str, Status] = {
    "queued": "queued",
    "pending": "queued",
    "in_progress": "in_progress",
    "processing": "in_progress",
    "running": "in_progress",
    "completed": "completed",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "failed",
    "canceled": "failed",
    "expired": "failed",
}
_IMAGE_FACTS = ("size", "quality", "background")


class OpenAIMedia(Protocol):
    """Images and videos of OpenAI's API; `response_format` is never sent.

    GPT image models refuse it, all others answer either form, and both are understood.
    """

    image_path: ClassVar[str] = "/images/generations"

    @override
    def images(self, images: Images, route: Route) -> Plan:
        fields: dict[str, Json] = {"model": route.upstream_model, "prompt": images.prompt}
        if images.n != 1:
            fields["n"] = images.n
        if images.size:
            fields["size"] = images.size
        fields.update(images.options)
        if images.is_edit:
            return Plan(_edit(fields, images), self.pictures)
        body = json_body(fields)
        return Plan(UpstreamRequest("POST", self.image_path, body), self.pictures)

    @override
    def video(self, video: Video, route: Route) -> Plan:
        if video.remix is not None:
            return self._remix(video, video.remix.upstream_id, route)
        fields = [("model", route.upstream_model), ("prompt", video.prompt)]
        if video.seconds is not None:
            fields.append(("seconds", str(video.seconds)))
        if video.size:
            fields.append(("size", video.size))
        fields += as_fields(video.options)
        # More than one are for upstreams that take them; OpenAI took one.
        many = len(video.sources) > 1
        name = "input_reference[]" if many else "input_reference"
        content_type, form = form_body(fields, [(name, source) for source in video.sources])
        headers = (("Content-Type", content_type),)
        return Plan(UpstreamRequest("POST", "/videos", form, headers), self._ordered)

    def _remix(self, video: Video, upstream_id: str, route: Route) -> Plan:
        if video.sources:
            self.unsupported(route.platform, "pictures in a remix")
        path = f"/videos/{quote(upstream_id, safe='')}/remix"
        body = json_body({"prompt": video.prompt, **video.options})
        return Plan(UpstreamRequest("POST", path, body), self._ordered)

    @override
    def poll(self, kind: JobKind, upstream_id: str, platform: PlatformSpec) -> UpstreamRequest:
        return UpstreamRequest("GET", f"/videos/{quote(upstream_id, safe='')}")

    @override
    def progress(self, kind: JobKind, upstream_id: str, body: bytes) -> Progress:
        video = loads(body)
        status, strange = status_of(video.get("status"), STATUSES)
        if "status" not in video and (failure := self.error_in(video)):
            raise failure
        if status == "failed":
            return Progress("failed", failure=failure_of(video.get("error"), video.get("status")))
        if status != "completed":
            return Progress(status, percent=percent_of(video.get("progress")), strange=strange)
        content = f"/videos/{quote(upstream_id, safe='')}/content"
        url = _address(video)
        film = Result("video", url=url) if url else Result("video", path=content)
        thumbnail = Result("thumbnail", path=f"{content}?variant=thumbnail", optional=True)
        facts = {name: video[name] for name in ("size", "seconds") if video.get(name)}
        return Progress("completed", percent=100, results=(film, thumbnail), facts=facts)

    def _ordered(self, body: bytes) -> Progress:
        """What creating a video answers: the job, or sometimes already the film."""
        video = loads(body)
        if not video.get("id") and (failure := self.error_in(video)):
            raise failure
        upstream_id = id_of(video, "id")
        progress = self.progress("video", upstream_id, body)
        return Progress(
            progress.status,
            upstream_id,
            progress.percent,
            progress.results,
            progress.failure,
            facts=progress.facts,
            strange=progress.strange,
        )

    def accepted(self, body: bytes, name: str) -> Progress:
        """An answer that accepts a job and says its id, as `name`, and no more. Raises Failure."""
        job = loads(body)
        if not job.get(name) and (failure := self.error_in(job)):
            raise failure
        return Progress("queued", id_of(job, name))

    def pictures(self, body: bytes) -> Progress:
        """An ImagesResponse. Raises Failure where no picture is in it."""
        answer = loads(body)
        if failure := self.error_in(answer):
            raise failure
        rows = answer.get("data")
        if not isinstance(rows, list):
            raise Failure("broken", "The platform's answer has no 'data'.")
        results = tuple(map(picture, (row for row in rows if has_picture(row))))
        if not results:
            raise no_picture(rows)
        usage = answer.get("usage")
        facts: dict[str, Json] = {n: answer[n] for n in _IMAGE_FACTS if answer.get(n)}
        if is_image_usage(usage):
            facts["usage"] = usage
        return Progress("completed", results=results, usage=image_usage(usage), facts=facts)


def _address(video: dict[str, Json]) -> str:
    """Where a completed film lies, for upstreams that say so instead of serving it themselves."""
    outputs = video.get("outputs")  # Together
    places = (outputs if isinstance(outputs, dict) else {}, video)
    for place in places:
        for name in ("video_url", "url"):
            if isinstance(place.get(name), str):
                return str(place[name])
    return ""


def _edit(fields: Mapping[str, Json], images: Images) -> UpstreamRequest:
    name = "image" if len(images.sources) == 1 else "image[]"
    files: list[tuple[str, Source]] = [(name, source) for source in images.sources]
    if images.mask is not None:
        files.append(("mask", images.mask))
    content_type, body = form_body(as_fields(fields), files)
    return UpstreamRequest("POST", "/images/edits", body, (("Content-Type", content_type),))


def as_fields(values: Mapping[str, Json]) -> list[tuple[str, str]]:
    """JSON values as a form's fields: texts as they are, `true`, numbers and objects as JSON."""
    return [
        (name, value if isinstance(value, str) else orjson.dumps(value).decode())
        for name, value in values.items()
    ]


def has_picture(row: Json) -> bool:
    """Whether this row of `data` holds a picture, be it a broken one."""
    return isinstance(row, dict) and any(
        isinstance(row.get(name), str) for name in ("b64_json", "url")
    )


def picture(row: dict[str, Any]) -> Result:
    """A row of `data`."""
    prompt = row.get("revised_prompt")
    revised = prompt if isinstance(prompt, str) else ""
    data = row.get("b64_json")
    if isinstance(data, str):
        return Result("image", data=data, revised_prompt=revised)
    return Result("image", url=row["url"], revised_prompt=revised)


def no_picture(rows: list[Json]) -> Failure:
    """Why an answer without a single picture is one: its rows' own error, where they have one."""
    for row in rows:
        error = row.get("error") if isinstance(row, dict) else None
        if error:
            return failure_of(error, "failed")
    return Failure("broken", "The platform answered without a picture.")


def id_of(answer: Mapping[str, Json], name: str) -> str:
    """The id of a job that was accepted. Raises Failure."""
    found = answer.get(name)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or not found:
        raise Failure("broken", f"The platform accepted the job without saying its '{name}'.")
    return found


def status_of(given: Json, statuses: Mapping[str, Status]) -> tuple[Status, str]:
    """The status, and its name where it is not known: that is taken for in progress."""
    status = statuses.get(given) if isinstance(given, str) else None
    return (status, "") if status is not None else ("in_progress", str(given)[:60])


def percent_of(given: Json, whole: float = 100) -> int | None:
    """Progress as 0 to 99, from a number of which `whole` is all."""
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= whole:
        return None
    return min(99, int(given * 100 / whole))


def failure_of(error: Json, status: Json) -> Failure:
    """A job's own error, `{"code", "message"}`; what it lacks, its status must say."""
    fields = error if isinstance(error, dict) else {"message": error}
    code, message = fields.get("code"), fields.get("message")
    name = str(code)[:60] if isinstance(code, str | int) and code else None
    text = message if isinstance(message, str) and message else "It gave no reason."
    moderated = any(
        word in f"{name} {fields.get('type')}".lower()
        for word in ("moderation", "content_policy", "sensitive", "inspection", "safety")
    )
    if name is None and isinstance(status, str) and status not in ("failed", "FAILED"):
        name = status.lower()
    return Failure("content_filter" if moderated else "broken", text[:2000], code=name)


def is_image_usage(usage: Json) -> bool:
    """Whether it has all that OpenAI's ImageGenUsage requires."""
    return (
        isinstance(usage, dict)
        and all(
            type(usage.get(n)) is int for n in ("input_tokens", "output_tokens", "total_tokens")
        )
        and isinstance(usage.get("input_tokens_details"), dict)
    )


def image_usage(usage: Json) -> Usage | None:
    """Tokens of an image call, where the upstream counts them."""
    if not isinstance(usage, dict):
        return None
    tokens = {
        name: usage[name]
        for name in ("input_tokens", "output_tokens")
        if type(usage.get(name)) is int and usage[name] >= 0
    }
    if not tokens:
        return None
    return Usage(
        prompt_tokens=tokens.get("input_tokens", 0),
        completion_tokens=tokens.get("output_tokens", 0),
        measured=True,
    )
