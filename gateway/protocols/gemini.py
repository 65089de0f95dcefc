"""Google Gemini in its own words: native pictures, and Veo's films as long-running operations.

Sources: wire notes gemini §1, §3, §4 (google-genai 2.34.0 and 3.4.0). Chat is in gemini_chat.py.
"""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

import orjson
from typing_extensions import override

from gateway.bodies import Embedded, json_body
from gateway.jobs import Images, JobKind, Plan, Progress, Result, Video
from gateway.protocols.base import (
    FOREIGN,
    kind_of,
    loads,
    refuse,
    refuse_mask,
    refuse_options,
    without,
)
from gateway.protocols.gemini_chat import GeminiChat
from gateway.protocols.gemini_stream import read_usage
from gateway.protocols.refusals import about
from gateway.protocols.sizes import nearest_ratio, pixels, shape_of
from gateway.protocols.waits import wait_s
from gateway.shapes import Codes, Failure, FailureKind, Json, UpstreamRequest
from platforms.routes import PlatformSpec, Route

_RATIOS = (
    *("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"),
    *("1:4", "4:1", "1:8", "8:1"),
)
_FILM_RATIOS = ("16:9", "9:16")
_RESOLUTIONS = {720: "720p", 1080: "1080p", 2160: "4k"}
_LONGER_SIDES = ((1536, "1K"), (2304, "2K"), (4608, "4K"))
"""Pixels of the longer side up to which a picture is of this size."""
_UNSENT = ("user", "safety_identifier", "output_format")
_FILM_OPTIONS = {
    "negative_prompt": "negativePrompt",
    "person_generation": "personGeneration",
    "seed": "seed",
    "aspect_ratio": "aspectRatio",
    "resolution": "resolution",
}
_PICTURE_OPTIONS = {"seed": "seed", "temperature": "temperature", "top_p": "topP"}
_STATUSES: dict[str, FailureKind] = {
    "UNAUTHENTICATED": "key",
    "PERMISSION_DENIED": "key",
    "RESOURCE_EXHAUSTED": "rate",
    "NOT_FOUND": "not_found",
    "UNAVAILABLE": "overloaded",
    "DEADLINE_EXCEEDED": "timeout",
    "INVALID_ARGUMENT": "bad_request",
    "FAILED_PRECONDITION": "bad_request",
}
_NUMBERS: dict[int, FailureKind] = {
    401: "key",
    402: "quota",
    403: "key",
    404: "not_found",
    429: "rate",
    499: "broken",  # cancelled by Google itself
    503: "overloaded",
    504: "timeout",
    # An operation's error has a number of gRPC's.
    3: "bad_request",
    4: "timeout",
    8: "rate",
    9: "bad_request",
    14: "overloaded",
}
_CONTENT = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "NO_IMAGE")
"""Reasons to finish that are about content, as are all that begin with IMAGE_."""
_SAID = 300  # characters of a refusal's own words that are passed on


