"""OpenAI clients: the chat request, checked and put right; completions, chunks and errors as bytes.

Only what the gateway needs is checked, each with a sentence that names the field; everything else
travels on, so that a platform's own extensions work.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any

import orjson
from typing_extensions import override

from gateway import sse
from gateway.errors import ApiError, BadRequest
from gateway.faces import Asked, Face
from gateway.shapes import Chat, Json

ROLES = ("developer", "system", "user", "assistant", "tool", "function")
_PLAIN_ROLES = ("user", "assistant", "system", "developer")  # "tool" has an id besides
_JSON_TYPES: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")


def read_chat(body: bytes) -> Chat:
    """A chat request from its bytes. Raises BadRequest.

    Put right on the way, because clients send it: an image as a bare string or bare base64, a
    file as bare base64.
    """
    chat = json_object(body)
    require(chat, "model", str)
    if not chat["model"].strip():
        raise BadRequest("'model' is empty; name a model.", param="model")
    messages = require(chat, "messages", list)
    if not messages:
        raise BadRequest("'messages' is empty; at least one message is needed.", param="messages")
    for index, message in enumerate(messages):
        if not _is_plain(message):
            _check_message(message, index)
    _check_stream(chat)
    for name, kind in (("tools", list), ("n", int), ("response_format", dict), ("metadata", dict)):
        if chat.get(name) is not None:
            typed(chat[name], name, kind)
    return chat


def json_object(body: bytes) -> dict[str, Json]:
    """A request's body. Raises BadRequest where it is no JSON object."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        what = f"{error.msg} (line {error.lineno}, column {error.colno})" if body else "it is empty"
        raise BadRequest(f"The body is not valid JSON: {what}.", code="invalid_json") from None
    if type(value) is not dict:
        raise BadRequest(
            f"The body is {_is(value)}; it must be a JSON object.", code="invalid_type"
        )
    return value


class OpenAIFace(Face):
    """OpenAI's own shape: nothing to translate, so the hot path is a dump of JSON."""

    wire = "openai"
    alike = True

    @override
    def read(self, body: bytes) -> Asked:
        chat = read_chat(body)
        return Asked(chat["model"], bool(chat.get("stream")), chat)

    @override
    def chat(self, asked: Asked) -> Chat:
        return asked.body

    @override
    def answer(self, completion: dict[str, Json]) -> bytes:
        return orjson.dumps(completion)

    @override
    def chunk(self, chunk: dict[str, Json]) -> bytes:
        return b"data: " + orjson.dumps(chunk) + b"\n\n"

    @override
    def relayed(self, data: bytes) -> bytes:
        return sse.encode(data)

    @override
    def end(self) -> bytes:
        return sse.DONE

    @override
    def error(self, error: ApiError) -> bytes:
        return orjson.dumps(error.body())

    @override
    def error_event(self, error: ApiError) -> bytes:
        """One event, after which no `[DONE]` follows."""
        return sse.encode(orjson.dumps(error.body()))


OPENAI = OpenAIFace()
"""For all requests: this face has no state, and nothing that it would drop."""


def _is(value: Any) -> str:
    return _JSON_TYPES.get(type(value), "something else")


def typed(value: Any, path: str, kind: type) -> Any:
    """The value, if it is of this type. Raises BadRequest."""
    if type(value) is not kind:
        raise BadRequest(
            f"'{path}' is {_is(value)}; it must be {_JSON_TYPES[kind]}.",
            param=path,
            code="invalid_type",
        )
    return value


def require(where: dict[str, Any], name: str, kind: type, path: str = "") -> Any:
    """The field, if it is there and of this type. Raises BadRequest."""
    if name not in where:
        raise BadRequest(
            f"'{path}{name}' is missing; it must be {_JSON_TYPES[kind]}.",
            param=f"{path}{name}",
            code="missing_required_parameter",
        )
    return typed(where[name], f"{path}{name}", kind)


def _check_stream(chat: Chat) -> None:
    stream = chat.get("stream")
    if stream is not None:
        typed(stream, "stream", bool)
    options = chat.get("stream_options")
    if options is None:
        return
    typed(options, "stream_options", dict)
    if not stream:
        raise BadRequest(
            "'stream_options' is only allowed with \"stream\": true.", param="stream_options"
        )
    if options.get("include_usage") is not None:
        typed(options["include_usage"], "stream_options.include_usage", bool)


