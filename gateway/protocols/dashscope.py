"""Alibaba's DashScope: Qwen's and Wan's pictures and films beside OpenAI's chat.

Media live at the same origin under `/api/v1`. What a body looks like, and whether a picture comes
at once or as a task, hangs on the model's family (wire notes media-platforms §2: SDK dashscope
2.0.2; which model takes what: Model Studio's API pages, 2026).
"""

import re
from collections.abc import Mapping
from typing import ClassVar, Literal
from urllib.parse import quote, urlsplit

from typing_extensions import override

from gateway.bodies import Embedded, json_body
from gateway.errors import BadRequest
from gateway.jobs import Images, JobKind, Plan, Progress, Video
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
from gateway.protocols.dashscope_answers import KINDS, STATUSES, film, pictures
from gateway.protocols.openai import OpenAI
from gateway.protocols.openai_media import failure_of, id_of, status_of
from gateway.protocols.sizes import pixels, shape_of
from gateway.shapes import Codes, Failure, Json, UpstreamRequest
from platforms.routes import PlatformSpec, Route

Family = Literal["messages", "edit", "text", "frames", "references", "picture", "media"]

_OLD = r"wanx|wan2\.[0-6](?!\d)"
_IMAGES: tuple[tuple[str, Family], ...] = (
    (r"imageedit|wan2\.5-i2i", "edit"),
    (r"wanx|wan2\.[0-5](?!\d)", "text"),
    (r"", "messages"),  # qwen-image, z-image, Wan from 2.6 on
)
_FILMS: tuple[tuple[str, Family], ...] = (
    (r"kf2v", "frames"),
    (rf"({_OLD}).*r2v", "references"),
    (_OLD, "picture"),
    (r"", "media"),  # Wan from 2.7 on
)
"""Families by what a model's name contains; the first row that fits counts."""
_PATHS: Mapping[Family, str] = {
    "messages": "/services/aigc/multimodal-generation/generation",  # answers at once
    "edit": "/services/aigc/image2image/image-synthesis",
    "text": "/services/aigc/text2image/image-synthesis",
    "frames": "/services/aigc/image2video/video-synthesis",
    "references": "/services/aigc/video-generation/video-synthesis",
    "picture": "/services/aigc/video-generation/video-synthesis",
    "media": "/services/aigc/video-generation/video-synthesis",
}
_ONE_EACH = re.compile(r"z-image|qwen-image(-plus|-max|-edit)?(-\d{4}-\d\d-\d\d)?$")
"""Models that make a single picture a call, and refuse another `n`."""
_INPUT = re.compile(r"negative_prompt|template|function|media|ref_img|\w+_urls?|(head|tail)_frame")
"""Options that belong in `input`; everything else is one of the `parameters`."""
_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4")
_RESOLUTIONS = {480: "480P", 720: "720P", 1080: "1080P"}


