"""xAI: pictures, edits and films of Grok Imagine; chat is OpenAI's.

Edits are JSON, sizes are ratios and resolutions, films are jobs that say how far they are (wire
notes media-platforms §8).
"""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from typing_extensions import override

from gateway.bodies import Embedded, json_body
from gateway.errors import BadRequest
from gateway.jobs import Images, JobKind, Plan, Progress, Result, Status, Video
from gateway.protocols.base import NO_FILM, loads, refuse, refuse_mask, refuse_options, without
from gateway.protocols.openai import OpenAI
from gateway.protocols.openai_media import (
    failure_of,
    has_picture,
    no_picture,
    percent_of,
    picture,
    status_of,
)
from gateway.protocols.sizes import nearest_ratio, pixels, shape_of
from gateway.shapes import Failure, Json, UpstreamRequest, Usage
from platforms.routes import PlatformSpec, Route

_FOREIGN = ("background", "style", "moderation", "input_fidelity", "output_compression")
_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "2:1", "1:2")
_FILM_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3")
_RESOLUTIONS = {480: "480p", 720: "720p", 1080: "1080p"}
_LONGER_SIDES = ((1536, "1k"), (2304, "2k"))
"""Pixels of the longer side up to which a picture is of this resolution."""
_STATUSES: Mapping[str, Status] = {
    "pending": "in_progress",
    "done": "completed",
    "failed": "failed",
    "expired": "failed",
}
_REFUSED = Failure(
    "content_filter",
    "The platform made nothing that its content rules let it show.",
    code="content_policy_violation",
)


class XAI(OpenAI):
    """`/images/generations`, `/images/edits` in JSON, `/videos/generations` and `/videos/edits`."""

    name: ClassVar[str] = "xai"
    takes_urls: ClassVar[bool] = True

    @override
    def images(self, images: Images, route: Route) -> Plan:
        refuse_mask(images, "xAI")
        refuse_options(images.options, _FOREIGN, "xAI")
        fields: dict[str, Json] = {"model": route.upstream_model, "prompt": images.prompt}
        if images.n != 1:
            fields["n"] = images.n
        if images.size:
            fields |= _shape(images.size)
        fields |= without(images.options, (*_FOREIGN, "safety_identifier"))
        if fields.get("quality") == "auto":
            del fields["quality"]  # what it does by itself
        fields["response_format"] = "url"  # so that answers stay small
        pictures = [{"url": Embedded(source), "type": "image_url"} for source in images.sources]
        if len(pictures) == 1:
            fields["image"] = pictures[0]
        elif pictures:
            fields["images"] = pictures
        path = "/images/edits" if pictures else self.image_path
        return Plan(UpstreamRequest("POST", path, json_body(fields)), self._pictures)

    @override
    def video(self, video: Video, route: Route) -> Plan:
        fields: dict[str, Json] = {"model": route.upstream_model, "prompt": video.prompt}
        options = without(video.options, ("safety_identifier",))
        if video.remix is not None:
            for name, value in (("seconds", video.seconds), ("size", video.size)):
                if value is not None:
                    refuse(name, value, "a remix without it: the film stays as its source is")
            if not video.remix.url:
                raise BadRequest(NO_FILM)
            if video.sources:
                self.unsupported(route.platform, "pictures in a remix")
            fields |= {**options, "video": {"url": video.remix.url}}
            return Plan(UpstreamRequest("POST", "/videos/edits", json_body(fields)), self._ordered)
        if video.seconds is not None:
            fields["duration"] = video.seconds
        if video.size:
            named = {"ratio": options["aspect_ratio"]} if "aspect_ratio" in options else {}
            shape = shape_of(video.size, {**options, **named}, _RESOLUTIONS, _FILM_RATIOS)
            if "ratio" in shape:
                fields["aspect_ratio"] = shape.pop("ratio")
            fields |= shape
        fields |= options
        pictures = [{"url": Embedded(source)} for source in video.sources]
        if len(pictures) == 1:
            fields["image"] = pictures[0]
        elif pictures:
            fields["reference_images"] = pictures
        return Plan(
            UpstreamRequest("POST", "/videos/generations", json_body(fields)), self._ordered
        )

    @override
    def poll(self, kind: JobKind, upstream_id: str, platform: PlatformSpec) -> UpstreamRequest:
        return UpstreamRequest("GET", f"/videos/{quote(upstream_id, safe='')}")

    @override
    def progress(self, kind: JobKind, upstream_id: str, body: bytes) -> Progress:
        job = loads(body)
        if "status" not in job and (failure := self.error_in(job)):
            raise failure
        film = job.get("video")
        film = film if isinstance(film, dict) else {}
        given = job.get("status", "done" if film.get("url") else None)  # @ai-sdk/xai allows for it
        status, strange = status_of(given, _STATUSES)
        if status == "failed":
            return Progress("failed", failure=failure_of(job.get("error"), given))
        if status != "completed":
            return Progress(status, percent=percent_of(job.get("progress")), strange=strange)
        if film.get("respect_moderation") is False:
            return Progress("failed", failure=_refused())
        if not isinstance(film.get("url"), str) or not film["url"]:
            failure = Failure("broken", "The platform finished the film without saying where.")
            return Progress("failed", failure=failure)
        told = film.get("duration")
        seconds = float(told) if isinstance(told, int | float) else 0.0
        known = seconds > 0
        return Progress(
            "completed",
            percent=100,
            results=(Result("video", url=film["url"]),),
            usage=Usage(seconds=seconds, measured=True) if known else None,
            facts={"seconds": f"{seconds:g}"} if known else {},
        )

    @override
    def _ordered(self, body: bytes) -> Progress:
        """The answer that accepts a film; it says its id and no more."""
        return self.accepted(body, "request_id")

    def _pictures(self, body: bytes) -> Progress:
        """Those that may be shown."""
        answer = loads(body)
        if failure := self.error_in(answer):
            raise failure
        rows = answer.get("data")
        rows = rows if isinstance(rows, list) else []
        kept = [row for row in rows if not _is_refused(row)]
        shown = [row for row in kept if has_picture(row)]
        if not shown:
            raise _refused() if len(kept) < len(rows) else no_picture(rows)
        return Progress("completed", results=tuple(map(picture, shown)))


def _is_refused(row: Json) -> bool:
    return isinstance(row, dict) and row.get("respect_moderation") is False


def _refused() -> Failure:
    return Failure(_REFUSED.kind, _REFUSED.message, code=_REFUSED.code)


def _shape(size: str) -> dict[str, Json]:
    """`aspect_ratio` and `resolution` of `1024x1024`, `16:9`, `2k`. Raises BadRequest."""
    if size.lower() in ("1k", "2k"):
        return {"resolution": size.lower()}
    shape: dict[str, Json] = {"aspect_ratio": nearest_ratio(size, _RATIOS)}
    if found := pixels(size):
        for most, name in _LONGER_SIDES:
            if max(found) <= most:
                shape["resolution"] = name
                return shape
        refuse("size", size, "sizes up to 2304 pixels on the longer side")
    return shape
