"""Every operation that callers may use: path, method, what it takes, what it answers. Data only.

Paths are those below `/<platform>`; the document's servers say that they are there twice, with a
platform in the path and without. `tests/gateway/test_reference.py` holds them against the routes.
"""

from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise
JSON = "application/json"
FORM = "multipart/form-data"
EVENTS = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter beside the body."""

    name: str
    where: str
    """`path`, `query` or `header`."""
    schema: dict[str, Any]
    description: Words = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    path: str
    method: str
    tag: str
    summary: Words
    description: Words = ""
    request: str = ""
    """The schema of the body; "": no body."""
    forms: bool = False
    """Whether the body may also be a form."""
    answers: dict[str, str] = field(default_factory=dict)
    """Content type → schema of the 200; "": bytes or text."""
    parameters: tuple[Parameter, ...] = ()
    errors: tuple[int, ...] = (401, 403, 404, 429, 500)
    error: str = "Error"
    """The schema of its errors."""
    status: int = 200
    open: bool = False
    """Whether it takes no licence."""


_STR = {"type": "string"}
_YES = {"type": "boolean", "default": False}
_ASYNC = Parameter("async", "query", _YES, _("Answer at once with a task instead of pictures."))
_DETAIL = Parameter(
    "detail", "query", _YES, _("More than OpenAI tells: what was asked, timings, attempts.")
)
_ONCE = Parameter(
    "Idempotency-Key",
    "header",
    {"type": "string", "maxLength": 255},
    _("The same key within 24 hours gives the same task, not another one."),
)
_GROUP = Parameter(
    "x-tokens-group", "header", _STR, _("Credential groups to use, with commas between.")
)
_RETRIES = Parameter(
    "x-tokens-retries",
    "header",
    {"type": "integer", "minimum": 0, "maximum": 999},
    _("How many more attempts may follow the first."),
)
_HINTS = (_GROUP, _RETRIES)
_TASK = Parameter("task_id", "path", _STR)
_NAMED = Parameter("model", "path", _STR, _("May hold slashes, plain or as %2F."))
_CALL = (400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504)
_MEDIA = (400, 401, 403, 404, 409, 413, 415, 429, 500, 502, 503, 504)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "/v1/chat/completions",
        "post",
        "chat",
        _("Chat, whole or streamed"),
        _(
            "OpenAI's chat completions, for every platform. With `stream` the answer is a stream "
            "of events, each a chunk, ended by `data: [DONE]`. A stream that fails ends with an "
            'event `{"error": …}` and without `[DONE]`.'
        ),
        request="ChatRequest",
        answers={JSON: "ChatCompletion", EVENTS: "ChatCompletionChunk"},
        parameters=_HINTS,
        errors=_CALL,
    ),
    Operation(
        "/v1/messages",
        "post",
        "chat",
        _("Anthropic's Messages"),
        _("For Anthropic's own clients; relayed where the platform speaks it, else translated."),
        request="any",
        answers={JSON: "AnthropicMessage", EVENTS: ""},
        parameters=_HINTS,
        errors=_CALL,
        error="AnthropicError",
    ),
    Operation(
        "/v1/messages/count_tokens",
        "post",
        "chat",
        _("How many tokens a message of Anthropic's has"),
        request="any",
        answers={JSON: "any"},
        errors=_CALL,
        error="AnthropicError",
    ),
    Operation(
        "/v1/responses",
        "post",
        "chat",
        _("OpenAI's Responses"),
        _("Creating only: nothing is stored, except by a platform that has this API itself."),
        request="any",
        answers={JSON: "Response", EVENTS: ""},
        parameters=_HINTS,
        errors=_CALL,
    ),
    *(
        Operation(
            f"/{version}/models/{{model}}:{method}",
            "post",
            "chat",
            summary,
            _("For Google's own clients."),
            request="any",
            answers=answers,
            parameters=(_NAMED,),
            errors=_CALL,
            error="GeminiError",
        )
        for version in ("v1", "v1beta")
        for method, summary, answers in (
            ("generateContent", _("Gemini's answer, whole"), {JSON: "GeminiAnswer"}),
            (
                "streamGenerateContent",
                _("Gemini's answer, streamed; as events with `?alt=sse`"),
                {JSON: "", EVENTS: "GeminiAnswer"},
            ),
            ("countTokens", _("How many tokens a request of Gemini's has"), {JSON: "any"}),
        )
    ),
    Operation(
        "/v1/embeddings",
        "post",
        "chat",
        _("Vectors of texts"),
        request="EmbeddingsRequest",
        answers={JSON: "EmbeddingsAnswer"},
        parameters=_HINTS,
        errors=_CALL,
    ),
    Operation(
        "/v1/images/generations",
        "post",
        "images",
        _("Pictures from words"),
        _("Blocks until they are made, or answers with a task."),
        request="ImagesRequest",
        forms=True,
        answers={JSON: "Images or ImageTask"},
        parameters=(_ASYNC, _ONCE, *_HINTS),
        errors=_MEDIA,
    ),
    Operation(
        "/v1/images/edits",
        "post",
        "images",
        _("Pictures from pictures and words"),
        request="ImageEditRequest",
        forms=True,
        answers={JSON: "Images or ImageTask"},
        parameters=(_ASYNC, _ONCE, *_HINTS),
        errors=_MEDIA,
    ),
    Operation(
        "/v1/images/{task_id}",
        "get",
        "images",
        _("An image task, with its pictures when it is done"),
        answers={JSON: "ImageTask"},
        parameters=(_TASK, _DETAIL),
    ),
    Operation(
        "/v1/videos",
        "post",
        "videos",
        _("Order a film"),
        request="VideoRequest",
        forms=True,
        answers={JSON: "Video"},
        parameters=(_DETAIL, _ONCE, *_HINTS),
        errors=_MEDIA,
    ),
    Operation(
        "/v1/videos",
        "get",
        "videos",
        _("The licence's own films"),
        answers={JSON: "VideoList"},
        parameters=(
            Parameter("limit", "query", {"type": "integer", "minimum": 0, "maximum": 100}),
            Parameter("after", "query", _STR, _("The id of the last one of the page before.")),
            Parameter("order", "query", {"type": "string", "enum": ["asc", "desc"]}),
        ),
        errors=(400, 401, 403, 404, 429, 500),
    ),
    Operation(
        "/v1/videos/{task_id}",
        "get",
        "videos",
        _("A film's state"),
        answers={JSON: "Video"},
        parameters=(_TASK, _DETAIL),
    ),
    Operation(
        "/v1/videos/{task_id}",
        "delete",
        "videos",
        _("Delete a film and its file"),
        answers={JSON: "VideoDeleted"},
        parameters=(_TASK,),
        errors=(401, 403, 404, 409, 429, 500),
    ),
    Operation(
        "/v1/videos/{task_id}/remix",
        "post",
        "videos",
        _("A film from a film"),
        request="RemixRequest",
        forms=True,
        answers={JSON: "Video"},
        parameters=(_TASK, _DETAIL, _ONCE, *_HINTS),
        errors=_MEDIA,
    ),
    Operation(
        "/v1/videos/{task_id}/content",
        "get",
        "videos",
        _("The film itself, with ranges"),
        answers={"video/mp4": "", "image/*": ""},
        parameters=(
            _TASK,
            Parameter(
                "variant",
                "query",
                {"type": "string", "enum": ["video", "thumbnail", "spritesheet"]},
            ),
            Parameter("Range", "header", _STR),
        ),
        errors=(400, 401, 403, 404, 410, 416, 429, 500),
    ),
    *(
        Operation(
            f"/{version}/models{end}",
            "get",
            "models",
            summary,
            _(
                "In OpenAI's shape; in Anthropic's or Google's for their clients, which are known "
                "by their headers and by the path."
            ),
            answers={JSON: schema if version == "v1" else "any"},
            parameters=(_NAMED,) if end else (),
            error="Error" if version == "v1" else "GeminiError",
        )
        for version in ("v1", "v1beta")
        for end, summary, schema in (
            ("", _("What this licence may call"), "ModelList"),
            ("/{model}", _("One model"), "Model"),
        )
    ),
    Operation(
        "/v1/licence",
        "get",
        "licence",
        _("What this licence may use, and what it has used"),
        answers={JSON: "Licence"},
        errors=(401, 403, 404, 500, 503),
    ),
)

AT_THE_ROOT: tuple[Operation, ...] = (
    Operation(
        "/media/{name}",
        "get",
        "videos",
        _("A stored file, by a signed link"),
        answers={"application/octet-stream": ""},
        parameters=(
            Parameter("name", "path", _STR),
            Parameter("expires", "query", _STR),
            Parameter("signature", "query", _STR),
            Parameter("Range", "header", _STR),
        ),
        errors=(404, 410, 416, 500),
        open=True,
    ),
    Operation(
        "/healthz",
        "get",
        "operation",
        _("Does this process live?"),
        answers={JSON: "Health"},
        errors=(),
        open=True,
    ),
    Operation(
        "/readyz",
        "get",
        "operation",
        _("Can it do its work?"),
        answers={JSON: "Readiness"},
        errors=(503,),
        error="Readiness",
        open=True,
    ),
    Operation(
        "/metrics",
        "get",
        "operation",
        _("For Prometheus, with a token of its own"),
        answers={"text/plain": "", "application/openmetrics-text": ""},
        errors=(401, 404),
        error="",
        open=True,
    ),
    Operation(
        "/openapi.json",
        "get",
        "operation",
        _("This document"),
        answers={JSON: "any"},
        errors=(),
        open=True,
    ),
)
"""What has no platform in its path."""
