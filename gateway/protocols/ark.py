"""Volcengine Ark (Doubao): Seedream's pictures and Seedance's films; chat is OpenAI's.

Pictures come with the answer, pictures to edit travel inside JSON, and single ones may fail in a
200. Films are tasks (wire notes media-platforms §1: SDK volcengine-ark-runtime 5.0.54).
"""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from typing_extensions import override

from gateway.bodies import Embedded, json_body
from gateway.errors import BadRequest
from gateway.jobs import Images, JobKind, Plan, Progress, Result, Status, Video
from gateway.protocols.base import (
    FOREIGN,
    NO_FILM,
    UNSENT,
    loads,
    refined,
    refuse_mask,
    refuse_options,
    without,
)
from gateway.protocols.openai import OpenAI
from gateway.protocols.openai_media import (
    failure_of,
    has_picture,
    no_picture,
    picture,
    status_of,
)
from gateway.protocols.sizes import film_facts, shape_of
from gateway.shapes import Codes, Failure, FailureKind, Json, UpstreamRequest, Usage
from platforms.routes import PlatformSpec, Route

_TASKS = "/contents/generations/tasks"
_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "adaptive")
_RESOLUTIONS = {480: "480p", 720: "720p", 1080: "1080p", 2160: "4k"}
_STATUSES: Mapping[str, Status] = {
    "queued": "queued",
    "running": "in_progress",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "failed",
    "expired": "failed",
}
_KINDS: tuple[tuple[str, FailureKind], ...] = (
    ("sensitivecontent", "content_filter"),
    ("accountoverdue", "quota"),
    ("serveroverloaded", "overloaded"),
    ("ratelimitexceeded", "rate"),
    ("authenticationerror", "key"),
)
"""What a code contains, in small letters, and what it means whatever the HTTP status says."""


class Ark(OpenAI):
    """`POST /images/generations` for all pictures, `/contents/generations/tasks` for films."""

    name: ClassVar[str] = "ark"
    takes_urls: ClassVar[bool] = True

    @override
    def images(self, images: Images, route: Route) -> Plan:
        """One call for each picture: Ark's own way to make several makes *up to* so many.

        That way is taken where the caller asks for it by `sequential_image_generation`.
        """
        refuse_mask(images, "Ark")
        refuse_options(images.options, FOREIGN, "Ark")
        fields: dict[str, Json] = {"model": route.upstream_model, "prompt": images.prompt}
        fields |= without(images.options, (*FOREIGN, *UNSENT))
        if images.size:
            fields["size"] = images.size
        if images.sources:
            pictures = [Embedded(source) for source in images.sources]
            fields["image"] = pictures[0] if len(pictures) == 1 else pictures
        fields["response_format"] = "url"  # so that answers stay small
        times = images.n
        if images.n > 1 and fields.get("sequential_image_generation", "disabled") != "disabled":
            times = 1
            fields.setdefault("sequential_image_generation_options", {"max_images": images.n})
        request = UpstreamRequest("POST", self.image_path, json_body(fields))
        return Plan(request, self._pictures, times)

    @override
    def video(self, video: Video, route: Route) -> Plan:
        content: list[Json] = [{"type": "text", "text": video.prompt}] if video.prompt else []
        content += _references(video)
        options = without(video.options, ("user", "content"))
        fields: dict[str, Json] = {"model": route.upstream_model}
        if video.seconds is not None:
            fields["duration"] = video.seconds
        if video.size:
            fields |= shape_of(video.size, options, _RESOLUTIONS, _RATIOS)
        fields |= options
        own = video.options.get("content")  # audio to go by, drafts: all that is only Ark's
        fields["content"] = [*content, *own] if isinstance(own, list) else content
        return Plan(UpstreamRequest("POST", _TASKS, json_body(fields)), self._ordered)

    @override
    def poll(self, kind: JobKind, upstream_id: str, platform: PlatformSpec) -> UpstreamRequest:
        return UpstreamRequest("GET", f"{_TASKS}/{quote(upstream_id, safe='')}")

    @override
    def progress(self, kind: JobKind, upstream_id: str, body: bytes) -> Progress:
        task = loads(body)
        if "status" not in task and (failure := self.error_in(task)):
            raise failure
        status, strange = status_of(task.get("status"), _STATUSES)
        if status == "failed":
            failure = refined(failure_of(task.get("error"), task["status"]), _KINDS)
            return Progress("failed", failure=failure)
        if status != "completed":
            return Progress(status, strange=strange)
        content = task.get("content")
        results = _films(content if isinstance(content, dict) else {})
        if not results:
            failure = Failure("broken", "The platform finished the film without saying where.")
            return Progress("failed", failure=failure)
        facts = film_facts(task.get("duration"), task.get("resolution"), task.get("ratio"))
        return Progress("completed", results=results, usage=_usage(task), facts=facts)

    @override
    def failure(
        self, status: int, headers: Mapping[str, str], body: bytes, codes: Codes = ()
    ) -> Failure:
        return refined(super().failure(status, headers, body, codes), _KINDS)

    @override
    def error_in(self, body: dict[str, Json]) -> Failure | None:
        failure = super().error_in(body)
        return failure and refined(failure, _KINDS)

    @override
    def _ordered(self, body: bytes) -> Progress:
        """The answer that accepts a film's task; it says its id and no more."""
        return self.accepted(body, "id")

    def _pictures(self, body: bytes) -> Progress:
        """Those that were made; what failed beside them is not told, as it is not paid."""
        answer = loads(body)
        rows = answer.get("data")
        made = [row for row in rows if has_picture(row)] if isinstance(rows, list) else []
        if not made:
            if failure := self.error_in(answer):
                raise failure
            raise refined(no_picture(rows if isinstance(rows, list) else []), _KINDS)
        size = made[0].get("size")
        facts = {"size": size} if isinstance(size, str) and size else {}
        return Progress(
            "completed", results=tuple(map(picture, made)), usage=_usage(answer), facts=facts
        )


def _references(video: Video) -> list[Json]:
    """The content items of the pictures and of the film to go by."""
    first_frame = len(video.sources) == 1 and video.remix is None
    role = "first_frame" if first_frame else "reference_image"
    items: list[Json] = [
        {"type": "image_url", "image_url": {"url": Embedded(source)}, "role": role}
        for source in video.sources
    ]
    if video.remix is not None:
        if not video.remix.url:
            raise BadRequest(NO_FILM)
        film = {"url": video.remix.url}
        items.append({"type": "video_url", "video_url": film, "role": "reference_video"})
    return items


def _films(content: Mapping[str, Json]) -> tuple[Result, ...]:
    film, last_frame = content.get("video_url"), content.get("last_frame_url")
    if not isinstance(film, str) or not film:
        return ()
    results: tuple[Result, ...] = (Result("video", url=film),)
    if isinstance(last_frame, str) and last_frame:
        results += (Result("thumbnail", url=last_frame, optional=True),)
    return results


def _usage(answer: Mapping[str, Json]) -> Usage | None:
    """Tokens, and of pictures their number."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    tokens, images = (
        next((usage[name] for name in names if type(usage.get(name)) is int), 0)
        for names in (("completion_tokens", "output_tokens"), ("generated_images",))
    )
    if tokens <= 0 and images <= 0:
        return None
    return Usage(completion_tokens=max(0, tokens), images=max(0, images), measured=True)