class Gemini(GeminiChat):
    """`models/{model}:generateContent` for pictures, `:predictLongRunning` for films."""

    name: ClassVar[str] = "gemini"

    @override
    def images(self, images: Images, route: Route) -> Plan:
        """One call for each picture: there is one in an answer."""
        refuse_mask(images, "Gemini")
        refuse_options(images.options, FOREIGN, "Gemini")
        options = without(images.options, (*FOREIGN, *_UNSENT))
        shape = _shape(images.size) if images.size else {}
        for name, own in (("aspect_ratio", "aspectRatio"), ("image_size", "imageSize")):
            if name in options:
                shape[own] = options.pop(name)
        config: dict[str, Json] = {"responseModalities": ["TEXT", "IMAGE"]}
        for name, own in _PICTURE_OPTIONS.items():
            if name in options:
                config[own] = options.pop(name)
        if shape:
            config["imageConfig"] = shape
        parts: list[Json] = [
            {"inlineData": {"mimeType": source.content_type, "data": Embedded(source, bare=True)}}
            for source in images.sources
        ]
        parts.append({"text": images.prompt})
        body = {
            "contents": [{"role": "user", "parts": parts}],
            "generationConfig": config,
            **options,
        }
        path = f"{_model(route)}:generateContent"
        return Plan(UpstreamRequest("POST", path, json_body(body)), self._picture, images.n)

    @override
    def video(self, video: Video, route: Route) -> Plan:
        if video.remix is not None:
            self.unsupported(route.platform, "remix")
        options = without(video.options, _UNSENT)
        parameters: dict[str, Json] = {}
        if video.size:
            said = {"ratio": options["aspect_ratio"]} if "aspect_ratio" in options else {}
            parameters = shape_of(video.size, {**options, **said}, _RESOLUTIONS, _FILM_RATIOS)
            if "ratio" in parameters:
                parameters["aspectRatio"] = parameters.pop("ratio")
        if video.seconds is not None:
            parameters["durationSeconds"] = video.seconds
        for name, own in _FILM_OPTIONS.items():
            if name in options:
                parameters[own] = options.pop(name)
        parameters |= options
        instance: dict[str, Json] = {"prompt": video.prompt}
        pictures = [
            {
                "bytesBase64Encoded": Embedded(source, bare=True),
                "mimeType": source.content_type,
            }
            for source in video.sources
        ]
        if len(pictures) == 1:
            instance["image"] = pictures[0]
        elif pictures:
            instance["referenceImages"] = [
                {"image": one, "referenceType": "asset"} for one in pictures
            ]
        body = json_body({"instances": [instance], "parameters": parameters})
        path = f"{_model(route)}:predictLongRunning"
        return Plan(UpstreamRequest("POST", path, body), self._ordered)

    @override
    def poll(self, kind: JobKind, upstream_id: str, platform: PlatformSpec) -> UpstreamRequest:
        return UpstreamRequest("GET", f"/{upstream_id}")

    @override
    def progress(self, kind: JobKind, upstream_id: str, body: bytes) -> Progress:
        operation = loads(body)
        error = operation.get("error")
        is_job = "name" in operation or "done" in operation
        if not is_job and (failure := self.error_in(operation)):
            raise failure
        if isinstance(error, dict) and error:
            return Progress("failed", failure=_failure(0, error, {}))
        if operation.get("done") is not True:
            return Progress("in_progress")
        response = operation.get("response")
        answer = response.get("generateVideoResponse") if isinstance(response, dict) else None
        answer = answer if isinstance(answer, dict) else {}
        results = tuple(
            Result("video", url=uri, with_key=True)  # Google's files want the key as well
            for sample in _list(answer.get("generatedSamples"))
            if isinstance(uri := _inside(sample, "video", "uri"), str) and uri
        )
        if results:
            return Progress("completed", percent=100, results=results)
        reasons = [str(reason) for reason in _list(answer.get("raiMediaFilteredReasons"))]
        if answer.get("raiMediaFilteredCount"):
            words = " ".join(reasons)[:_SAID] or "The platform's content rules held the film back."
            return Progress("failed", failure=_refused(words))
        failure = Failure("broken", "The platform finished the film without saying where.")
        return Progress("failed", failure=failure)

    @override
    def model_names(self, body: bytes) -> list[str]:
        rows = loads(body).get("models")
        if not isinstance(rows, list):
            raise Failure("broken", "The platform's list of models has no 'models'.")
        names = [row.get("name") for row in rows if isinstance(row, dict)]
        return [name.removeprefix("models/") for name in names if isinstance(name, str)]

    @override
    def failure(
        self, status: int, headers: Mapping[str, str], body: bytes, codes: Codes = ()
    ) -> Failure:
        """Google's error object, which also comes alone in a list; the reason says most."""
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            message = f"The platform answered {status} with a body that is {kind_of(body)}."
            kind = _NUMBERS.get(status, "bad_request" if 400 <= status < 500 else "broken")
            if status == 403 and body.lstrip()[:1] == b"<":
                kind = "broken"  # a firewall's page: Google has not seen the credential
            return Failure(kind, message, status=status, retry_after_s=wait_s(headers))
        if isinstance(answer, list) and answer:
            answer = answer[0]
        error = answer.get("error") if isinstance(answer, dict) else None
        return _failure(status, error if isinstance(error, dict) else {}, headers)

    @override
    def error_in(self, body: dict[str, Json]) -> Failure | None:
        error = body.get("error")
        return _failure(0, error, {}) if isinstance(error, dict) and error else None

    def _ordered(self, body: bytes) -> Progress:
        """The name of the operation, which is part of later calls' paths."""
        operation = loads(body)
        if failure := self.error_in(operation):
            raise failure
        name = operation.get("name")
        parts = name.split("/") if isinstance(name, str) else [""]
        if not all(part.strip(".") for part in parts):
            raise Failure("broken", "The platform accepted the film without a usable name for it.")
        return Progress("queued", "/".join(quote(part, safe="") for part in parts))

    def _picture(self, body: bytes) -> Progress:
        """The pictures among the parts, drafts left out. Raises Failure where there is none."""
        answer = loads(body)
        if failure := self.error_in(answer):
            raise failure
        candidates = [one for one in _list(answer.get("candidates")) if isinstance(one, dict)]
        parts = [
            part
            for candidate in candidates
            for part in _list(_inside(candidate, "content", "parts"))
            if isinstance(part, dict) and part.get("thought") is not True
        ]
        results = tuple(
            Result("image", data=data)
            for part in parts
            if isinstance(data := _inside(part, "inlineData", "data"), str)
        )
        if not results:
            raise _nothing(answer, candidates, parts)
        return Progress("completed", results=results, usage=read_usage(answer.get("usageMetadata")))


