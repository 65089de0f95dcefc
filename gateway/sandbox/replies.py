"""What the sandbox replies: a made-up text, an object of the asked-for schema, or tool calls. Pure.

Its rule for tools: it calls those that `tool_choice` names or requires; with `auto`, those whose
name stands in the last message, if that is the user's.
"""

import base64
import re
from dataclasses import dataclass, field
from typing import Any

import orjson

_TOKEN = re.compile(r"\s*(?:[^\W\u2e80-\uffff]+|[\u2e80-\uffff]|[^\w\s])|\s+")
_LABEL = "This is the sandbox: no model was asked."


@dataclass(slots=True)
class Reply:
    """One choice's content: text in pieces, one per token, or tool calls."""

    pieces: list[str] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Name, and arguments as JSON."""
    finish_reason: str = "stop"

    @property
    def tokens(self) -> int:
        """Tokens of it: exactly the pieces that are streamed."""
        return len(self.pieces) + sum(1 + len(tokens(call[1])) for call in self.calls)


def tokens(text: str) -> list[str]:
    """The sandbox's tokens: a word, a Chinese character or a sign each, with the space before."""
    return _TOKEN.findall(text)


def prompt_tokens(chat: dict[str, Any]) -> int:
    """Tokens of all texts of a request, and of its tools."""
    count = sum(len(tokens(_text(message))) for message in chat["messages"])
    if chat.get("tools"):
        count += len(tokens(orjson.dumps(chat["tools"]).decode()))
    return count


def reply(chat: dict[str, Any]) -> Reply:
    """The reply to a chat, within its `stop` and token limit."""
    calls = _calls(chat)
    if calls:
        return Reply(calls=calls, finish_reason="tool_calls")
    text = _structured(chat) or _told(chat["messages"])
    stops = chat.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(stop)[0] if stop else text
    pieces = tokens(text)
    most = chat.get("max_completion_tokens") or chat.get("max_tokens")
    if isinstance(most, int) and len(pieces) > most:
        return Reply(pieces[:most], finish_reason="length")
    return Reply(pieces)


def _told(messages: list[dict[str, Any]]) -> str:
    last = messages[-1]
    if last.get("role") == "tool":
        return f"{_LABEL} The tool answered: {_text(last)}"
    asked = [message for message in messages if message.get("role") == "user"]
    said = [_LABEL]
    if asked:
        said.append(f"You said: {_text(asked[-1])}")
        content = asked[-1].get("content")
        if isinstance(content, list):
            said += [f"You sent {_described(part)}." for part in content if part["type"] != "text"]
    return " ".join(said)


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def _described(part: dict[str, Any]) -> str:
    """A part in words: what, of which type, how many bytes."""
    kind = part["type"]
    inner = part.get(kind) or {}
    if kind == "image_url":
        return f"a picture ({_data(inner.get('url', ''))})"
    if kind == "file":
        name = inner.get("filename") or inner.get("file_id") or "without a name"
        return f"a file {name} ({_data(inner.get('file_data', ''))})"
    if kind == "input_audio":
        return f"a sound ({inner.get('format')}, {_size(inner.get('data', ''))})"
    return f"a part of type {kind}"


def _data(url: str) -> str:
    if not url.startswith("data:"):
        return f"at {url}" if url else "by reference"
    head, _, data = url.partition(",")
    return f"{head[5:].partition(';')[0]}, {_size(data)}"


def _size(data: str) -> str:
    try:
        return f"{len(base64.b64decode(data))} bytes"
    except ValueError:
        return "not base64"


def _calls(chat: dict[str, Any]) -> list[tuple[str, str]]:
    functions = [tool["function"] for tool in chat.get("tools") or () if "function" in tool]
    choice = chat.get("tool_choice") or "auto"
    last = chat["messages"][-1]
    if choice == "none" or last.get("role") == "tool":
        return []
    if isinstance(choice, dict):
        wanted = (choice.get("function") or {}).get("name")
        called = [function for function in functions if function.get("name") == wanted]
    elif choice == "required":
        called = functions[:1]
    else:
        text = _text(last) if last.get("role") == "user" else ""
        called = [function for function in functions if function.get("name", "\0") in text]
    if chat.get("parallel_tool_calls") is False:
        called = called[:1]
    return [
        (function["name"], orjson.dumps(_example(function.get("parameters") or {})).decode())
        for function in called
    ]


def _structured(chat: dict[str, Any]) -> str:
    wanted = chat.get("response_format") or {}
    if wanted.get("type") == "json_object":
        return orjson.dumps({"sandbox": True, "reply": _LABEL}).decode()
    if wanted.get("type") == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema") or {}
        return orjson.dumps(_example(schema, schema)).decode()
    return ""


def _example(schema: Any, root: Any = None) -> Any:
    """The smallest value that a JSON schema allows: its required properties, its first choices."""
    root = schema if root is None else root
    if not isinstance(schema, dict):
        return None
    if reference := schema.get("$ref"):
        target = root
        for name in str(reference).removeprefix("#/").split("/"):
            target = target.get(name, {})
        return _example(target, root)
    for name in ("anyOf", "oneOf", "allOf"):
        if schema.get(name):
            return _example(schema[name][0], root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        properties = schema.get("properties") or {}
        return {
            name: _example(properties.get(name, {}), root) for name in schema.get("required", ())
        }
    if kind == "array":
        return [_example(schema.get("items", {}), root)] * schema.get("minItems", 0)
    plain = {"string": "sandbox", "integer": 1, "number": 1.5, "boolean": True}
    return plain.get(str(kind))
