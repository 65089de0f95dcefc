"""The messages of a chat as Gemini's `contents`: users' and models' turns, made of parts.

Sources: wire notes gemini §1, §5 (google-genai 3.4.0, ai.google.dev, Nov 2026).
"""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import orjson

from gateway.protocols.fields import refuse, typed
from gateway.shapes import Json
from gateway.signatures import signature_of

SENTINEL = "skip_thought_signature_validator"
"""Stands for a thought signature that the client did not bring back (§1)."""
_FORMAT = re.compile(r"[A-Za-z0-9.+-]{1,20}")
_TYPES = {
    **{name: f"image/{name}" for name in ("png", "jpeg", "webp", "gif", "heic", "heif", "bmp")},
    **{name: f"video/{name}" for name in ("mp4", "mpeg", "webm", "3gp")},
    **{name: f"audio/{name}" for name in ("mp3", "wav", "flac", "ogg", "aac", "aiff", "m4a")},
    **{name: f"text/{name}" for name in ("csv", "html", "xml")},
    "jpg": "image/jpeg",
    "mov": "video/quicktime",
    "pdf": "application/pdf",
    "json": "application/json",
    "txt": "text/plain",
    "md": "text/markdown",
}
"""Media types by the ending of an address."""

Part = dict[str, Json]
"""One of Gemini's parts."""


def turns(messages: list[dict[str, Json]], *, signed: bool) -> tuple[list[Part], list[Json]]:
    """The system's parts, and the contents: users' and models' by turns, none empty.

    `signed`: the model demands thought signatures; where one is lost, the sentinel stands for it.
    Raises BadRequest.
    """
    system: list[Part] = []
    contents: list[Json] = []
    names: dict[str, str] = {}
    """Of the functions called so far, by the call's id: results must say them."""
    for number, message in enumerate(messages):
        path = f"messages[{number}]"
        role = message["role"]
        if role in ("system", "developer"):
            system += _parts(message, path, ("text",))
            continue
        if role == "function" or message.get("function_call"):
            refuse(path, "uses OpenAI's old functions; say it with 'tool_calls' and role 'tool'.")
        if role == "assistant":
            parts = _assistant(message, path, names, signed=signed)
        elif role == "tool":
            parts = [_result(message, path, names)]
        else:
            parts = _parts(message, path)
        role = "model" if role == "assistant" else "user"
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        elif parts:
            contents.append({"role": role, "parts": parts})
    for content in contents:
        if content["role"] == "user":  # results stand together, before what else the user says
            content["parts"].sort(key=lambda part: "functionResponse" not in part)
    return system, contents


def _parts(message: dict[str, Json], path: str, kinds: tuple[str, ...] = ()) -> list[Part]:
    """A message's content as parts; texts that are empty, which Google refuses, left out.

    `kinds`: the only types that may be there; (): all.
    """
    content = message.get("content")
    if content is None or isinstance(content, str):
        return [{"text": content}] if content else []
    parts: list[Part] = []
    for number, part in enumerate(content):
        here, kind = f"{path}.content[{number}]", part["type"]
        make = _PARTS.get(kind)
        if make is None or (kinds and kind not in kinds):
            takes = ", ".join(kinds or _PARTS)
            refuse(f"{here}.type", f"is '{kind}'; this platform takes {takes} here.")
        made = make(part, here)
        if made.get("text") != "":
            parts.append(made)
    return parts


def _assistant(
    message: dict[str, Json], path: str, names: dict[str, str], *, signed: bool
) -> list[Part]:
    """What the model said, then its calls, the first of which is signed in any case."""
    parts = _parts(message, path)
    if not parts and isinstance(message.get("refusal"), str) and message["refusal"]:
        parts.append({"text": message["refusal"]})
    if parts and "text" in parts[-1] and (signature := signature_of(message)):
        parts[-1]["thoughtSignature"] = signature
    for number, image in enumerate(message.get("images") or ()):
        here = f"{path}.images[{number}]"
        part = _image(typed(image, here, dict), here)
        if signature := signature_of(image):
            part["thoughtSignature"] = signature
        parts.append(part)
    for number, call in enumerate(message.get("tool_calls") or ()):
        here = f"{path}.tool_calls[{number}]"
        function = typed(typed(call, here, dict).get("function"), f"{here}.function", dict)
        name = typed(function.get("name"), f"{here}.function.name", str)
        asked: dict[str, Json] = {
            "name": name,
            "args": _arguments(function.get("arguments"), f"{here}.function.arguments"),
        }
        if call.get("id"):
            asked["id"] = typed(call["id"], f"{here}.id", str)
            names[asked["id"]] = name
        part = {"functionCall": asked}
        if signature := signature_of(call) or (SENTINEL if signed and number == 0 else ""):
            part["thoughtSignature"] = signature
        parts.append(part)
    return parts