def _model(route: Route) -> str:
    return f"/models/{quote(route.upstream_model.removeprefix('models/'), safe='')}"


def _shape(size: str) -> dict[str, Json]:
    """`imageConfig` of `1024x1024`, `16:9`, `2K`. Raises BadRequest."""
    if size.upper() in ("1K", "2K", "4K"):
        return {"imageSize": size.upper()}
    shape: dict[str, Json] = {"aspectRatio": nearest_ratio(size, _RATIOS)}
    if found := pixels(size):
        for most, name in _LONGER_SIDES:
            if max(found) <= most:
                return shape if name == "1K" else {**shape, "imageSize": name}
        refuse("size", size, "sizes up to 4608 pixels on the longer side")
    return shape


def _nothing(answer: dict[str, Json], candidates: list[Json], parts: list[Json]) -> Failure:
    """Why there is no picture: the rules of the platform, or words instead of it."""
    blocked = _inside(answer, "promptFeedback", "blockReason")
    reasons = [candidate.get("finishReason") for candidate in candidates]
    words = "".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    said = f" It said: {words[:_SAID]}" if words else ""
    about = [one for one in map(str, reasons) if one in _CONTENT or one.startswith("IMAGE_")]
    for reason in (blocked, *about):
        if reason:
            return _refused(f"The platform made no picture ({reason}).{said}")
    if words:
        return _refused(f"The platform answered in words instead of a picture.{said}")
    return Failure("broken", "The platform answered without a picture.")


def _refused(message: str) -> Failure:
    return Failure("content_filter", message, code="content_policy_violation")


def _failure(number: int, error: Mapping[str, Json], headers: Mapping[str, str]) -> Failure:
    """Google's error object; `number`: the HTTP status, 0 where the object stands in a 200."""
    status, code = error.get("status"), error.get("code")
    number = number or (code if type(code) is int else 0)
    details = [one for one in _list(error.get("details")) if isinstance(one, dict)]
    message = error.get("message")
    message = message[:2000] if isinstance(message, str) else ""
    kind = _NUMBERS.get(number) or _STATUSES.get(str(status))
    if kind is None:
        kind = "bad_request" if 400 <= number < 500 else "broken"
    if any(one.get("reason") == "API_KEY_INVALID" for one in details):
        kind = "key"  # comes with a 400
    else:
        kind = about(kind, message, {"status": "RESOURCE_EXHAUSTED", "details": details})
    return Failure(
        kind,
        message or "The platform gave no reason.",
        status=number if number >= 100 else None,
        code=str(status) if isinstance(status, str) else None,
        # With a day's quota comes the wait for the minute's.
        retry_after_s=wait_s(headers, details if kind != "quota" else None),
    )


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _inside(value: Json, *names: str) -> Json:
    """What stands under these names, one within the other; None where one of them is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
