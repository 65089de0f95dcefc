"""What the sandbox replies: a made-up text, an object of the asked-for schema, or tool calls. Pure.

Its rule for tools: it calls those that `tool_choice` names or requires; with `auto`, those whose
name stands in the last message, if that is the user's.
"""

import base64
import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.sandbox.checks import Refused
from gateway.sandbox.examples import example

# Bounds of a reply, in characters: a stream of more would take minutes, and memory.
MAX_QUOTE = 4000
MAX_TEXT = 8000
MAX_JSON = 4000
MAX_CALLS = 8
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
    """Tokens of all texts of a request, of the calls in its history and of its tools."""
    count = 0
    for message in chat["messages"]:
        count += _count(_text(message)) + _count_json(message.get("tool_calls"))
    return count + _count_json(chat.get("tools"))


def reply(chat: dict[str, Any]) -> Reply:
    """The reply to a checked chat, within its `stop` and token limit (which no call is cut by).

    Raises Refused where a schema of the chat has no example.
    """
    calls = _calls(chat)
    if calls:
        return Reply(calls=calls, finish_reason="tool_calls")
    text = _structured(chat) or _told(chat["messages"])
    stops = chat.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(stop)[0] if stop else text
    pieces = tokens(text)
    most = chat.get("max_completion_tokens") or chat.get("max_tokens")
    if most and len(pieces) > most:
        return Reply(pieces[:most], finish_reason="length")
    return Reply(pieces)


def _count(text: str) -> int:
    # Counted by replacing: a list of all tokens of a 20 MB prompt would take half a gigabyte.
    return _TOKEN.subn("", text)[1]


def _count_json(value: Any) -> int:
    return _count(orjson.dumps(value).decode()) if value else 0


def _told(messages: list[dict[str, Any]]) -> str:
    last = messages[-1]
    if last.get("role") == "tool":
        return f"{_LABEL} The tool answered: {_quoted(last)}"
    asked = [message for message in messages if message.get("role") == "user"]
    said = [_LABEL]
    if asked:
        said.append(f"You said: {_quoted(asked[-1])}")
        content = asked[-1].get("content")
        if isinstance(content, list):
            said += [f"You sent {_described(part)}." for part in content if part["type"] != "text"]
    return _shortened(" ".join(said), MAX_TEXT)


def _quoted(message: dict[str, Any]) -> str:
    return _shortened(_text(message), MAX_QUOTE)


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(part["text"] for part in content if part["type"] == "text")
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
        called = [function for function in functions if function["name"] == wanted]
    elif choice == "required":
        called = functions[:1]
    else:
        text = _text(last) if last.get("role") == "user" else ""
        called = [function for function in functions if function["name"] in text]
    if chat.get("parallel_tool_calls") is False:
        called = called[:1]
    return [(function["name"], _arguments(function)) for function in called[:MAX_CALLS]]


def _arguments(function: dict[str, Any]) -> str:
    parameters = {"type": "object", **(function.get("parameters") or {})}
    return _json(parameters, f"tools.{function['name']}.parameters")


def _structured(chat: dict[str, Any]) -> str:
    wanted = chat.get("response_format") or {}
    if wanted.get("type") == "json_object":
        return orjson.dumps({"sandbox": True, "reply": _LABEL}).decode()
    if wanted.get("type") == "json_schema":
        schema = (wanted.get("json_schema") or {}).get("schema") or {}
        return _json(schema, "response_format.json_schema.schema")
    return ""


def _json(schema: dict[str, Any], path: str) -> str:
    """An example of the schema as JSON. Raises Refused, naming `path`."""
    text = orjson.dumps(example(schema, path)).decode()
    if len(text) > MAX_JSON:
        raise Refused(f"'{path}' asks for more than {MAX_JSON} characters; make it less.", path)
    return text