def _arguments(arguments: Json, path: str) -> dict[str, Json]:
    """The object that a call's arguments are; the string may be empty where there are none."""
    if arguments in (None, ""):
        return {}
    try:
        value = orjson.loads(typed(arguments, path, str))
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        refuse(path, "is no JSON object, which this platform demands of a call's arguments.")
    return value


def _result(message: dict[str, Json], path: str, names: dict[str, str]) -> Part:
    """A function's result; an object as it is, everything else as an `output`."""
    call = message["tool_call_id"]
    name = names.get(call) or message.get("name")
    if not isinstance(name, str):
        refuse(f"{path}.tool_call_id", "answers no call of an assistant's message before it.")
    parts = _parts(message, path)
    text = "".join(part["text"] for part in parts if "text" in part)
    try:
        value = orjson.loads(text) if text.lstrip()[:1] == "{" else None
    except orjson.JSONDecodeError:
        value = None
    response = value if isinstance(value, dict) else {"output": text}
    result: dict[str, Json] = {"id": call, "name": name, "response": response}
    if others := [part for part in parts if "text" not in part]:
        result["parts"] = others
    return {"functionResponse": result}


def _text(part: dict[str, Json], path: str) -> Part:
    return {"text": typed(part.get("text"), f"{path}.text", str)}


def _refusal(part: dict[str, Json], path: str) -> Part:
    return {"text": typed(part.get("refusal"), f"{path}.refusal", str)}


def _image(part: dict[str, Json], path: str) -> Part:
    return _address(part.get("image_url"), f"{path}.image_url")


def _video(part: dict[str, Json], path: str) -> Part:
    return _address(part.get("video_url"), f"{path}.video_url")


def _address(holder: Json, path: str) -> Part:
    if isinstance(holder, dict):
        holder, path = holder.get("url"), f"{path}.url"
    return _media(typed(holder, path, str), path)


def _file(part: dict[str, Json], path: str) -> Part:
    file = typed(part.get("file"), f"{path}.file", dict)
    if file.get("file_data"):
        return _media(typed(file["file_data"], f"{path}.file.file_data", str), path)
    if "://" in str(file.get("file_id")):  # an address that Google's Files API gave
        return _media(file["file_id"], path)
    refuse(f"{path}.file", "names a file that is not there; send its 'file_data'.")


def _audio(part: dict[str, Json], path: str) -> Part:
    audio = typed(part.get("input_audio"), f"{path}.input_audio", dict)
    if isinstance(audio.get("url"), str):
        return _media(audio["url"], f"{path}.input_audio.url")
    kind = typed(audio.get("format"), f"{path}.input_audio.format", str).lower()
    if not _FORMAT.fullmatch(kind):
        refuse(f"{path}.input_audio.format", "is no name of a format, such as wav or mp3.")
    data = typed(audio.get("data"), f"{path}.input_audio.data", str)
    return {"inlineData": {"mimeType": f"audio/{kind}", "data": data}}


_PARTS: dict[str, Callable[[dict[str, Json], str], Part]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "video_url": _video,
}


def _media(url: str, path: str) -> Part:
    """A data URL's bytes, or an address; Google fetches that itself, if the model can."""
    if url[:5].lower() == "data:":
        head, found, data = url[5:].partition(",")
        kind, *attributes = head.split(";")
        if not found or "base64" not in map(str.lower, attributes):
            refuse(path, "is a data URL without ';base64,'; it must be data:<type>;base64,<data>.")
        return {"inlineData": {"mimeType": kind or "application/octet-stream", "data": data}}
    try:
        place = urlsplit(url)
    except ValueError:
        refuse(path, "is no address that can be read.")
    if not place.scheme:
        refuse(path, "is neither an address nor a data URL.")
    file: dict[str, Json] = {"fileUri": url}
    ending = place.path.rpartition("/")[2].rpartition(".")[2].lower()
    if ending in _TYPES:
        file["mimeType"] = _TYPES[ending]  # otherwise Google finds out itself
    return {"fileData": file}
