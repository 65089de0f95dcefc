"""The messages of a chat as Anthropic's `messages`: users' and assistants' turns, made of blocks.

Sources: wire notes anthropic §1, §6 (anthropic 2.12.0 and 1.17.0, Nov 2026).
"""

import base64
import re

import orjson

from gateway.protocols.fields import refuse, typed
from gateway.shapes import Json

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_OWN_PARTS = ("image", "document", "search_result", "container_upload")
_THINKING = ("thinking", "redacted_thinking")
_NO_ID = re.compile(r"[^A-Za-z0-9_-]")


def read_turns(messages: list[dict[str, Json]]) -> tuple[list[Json], list[dict[str, Json]]]:
    """What is system's, and users' and assistants' turns, none empty.

    All results for one turn's calls come in one message, before its text (§1).
    """
    system: list[Json] = []
    turns: list[dict[str, Json]] = []
    for number, message in enumerate(messages):
        path, role = f"messages[{number}]", message["role"]
        if role == "function":
            refuse(f"{path}.role", "is not for this platform; answer calls as 'tool'.")
        elif role == "tool":
            blocks = [_result(message, path)]
        else:
            blocks = _assistant(message, path) if role == "assistant" else _content(message, path)
        if role in ("system", "developer"):
            if any(block["type"] != "text" for block in blocks):
                refuse(f"{path}.content", "may hold only text.")
            system += blocks
            continue
        role = "assistant" if role == "assistant" else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    for turn in turns:
        if turn["role"] == "user":
            turn["content"].sort(key=lambda block: block["type"] != "tool_result")
    return system, turns


def _assistant(message: dict[str, Json], path: str) -> list[Json]:
    """Thinking that was signed, text, calls; thinking without a signature is left out."""
    if message.get("function_call") is not None:
        refuse(f"{path}.function_call", "is not for this platform; send 'tool_calls'.")
    where = f"{path}.thinking_blocks"
    given = typed(message.get("thinking_blocks") or [], where, list)
    blocks = [block for block in given if typed(block, where, dict).get("type") in _THINKING]
    blocks = [block for block in blocks if block.get("signature") or block.get("data")]
    blocks += _content(message, path)
    calls = typed(message.get("tool_calls") or [], f"{path}.tool_calls", list)
    for number, call in enumerate(calls):
        where = f"{path}.tool_calls[{number}]"
        function = typed(typed(call, where, dict).get("function"), f"{where}.function", dict)
        blocks.append(
            {
                "type": "tool_use",
                "id": _id(call.get("id"), where),
                "name": typed(function.get("name"), f"{where}.function.name", str),
                "input": _input(function.get("arguments")),
            }
        )
    return blocks


def _input(arguments: Json) -> dict[str, Json]:
    """A call's arguments as an object; what a model wrote that is none is wrapped into one."""
    try:
        value = orjson.loads(arguments or "{}") if isinstance(arguments, str) else arguments or {}
    except orjson.JSONDecodeError:
        value = arguments
    return value if isinstance(value, dict) else {"arguments": arguments}


def _id(value: Json, path: str) -> str:
    """A call's id; other platforms' may hold characters that are refused there (from memory)."""
    return _NO_ID.sub("_", typed(value, f"{path}.id", str))


def _result(message: dict[str, Json], path: str) -> dict[str, Json]:
    result = {"type": "tool_result", "tool_use_id": _id(message["tool_call_id"], path)}
    content = _content({**message, "cache_control": None}, path)
    return marked({**result, "content": content} if content else result, message)


def _content(message: dict[str, Json], path: str) -> list[Json]:
    """A message's text and parts as blocks; empty texts, which are refused there, left out."""
    content = message.get("content") or []
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    blocks = [_part(part, f"{path}.content[{number}]") for number, part in enumerate(parts)]
    blocks = [block for block in blocks if block["type"] != "text" or block["text"].strip()]
    return [*blocks[:-1], marked(blocks[-1], message)] if blocks else []


def _part(part: dict[str, Json], path: str) -> dict[str, Json]:
    kind = part["type"]
    if kind in ("text", "refusal"):
        return marked({"type": "text", "text": typed(part.get(kind), path, str)}, part)
    if kind == "image_url":
        image = _media(part["image_url"]["url"], f"{path}.image_url.url", "image")
        return marked(image, part)
    if kind == "file":
        if part["file"].get("file_data") is None:
            refuse(f"{path}.file.file_id", "is not known to this platform; send 'file_data'.")
        document = _media(part["file"]["file_data"], f"{path}.file.file_data", "document")
        if document["type"] == "document" and part["file"].get("filename"):
            document["title"] = part["file"]["filename"]
        return marked(document, part)
    if kind not in _OWN_PARTS:
        refuse(f"{path}.type", f"is {kind!r:.50}; this platform takes text, image_url and file.")
    return part


def _media(url: str, path: str, kind: str) -> dict[str, Json]:
    """An address or a data URL as a block; the data's own type decides on which."""
    if url[:8].lower() == "https://":
        return {"type": kind, "source": {"type": "url", "url": url}}
    head, comma, data = url.partition(",")
    if not comma or head[:5].lower() != "data:":
        refuse(path, "must be an https address or a data URL.")
    mime = head[5:].partition(";")[0].lower().replace("image/jpg", "image/jpeg")
    data = "".join(data.split()).replace("-", "+").replace("_", "/")
    if mime.startswith("text/") or mime == "application/json":
        try:
            text = base64.b64decode(data + "=" * (-len(data) % 4)).decode()
        except ValueError:
            refuse(path, "is no text in UTF-8 and base64.")
        source = {"type": "text", "media_type": "text/plain", "data": text}
        return {"type": "document", "source": source}
    if mime not in (*_IMAGES, "application/pdf"):
        refuse(path, f"is {mime[:50]}; this platform takes {', '.join(_IMAGES)}, PDF and text.")
    block = "document" if mime == "application/pdf" else "image"
    return {"type": block, "source": {"type": "base64", "media_type": mime, "data": data}}


def marked(block: dict[str, Json], given: dict[str, Json]) -> dict[str, Json]:
    """The block with the mark for caching that its part or message has."""
    mark = given.get("cache_control")
    return {**block, "cache_control": mark} if mark is not None else block


def thoughtless(turns: list[dict[str, Json]]) -> bool:
    """Whether calls are being answered whose thinking was not kept: no budget is taken then."""
    if len(turns) < 2 or turns[-1]["content"][0]["type"] != "tool_result":
        return False
    return turns[-2]["content"][0]["type"] not in _THINKING