class DashScope(OpenAI):
    """`/api/v1/services/aigc/…` for pictures and films, `/api/v1/tasks/{id}` to poll."""

    name: ClassVar[str] = "dashscope"
    takes_urls: ClassVar[bool] = True

    @override
    def images(self, images: Images, route: Route) -> Plan:
        """`n` is sent even if 1: several models make four pictures where it is left out."""
        refuse_options(images.options, FOREIGN, "DashScope")
        model = route.upstream_model
        family = _family(model, _IMAGES)
        fields, parameters = _sorted(without(images.options, (*FOREIGN, *UNSENT)))
        _check_pictures(images, route, family)
        if family == "messages":
            parameters |= {
                name: fields.pop(name) for name in ("negative_prompt",) if name in fields
            }
            content: list[Json] = [{"image": Embedded(source)} for source in images.sources]
            content.append({"text": images.prompt})
            fields["messages"] = [{"role": "user", "content": content}]
        else:
            fields = {"prompt": images.prompt, **_pictures(images, model, family), **fields}
        if images.size:
            parameters.setdefault("size", _starred(images.size))
        one_each = _ONE_EACH.match(model.lower()) is not None
        if not one_each:
            parameters["n"] = images.n
        read = self._made if family == "messages" else self._ordered
        request = _request(route, family, fields, parameters, later=family != "messages")
        return Plan(request, read, images.n if one_each else 1)

    @override
    def video(self, video: Video, route: Route) -> Plan:
        model = route.upstream_model.lower()
        family = _family(model, _FILMS)
        if video.sources and "t2v" in model:
            raise BadRequest(
                f"The model “{route.model}” makes films from words alone. Leave 'input_reference' "
                "out, or use one that begins with a picture (i2v) or goes by pictures (r2v).",
                param="input_reference",
            )
        if video.remix is not None and family in ("frames", "picture"):
            self.unsupported(route.platform, f"remixing with the model “{route.model}”")
        if video.remix is not None and not video.remix.url:
            raise BadRequest(NO_FILM)
        own, parameters = _sorted(without(video.options, UNSENT))
        fields: dict[str, Json] = {"prompt": video.prompt, **_film_sources(video, route, family)}
        if isinstance(own.get("media"), list) and "media" in fields:
            own["media"] = [*fields["media"], *own["media"]]
        if video.seconds is not None:
            parameters.setdefault("duration", video.seconds)
        if video.size:
            parameters = _film_shape(video.size, model, family, parameters) | parameters
        request = _request(route, family, fields | own, parameters, later=True)
        return Plan(request, self._ordered)

    @override
    def poll(self, kind: JobKind, upstream_id: str, platform: PlatformSpec) -> UpstreamRequest:
        path = f"/tasks/{quote(upstream_id, safe='')}"
        return UpstreamRequest("GET", path, base=_base(platform))

    @override
    def progress(self, kind: JobKind, upstream_id: str, body: bytes) -> Progress:
        answer = loads(body)
        output = answer.get("output")
        if not isinstance(output, dict) or "task_status" not in output:
            message = "The platform's answer has no 'output.task_status'."
            raise self.error_in(answer) or Failure("broken", message)
        given = output["task_status"]
        status, strange = status_of(given, STATUSES)
        if given == "UNKNOWN":
            message = "The platform does not know this job any more: its id is wrong or too old."
            return Progress("failed", failure=Failure("broken", message, code="unknown_task"))
        if status == "failed":
            told = output if output.get("code") or output.get("message") else answer
            return Progress("failed", failure=refined(failure_of(told, given), KINDS))
        if status != "completed":
            return Progress(status, strange=strange)
        try:
            return film(answer, output) if kind == "video" else pictures(answer, output)
        except Failure as failure:
            return Progress("failed", failure=failure)

    @override
    def failure(
        self, status: int, headers: Mapping[str, str], body: bytes, codes: Codes = ()
    ) -> Failure:
        return refined(super().failure(status, headers, body, codes), KINDS)

    @override
    def error_in(self, body: dict[str, Json]) -> Failure | None:
        """Also `{"code", "message", "request_id"}`, which comes with status 200 too."""
        code = body.get("code")
        if failure := super().error_in(body):
            return refined(failure, KINDS)
        if not isinstance(code, str) or not code or body.get("output") or body.get("choices"):
            return None
        return refined(failure_of(body, "failed"), KINDS)

    @override
    def _ordered(self, body: bytes) -> Progress:
        """The answer that accepts a task."""
        answer = loads(body)
        if failure := self.error_in(answer):
            raise failure
        output = answer.get("output")
        upstream_id = id_of(output if isinstance(output, dict) else {}, "task_id")
        return Progress("queued", upstream_id)

    def _made(self, body: bytes) -> Progress:
        """The answer that brings the pictures."""
        answer = loads(body)
        if failure := self.error_in(answer):
            raise failure
        output = answer.get("output")
        return pictures(answer, output if isinstance(output, dict) else {})


def _family(model: str, families: tuple[tuple[str, Family], ...]) -> Family:
    return next(family for words, family in families if re.search(words, model.lower()))


def _base(platform: PlatformSpec) -> str:
    """Where media live; the base URL is chat's."""
    base = platform.base_url
    if base.endswith("/compatible-mode/v1"):
        return f"{base.removesuffix('/compatible-mode/v1')}/api/v1"
    if base.endswith("/api/v1"):
        return base
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}/api/v1"


