"""The shapes of requests and answers, as JSON Schema: what the gateway looks at, and answers.

Requests are open: what is not named here travels on to the platform. Answers name what a client may
rely on, and are open too where the platform's own fields are passed on.
"""

from typing import Any

from django.utils.translation import gettext_lazy as _

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    """A reference to one of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


def _text(description: Any = "", **more: Any) -> Schema:
    return {"type": "string", **({"description": description} if description else {}), **more}


def _number(description: Any = "", **more: Any) -> Schema:
    return {"type": "number", **({"description": description} if description else {}), **more}


def _whole(description: Any = "", **more: Any) -> Schema:
    return {"type": "integer", **({"description": description} if description else {}), **more}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _object(required: str = "", /, **properties: Schema) -> Schema:
    """An open object; `required`: names with blanks between."""
    names = required.split()
    return {"type": "object", "properties": properties, **({"required": names} if names else {})}


_PICTURE = _text(_("An https address, a data URL, or bare base64; in a form also a file."))
_PICTURES = {"anyOf": [_PICTURE, _list(_PICTURE, maxItems=16)]}
_UNIX = _whole(_("Unix seconds."))
_STATUS = _text(enum=["queued", "in_progress", "completed", "failed"])
_MODEL = _text(
    _(
        "A model of the platform. It may carry hints: `name|[group]` picks credentials of a group; "
        "without a platform in the path it begins with one: `deepseek/deepseek-chat`."
    )
)
_TASK_ERROR = _or_null(_object("code message", code=_text(), message=_text()))
_COUNTS = {
    "prompt_tokens": _whole(),
    "completion_tokens": _whole(),
    "total_tokens": _whole(),
}

_CHAT: dict[str, Schema] = {
    "ChatRequest": _object(
        "model messages",
        model=_MODEL,
        messages=_list(ref("Message"), minItems=1),
        stream={"type": "boolean", "default": False},
        stream_options=_object(include_usage={"type": "boolean"}),
        temperature=_number(),
        top_p=_number(),
        max_tokens=_whole(),
        max_completion_tokens=_whole(),
        n=_whole(minimum=1),
        stop={"anyOf": [_text(), _list(_text())]},
        tools=_list({"type": "object"}),
        tool_choice={},
        response_format={"type": "object"},
        reasoning_effort=_text(),
        user=_text(_("Keeps a conversation on one credential, as `prompt_cache_key` does.")),
        prompt_cache_key=_text(),
        session_id=_text(_("The same; removed before the request goes on.")),
        metadata={"type": "object"},
    ),
    "Message": _object(
        "role",
        role=_text(enum=["developer", "system", "user", "assistant", "tool", "function"]),
        content={
            "anyOf": [_text(), _list(ref("ContentPart")), {"type": "null"}],
        },
        name=_text(),
        tool_calls=_list({"type": "object"}),
        tool_call_id=_text(),
        reasoning_content=_or_null(_text()),
    ),
    "ContentPart": _object(
        "type",
        type=_text(_("`text`, `image_url`, `file`, `input_audio`; others travel on.")),
        text=_text(),
        image_url={"anyOf": [_text(), _object("url", url=_text())]},
        file=_object(file_data=_text(), filename=_text()),
        input_audio=_object(data=_text(), format=_text()),
    ),
    "Usage": _object(
        "prompt_tokens completion_tokens total_tokens",
        **_COUNTS,
        prompt_tokens_details=_or_null(_object(cached_tokens=_or_null(_whole()))),
        completion_tokens_details=_or_null(_object(reasoning_tokens=_or_null(_whole()))),
    ),
    "ChatCompletion": _object(
        "id object created model choices",
        id=_text(_("The request's id, also in `x-request-id`: `foaicmpl-` and 32 hex digits.")),
        object={"const": "chat.completion"},
        created=_UNIX,
        model=_text(_("As the request named it.")),
        choices=_list(
            _object(
                "index message finish_reason",
                index=_whole(),
                message=_object(
                    "role content",
                    role={"const": "assistant"},
                    content=_or_null(_text()),
                    reasoning_content=_or_null(_text()),
                    tool_calls=_list({"type": "object"}),
                ),
                finish_reason=_text(
                    enum=["stop", "length", "tool_calls", "content_filter", "function_call"]
                ),
            )
        ),
        usage=ref("Usage"),
    ),
    "ChatCompletionChunk": _object(
        "id object created model choices",
        id=_text(),
        object={"const": "chat.completion.chunk"},
        created=_UNIX,
        model=_text(),
        choices=_list(
            _object(
                "index delta finish_reason",
                index=_whole(),
                delta=_object(
                    role=_text(),
                    content=_or_null(_text()),
                    reasoning_content=_or_null(_text()),
                    tool_calls=_list({"type": "object"}),
                ),
                finish_reason=_or_null(_text()),
            )
        ),
        usage=_or_null(ref("Usage")),
    ),
}

_EMBEDDINGS: dict[str, Schema] = {
    "EmbeddingsRequest": _object(
        "model input",
        model=_MODEL,
        input={
            "anyOf": [
                _text(minLength=1),
                _list({"anyOf": [_text(), _whole(), _list(_whole())]}, minItems=1, maxItems=2048),
            ]
        },
        encoding_format=_text(enum=["float", "base64"]),
        dimensions=_whole(minimum=1),
        user=_text(),
    ),
    "EmbeddingsAnswer": _object(
        "object data model usage",
        object={"const": "list"},
        model=_text(),
        data=_list(
            _object(
                "object index embedding",
                object={"const": "embedding"},
                index=_whole(),
                embedding={"anyOf": [_list(_number()), _text(_("base64 of float32"))]},
            )
        ),
        usage=_object("prompt_tokens total_tokens", prompt_tokens=_whole(), total_tokens=_whole()),
    ),
}

_MEDIA: dict[str, Schema] = {
    "ImagesRequest": _object(
        "model prompt",
        model=_MODEL,
        prompt=_text(maxLength=32000),
        n=_whole(minimum=1, maximum=10, default=1),
        size=_text(_("Width x height, such as 1024x1024, or `auto`.")),
        response_format=_text(
            _("`url` is a signed link to the gateway's own copy."),
            enum=["b64_json", "url"],
            default="b64_json",
        ),
        quality=_text(),
        **{"async": {"type": "boolean", "description": _("Answer at once with a task.")}},
    ),
    "ImageEditRequest": {
        "allOf": [
            ref("ImagesRequest"),
            _object(
                image={**_PICTURES, "description": _("Also `images`, and in forms `image[]`.")},
                mask=_PICTURE,
            ),
        ]
    },
    "Images": _object(
        "created data",
        created=_UNIX,
        data=_list(
            _object(
                b64_json=_text(_("Bare base64.")),
                url=_text(format="uri"),
                revised_prompt=_text(),
            )
        ),
        output_format=_text(),
        usage={"type": "object"},
    ),
    "ImageTask": _object(
        "id object model status progress created_at completed_at expires_at error",
        id=_text(),
        object={"const": "image"},
        model=_text(),
        status=_STATUS,
        progress=_whole(minimum=0, maximum=100),
        created_at=_UNIX,
        completed_at=_or_null(_UNIX),
        expires_at=_or_null(_UNIX),
        error=_TASK_ERROR,
        detail=ref("TaskDetail"),
        created=_UNIX,
        data=_list({"type": "object"}, description=_("As the blocking call answers, when done.")),
    ),
    "TaskDetail": {
        "description": _("With `?detail=true`."),
        **_object(
            "prompt parameters timings attempts request_id",
            prompt=_or_null(_text()),
            parameters={"type": "object"},
            inputs=_list({"type": "object"}),
            timings={"type": "object"},
            attempts=_whole(),
            request_id=_text(),
        ),
    },
    "VideoRequest": _object(
        "model prompt",
        model=_MODEL,
        prompt=_text(maxLength=32000),
        seconds={"anyOf": [_text(), _whole(minimum=1, maximum=3600)]},
        size=_text(_("Width x height, such as 1280x720.")),
        input_reference=_PICTURES,
    ),
    "RemixRequest": _object("prompt", prompt=_text(), model=_text(), input_reference=_PICTURES),
    "Video": _object(
        "id object model status progress created_at completed_at expires_at prompt size seconds "
        "remixed_from_video_id error",
        id=_text(),
        object={"const": "video"},
        model=_text(),
        status=_STATUS,
        progress=_whole(minimum=0, maximum=100),
        created_at=_UNIX,
        completed_at=_or_null(_UNIX),
        expires_at=_or_null(_UNIX),
        prompt=_or_null(_text()),
        size=_text(),
        seconds=_text(),
        remixed_from_video_id=_or_null(_text()),
        error=_TASK_ERROR,
        detail=ref("TaskDetail"),
    ),
    "VideoList": _object(
        "object data first_id last_id has_more",
        object={"const": "list"},
        data=_list(ref("Video")),
        first_id=_or_null(_text()),
        last_id=_or_null(_text()),
        has_more={"type": "boolean"},
    ),
    "VideoDeleted": _object(
        "id object deleted",
        id=_text(),
        object={"const": "video.deleted"},
        deleted={"const": True},
    ),
}

_REST: dict[str, Schema] = {
    "Model": _object(
        "id object created owned_by",
        id=_text(),
        object={"const": "model"},
        created=_UNIX,
        owned_by=_text(_("The platform's short name.")),
    ),
    "ModelList": _object("object data", object={"const": "list"}, data=_list(ref("Model"))),
    "Licence": _object(
        "object name key_start expires_at platforms models limits budgets",
        object={"const": "licence"},
        name=_text(),
        key_start=_text(),
        expires_at=_or_null(_UNIX),
        platforms=_or_null(_list(_text())),
        models=_or_null(_list(_text(_("A pattern, such as `gpt-5*`.")))),
        limits=_list(
            _object(
                "limit models most used left reset",
                limit=_text(enum=["requests_per_minute", "tokens_per_minute", "parallel_requests"]),
                models=_or_null(_text(_("The pattern of models it is for; null: all."))),
                most=_whole(),
                used=_whole(),
                left=_whole(),
                reset=_or_null(_text(_("When all is free again: `6m0s`."))),
            )
        ),
        budgets=_list(
            _object(
                "window amount spent reserved left starts_at ends_at",
                window=_text(enum=["total", "day", "month"]),
                amount=_number(_("Money, in the gateway's currency.")),
                spent=_number(),
                reserved=_number(_("Held for calls that are under way.")),
                left=_number(),
                starts_at=_or_null(_UNIX),
                ends_at=_or_null(_UNIX),
            )
        ),
    ),
    "Error": _object(
        "error",
        error=_object(
            "message type param code",
            message=_text(_("What is wrong, where, and what would be right.")),
            type=_text(),
            param=_or_null(_text(_("The field."))),
            code=_or_null(_text(_("See docs/errors.md."))),
        ),
    ),
    "AnthropicError": _object(
        "type error",
        type={"const": "error"},
        error=_object("type message", type=_text(), message=_text()),
    ),
    "GeminiError": _object(
        "error",
        error=_object("code message status", code=_whole(), message=_text(), status=_text()),
    ),
    "Health": _object("status version", status={"const": "ok"}, version=_text()),
    "Readiness": _object(
        "status database journal journal_lag_bytes version",
        status=_text(enum=["ok", "not ready"]),
        database=_text(),
        journal=_text(),
        journal_lag_bytes=_whole(),
        version=_text(),
    ),
}

_NATIVE: dict[str, Schema] = {
    "AnthropicMessage": _object(
        "id type role content model stop_reason usage",
        id=_text(),
        type={"const": "message"},
        role={"const": "assistant"},
        content=_list(_object("type", type=_text())),
        model=_text(),
        stop_reason=_or_null(_text()),
        usage=_object("input_tokens output_tokens", input_tokens=_whole(), output_tokens=_whole()),
    ),
    "Response": _object(
        "id object created_at status model output",
        id=_text(),
        object={"const": "response"},
        created_at=_number(),
        status=_text(),
        model=_text(),
        output=_list(_object("type", type=_text())),
    ),
    "GeminiAnswer": _object(
        "candidates",
        candidates=_list(_object(content={"type": "object"}, finishReason=_text())),
        usageMetadata={"type": "object"},
    ),
}

SCHEMAS: dict[str, Schema] = {**_CHAT, **_EMBEDDINGS, **_MEDIA, **_NATIVE, **_REST}