def _is_plain(message: Any) -> bool:
    """A role that says a text, as most do: there is nothing that a longer look could find."""
    return (
        type(message) is dict
        and message.get("role") in _PLAIN_ROLES
        and type(message.get("content")) is str
    )


def _check_message(message: Any, index: int) -> None:
    path = f"messages[{index}]"
    typed(message, path, dict)
    role = require(message, "role", str, f"{path}.")
    if role not in ROLES:
        raise BadRequest(
            f"'{path}.role' is not a role; it must be one of {', '.join(ROLES)}.",
            param=f"{path}.role",
        )
    content = message.get("content")
    if type(content) is list:
        for number, part in enumerate(content):
            _check_part(part, f"{path}.content[{number}]")
    elif content is None:
        if role != "assistant":
            what = "null" if "content" in message else "missing"
            raise BadRequest(
                f"'{path}.content' is {what}; it must be a string or an array of parts.",
                param=f"{path}.content",
                code="missing_required_parameter",
            )
    elif type(content) is not str:
        raise BadRequest(
            f"'{path}.content' is {_is(content)}; it must be a string or an array of parts.",
            param=f"{path}.content",
            code="invalid_type",
        )
    if role == "tool":
        require(message, "tool_call_id", str, f"{path}.")


def _check_part(part: Any, path: str) -> None:
    typed(part, path, dict)
    kind = require(part, "type", str, f"{path}.")
    check = _PARTS.get(kind)
    if check is not None:  # other types are a platform's own, such as video_url: they travel on
        check(part, path)


def _text(part: dict[str, Any], path: str) -> None:
    require(part, "text", str, f"{path}.")


def _image(part: dict[str, Any], path: str) -> None:
    if type(part.get("image_url")) is str:
        part["image_url"] = {"url": part["image_url"]}
    image = require(part, "image_url", dict, f"{path}.")
    url = require(image, "url", str, f"{path}.image_url.")
    image["url"] = as_url(url, f"{path}.image_url.url", "an image")


def _file(part: dict[str, Any], path: str) -> None:
    file = require(part, "file", dict, f"{path}.")
    if file.get("file_data") is None:
        if type(file.get("file_id")) is str:
            return
        raise BadRequest(
            f"'{path}.file' has neither 'file_data' nor 'file_id'.",
            param=f"{path}.file",
            code="missing_required_parameter",
        )
    data = typed(file["file_data"], f"{path}.file.file_data", str)
    file["file_data"] = url = as_url(data, f"{path}.file.file_data", "a file")
    if file.get("filename") is None and url.startswith("data:"):
        # OpenAI refuses a file without a name; the type decides how the platform reads it.
        file["filename"] = f"file.{url[5 : url.find(';')].rpartition('/')[2] or 'bin'}"


def _audio(part: dict[str, Any], path: str) -> None:
    audio = require(part, "input_audio", dict, f"{path}.")
    if "url" in audio:  # a platform's own spelling (Ark takes a URL here)
        return
    require(audio, "data", str, f"{path}.input_audio.")
    require(audio, "format", str, f"{path}.input_audio.")


_PARTS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "text": _text,
    "image_url": _image,
    "file": _file,
    "input_audio": _audio,
}


def as_url(value: str, path: str, what: str) -> str:
    """An address or data URL as it is; bare base64 as a data URL of the type its bytes show."""
    head = value[:16].lower()
    if head.startswith("data:"):
        if ";base64," not in value[:200].lower():
            raise BadRequest(
                f"'{path}' is a data URL without ';base64,'; it must be data:<type>;base64,<data>.",
                param=path,
            )
        return value
    if "://" in head:
        return value
    # The beginning tells: matching all of a 20 MB picture would hold up every other client.
    if not value.strip() or not _BASE64.fullmatch(value[:1024]):
        raise BadRequest(
            f"'{path}' is neither an https URL, nor a data URL, nor base64 of {what}.", param=path
        )
    return f"data:{_sniff(value)};base64,{value}"


def _sniff(data: str) -> str:
    """The media type that the first bytes of base64 show."""
    try:
        start = base64.b64decode(data[:64].translate({45: "+", 95: "/"}), validate=False)
    except binascii.Error:
        return "application/octet-stream"
    for signature, kind in _SIGNATURES:
        if start.startswith(signature):
            return kind
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    return "application/octet-stream" if b"\x00" in start else "text/plain"