def _request(
    route: Route, family: Family, fields: Json, parameters: Json, *, later: bool
) -> UpstreamRequest:
    body = json_body({"model": route.upstream_model, "input": fields, "parameters": parameters})
    headers = (("X-DashScope-Async", "enable"),) if later else ()
    return UpstreamRequest("POST", _PATHS[family], body, headers, _base(route.platform))


def _sorted(options: Mapping[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """The options for `input`, and those that are `parameters`."""
    fields = {name: value for name, value in options.items() if _INPUT.fullmatch(name)}
    return fields, without(options, tuple(fields))


def _starred(size: str) -> str:
    """`1024*1024`; a name such as `2K` as it is."""
    found = pixels(size)
    return f"{found[0]}*{found[1]}" if found else size


def _check_pictures(images: Images, route: Route, family: Family) -> None:
    """Raises BadRequest where the model cannot do with the pictures, or without them."""
    one = "imageedit" in route.upstream_model.lower()
    if not one:
        refuse_mask(images, f"The model “{route.model}”")
    takes: dict[Family, tuple[int, int, str]] = {
        "text": (0, 0, "makes pictures from words alone"),
        "edit": (1, 1 if one else 16, "edits one picture" if one else "edits pictures"),
    }
    least, most, does = takes.get(family, (0, 16, ""))
    if not least <= len(images.sources) <= most:
        raise BadRequest(
            f"The model “{route.model}” {does}; {len(images.sources)} came with the call.",
            param="image",
        )


def _pictures(images: Images, model: str, family: Family) -> dict[str, Json]:
    """The pictures of an edit, as `input` names them."""
    if family == "text":
        return {}
    sources = [Embedded(source) for source in images.sources]
    if "imageedit" not in model.lower():
        return {"images": sources}
    fields: dict[str, Json] = {"function": "description_edit", "base_image_url": sources[0]}
    if images.mask is not None:
        fields["function"] = "description_edit_with_mask"
        fields["mask_image_url"] = Embedded(images.mask)
    return fields


def _film_sources(video: Video, route: Route, family: Family) -> dict[str, Json]:
    """The pictures and the film to go by, as `input` names them. Raises BadRequest."""
    model, remix = route.upstream_model.lower(), video.remix
    films = [remix.url] if remix else []
    if family == "references":
        urls = [*map(Embedded, video.sources), *films]
        return {"reference_urls": urls} if urls else {}
    if family == "frames":
        places: tuple[str, ...] = ("first_frame_url", "last_frame_url")
    elif family == "picture":
        places = ("img_url",)
    elif "i2v" in model:
        places = ("last_frame",) if remix else ("first_frame", "last_frame")
    elif len(video.sources) == 1 and not remix and "r2v" not in model:
        places = ("first_frame",)
    else:
        places = ("reference_image",) * len(video.sources)
    if len(video.sources) > len(places):
        raise BadRequest(
            f"{len(video.sources)} pictures came with the call; the model “{route.model}” takes "
            f"{len(places)} here.",
            param="input_reference",
        )
    placed = [*zip(places, map(Embedded, video.sources), strict=False)]
    if family != "media":
        return dict(placed)
    kind = "first_clip" if "i2v" in model else "reference_video" if "r2v" in model else "video"
    media: list[Json] = [{"type": place, "url": picture} for place, picture in placed]
    media += [{"type": kind, "url": url} for url in films]
    return {"media": media} if media else {}


def _film_shape(
    size: str, model: str, family: Family, parameters: Mapping[str, Json]
) -> dict[str, Json]:
    """`size` as the family says it: in pixels, or as `resolution` with or without a `ratio`."""
    begins_with_picture = "i2v" in model or family == "frames"
    if family != "media" and not begins_with_picture and pixels(size):
        return {"size": _starred(size)}
    ratios = () if family != "media" or begins_with_picture else _RATIOS
    return shape_of(size, parameters, _RESOLUTIONS, ratios)
