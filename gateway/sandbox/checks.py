"""Which chat requests the sandbox refuses, and with what sentence; the rest of it can trust. Pure.

Stricter than the gateway's own check of a client: as a platform, it looks at every field that it
reads.
"""

import re
from typing import Any

MAX_CHOICES = 8  # values of `n`; the sandbox's choices are all the same, so more show nothing new
MAX_TOOLS = 128  # as OpenAI's own limit
_NAMES: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "a whole number",
    list: "an array",
    dict: "an object",
}
_FIELDS: dict[str, tuple[type, ...]] = {
    "max_completion_tokens": (int,),
    "max_tokens": (int,),
    "n": (int,),
    "parallel_tool_calls": (bool,),
    "response_format": (dict,),
    "stop": (str, list),
    "stream": (bool,),
    "stream_options": (dict,),
    "tool_choice": (str, dict),
    "tools": (list,),
}
_LIMITS = ("max_completion_tokens", "max_tokens")
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_PART_FIELDS = {
    "image_url": {"url": True},
    "file": {"file_data": False, "file_id": False, "filename": False},
    "input_audio": {"data": True, "format": True},
}
"""What a part of this type holds: the names of its strings, and whether each is required."""
_FORMATS = ("text", "json_object", "json_schema")
_CHOICES = ("none", "auto", "required")


class Refused(Exception):
    """A request that is answered with 400: what is wrong, in which field, and OpenAI's code."""

    def __init__(self, message: str, param: str | None = None, code: str = "invalid_value") -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code


def check(chat: Any) -> dict[str, Any]:
    """The chat itself, if every field that the sandbox reads is as it should be. Raises Refused."""
    if type(chat) is not dict:
        raise Refused("The body is not an object; a chat request is one.", code="invalid_type")
    _required(chat, "model", "", str)
    messages = _required(chat, "messages", "", list)
    if not messages:
        raise Refused("'messages' is empty; at least one message is needed.", "messages")
    for index, message in enumerate(messages):
        _check_message(message, f"messages[{index}]")
    for name, kinds in _FIELDS.items():
        if chat.get(name) is not None:
            _typed(chat[name], name, *kinds)
    _check_ranges(chat)
    _check_stop(chat)
    _check_tools(chat)
    _check_format(chat.get("response_format") or {"type": "text"})
    return chat


def _typed(value: Any, path: str, *kinds: type) -> Any:
    # Not isinstance: for Python, true is a number too.
    if type(value) not in kinds:
        right = " or ".join(_NAMES[kind] for kind in kinds)
        raise Refused(f"'{path}' has the wrong type; it must be {right}.", path, "invalid_type")
    return value


def _required(where: dict[str, Any], name: str, path: str, *kinds: type) -> Any:
    if where.get(name) is None:
        right = " or ".join(_NAMES[kind] for kind in kinds)
        message = f"'{path}{name}' is missing; it must be {right}."
        raise Refused(message, path + name, "missing_required_parameter")
    return _typed(where[name], path + name, *kinds)


def _check_message(message: Any, path: str) -> None:
    _typed(message, path, dict)
    _required(message, "role", f"{path}.", str)
    content = message.get("content")
    if content is not None:
        _typed(content, f"{path}.content", str, list)
    for number, part in enumerate(content if type(content) is list else ()):
        _check_part(part, f"{path}.content[{number}]")
    calls = message.get("tool_calls")
    if calls is not None:
        _typed(calls, f"{path}.tool_calls", list)


def _check_part(part: Any, path: str) -> None:
    _typed(part, path, dict)
    kind = _required(part, "type", f"{path}.", str)
    if kind == "text":
        _required(part, "text", f"{path}.", str)
    if kind not in _PART_FIELDS:
        return
    inner = _required(part, kind, f"{path}.", dict)
    for name, required in _PART_FIELDS[kind].items():
        if required or inner.get(name) is not None:
            _required(inner, name, f"{path}.{kind}.", str)


def _check_ranges(chat: dict[str, Any]) -> None:
    count = chat.get("n")
    if count is not None and not 1 <= count <= MAX_CHOICES:
        raise Refused(f"'n' is {count}; it must be from 1 to {MAX_CHOICES}.", "n")
    for name in _LIMITS:
        limit = chat.get(name)
        if limit is not None and limit < 1:
            raise Refused(f"'{name}' is {limit}; it must be at least 1.", name)
    if len(chat.get("tools") or ()) > MAX_TOOLS:
        raise Refused(f"'tools' has too many; {MAX_TOOLS} are most.", "tools")


def _check_stop(chat: dict[str, Any]) -> None:
    stop = chat.get("stop")
    for index, text in enumerate(stop if type(stop) is list else ()):
        _typed(text, f"stop[{index}]", str)


def _check_tools(chat: dict[str, Any]) -> None:
    names = [
        _checked_name(tool, f"tools[{index}]") for index, tool in enumerate(chat.get("tools") or ())
    ]
    choice = chat.get("tool_choice")
    if type(choice) is str and choice not in _CHOICES:
        right = ", ".join(_CHOICES)
        raise Refused(f"'tool_choice' is unknown; it must be {right}, or a tool.", "tool_choice")
    if choice == "required" and not names:
        raise Refused("'tool_choice' is 'required', but there are no 'tools'.", "tool_choice")
    if type(choice) is dict and "function" in choice:
        wanted = _typed(choice["function"], "tool_choice.function", dict).get("name")
        if wanted not in names:
            raise Refused("'tool_choice' names none of the 'tools'.", "tool_choice")


def _checked_name(tool: Any, path: str) -> str:
    """The function's name; empty for a tool of another type, which the sandbox never calls."""
    _typed(tool, path, dict)
    if "function" not in tool:
        return ""
    function = _typed(tool["function"], f"{path}.function", dict)
    if function.get("parameters") is not None:
        _typed(function["parameters"], f"{path}.function.parameters", dict)
    name: str = _required(function, "name", f"{path}.function.", str)
    if not _TOOL_NAME.fullmatch(name):
        raise Refused(
            f"'{path}.function.name' is no name; it must be 1 to 64 of A-Z, a-z, 0-9, _ and -.",
            f"{path}.function.name",
        )
    return name


def _check_format(wanted: dict[str, Any]) -> None:
    kind = _required(wanted, "type", "response_format.", str)
    if kind not in _FORMATS:
        right = ", ".join(_FORMATS)
        raise Refused(
            f"'response_format.type' is unknown; it must be one of {right}.", "response_format.type"
        )
    if kind == "json_schema":
        inner = _required(wanted, "json_schema", "response_format.", dict)
        if inner.get("schema") is not None:
            _typed(inner["schema"], "response_format.json_schema.schema", dict)
