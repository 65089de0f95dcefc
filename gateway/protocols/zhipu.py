"""Zhipu (Z.ai): CogView's and GLM's pictures, CogVideoX's and Vidu's films; chat is OpenAI's.

Films, and the pictures of glm-image, are jobs with one way to ask for both (wire notes
media-platforms §3: zai-sdk 0.2.3).
"""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from typing_extensions import override

from gateway.bodies import Embedded, json_body
from gateway.jobs import Images, JobKind, Plan, Progress, Result, Status, Video
from gateway.protocols.base import FOREIGN, loads, refuse_options, without
from gateway.protocols.openai import OpenAI
from gateway.protocols.openai_media import failure_of, status_of
from gateway.shapes import Codes, Failure, FailureKind, Json, UpstreamRequest
from platforms.routes import PlatformSpec, Route

_FOREIGN = tuple(name for name in FOREIGN if name != "quality")
_QUALITIES = {"low": "standard", "medium": "standard", "high": "hd"}
_STATUSES: Mapping[str, Status] = {
    "PROCESSING": "in_progress",
    "SUCCESS": "completed",
    "FAIL": "failed",
}
# Zhipu's error table (docs.z.ai, API codes, 2026; 1303 and 1305 from memory); what is not here goes
# by its HTTP status.
_CODES: dict[str, FailureKind] = {
    **dict.fromkeys(("1000", "1001", "1002", "1003", "1004"), "key"),
    **dict.fromkeys(("1110", "1111", "1112"), "key"),
    "1113": "quota",
    "1301": "content_filter",
    **dict.fromkeys(("1302", "1303", "1305"), "rate"),
}


class Zhipu(OpenAI):
    """`/images/generations`, `/async/images/generations`, `/videos/generations`."""

    name: ClassVar[str] = "zhipu"
    takes_urls: ClassVar[bool] = True

    @override
    def images(self, images: Images, route: Route) -> Plan:
        """One call for each picture: Zhipu makes one at a time."""
        if images.is_edit:
            self.unsupported(route.platform, "edits")
        refuse_options(images.options, _FOREIGN, "Zhipu")
        fields: dict[str, Json] = {"model": route.upstream_model, "prompt": images.prompt}
        if images.size:
            fields["size"] = images.size
        fields |= without(images.options, (*FOREIGN, "user", "safety_identifier"))
        quality = images.options.get("quality")
        if quality not in (None, "auto"):
            fields["quality"] = _QUALITIES.get(str(quality), quality)
        if user := images.options.get("user"):
            fields.setdefault("user_id", user)
        if route.upstream_model.startswith("glm-image") and images.n == 1:
            # This model thinks for long; as a job it survives a restart.
            request = UpstreamRequest("POST", f"/async{self.image_path}", json_body(fields))
            return Plan(request, self._ordered)
        request = UpstreamRequest("POST", self.image_path, json_body(fields))
        return Plan(request, self.pictures, images.n)

    @override
    def video(self, video: Video, route: Route) -> Plan:
        if video.remix is not None:
            self.unsupported(route.platform, "remix")
        fields: dict[str, Json] = {"model": route.upstream_model, "prompt": video.prompt}
        if video.seconds is not None:
            fields["duration"] = video.seconds
        if video.size:
            fields["size"] = video.size
        fields |= without(video.options, ("user", "safety_identifier"))
        if user := video.options.get("user"):
            fields.setdefault("user_id", user)
        pictures = [Embedded(source) for source in video.sources]
        if pictures:
            fields["image_url"] = pictures[0] if len(pictures) == 1 else pictures
        request = UpstreamRequest("POST", "/videos/generations", json_body(fields))
        return Plan(request, self._ordered)

    @override
    def poll(self, kind: JobKind, upstream_id: str, platform: PlatformSpec) -> UpstreamRequest:
        return UpstreamRequest("GET", f"/async-result/{quote(upstream_id, safe='')}")

    @override
    def progress(self, kind: JobKind, upstream_id: str, body: bytes) -> Progress:
        job = loads(body)
        if "task_status" not in job and (failure := self.error_in(job)):
            raise failure
        status, strange = status_of(job.get("task_status"), _STATUSES)
        if status == "failed":
            return Progress("failed", failure=_refined(failure_of(job.get("error"), "failed")))
        if status != "completed":
            return Progress(status, strange=strange)
        results = _results(kind, job)
        if not results:
            noun = "picture" if kind == "image" else "film"
            failure = Failure("broken", f"The platform finished the {noun} without saying where.")
            return Progress("failed", failure=failure)
        return Progress("completed", percent=100, results=results)

    @override
    def failure(
        self, status: int, headers: Mapping[str, str], body: bytes, codes: Codes = ()
    ) -> Failure:
        return _refined(super().failure(status, headers, body, codes))

    @override
    def error_in(self, body: dict[str, Json]) -> Failure | None:
        failure = super().error_in(body)
        return failure and _refined(failure)

    @override
    def _ordered(self, body: bytes) -> Progress:
        """The answer that accepts a job; it says its id and that it is processed."""
        progress = self.accepted(body, "id")
        job = loads(body)
        if job.get("task_status") == "FAIL":
            return Progress("failed", failure=_refined(failure_of(job.get("error"), "failed")))
        return progress


def _results(kind: JobKind, job: Mapping[str, Json]) -> tuple[Result, ...]:
    """What was made, with a film's cover as its thumbnail."""
    rows = job.get("image_result" if kind == "image" else "video_result")
    found: list[Result] = []
    for row in rows if isinstance(rows, list) else ():
        url = row.get("url") if isinstance(row, dict) else None
        if not isinstance(url, str) or not url:
            continue
        found.append(Result("image" if kind == "image" else "video", url=url))
        cover = row.get("cover_image_url")
        if kind == "video" and isinstance(cover, str) and cover:
            found.append(Result("thumbnail", url=cover, optional=True))
    return tuple(found)


def _refined(failure: Failure) -> Failure:
    """The failure, of the kind that its code says."""
    failure.kind = _CODES.get(failure.code or "", failure.kind)
    return failure
