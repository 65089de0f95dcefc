"""OpenAI's Responses clients: their requests as chats; what answers is in responses_stream.py.

Sources: wire notes openai-responses §1, §2, §6; OpenAI's API document (Aug 2026); openai 3.54.0.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NoReturn

from typing_extensions import override

from gateway.errors import BadRequest
from gateway.faces import Asked
from gateway.faces.given import Given, content_of
from gateway.faces.openai import as_url, json_object, typed
from gateway.faces.responses_stream import ENCRYPTED, ResponsesAnswers, unsealed
from gateway.shapes import Chat, Json

_NO_STATE = "this platform keeps no state; send the whole conversation in 'input'"
REFUSED: Mapping[str, str] = {
    "previous_response_id": _NO_STATE,
    "conversation": _NO_STATE,
    "background": "this platform keeps no state, so there would be nothing to fetch; leave it out",
    "prompt": "this platform keeps no prompts; send 'instructions' and the whole 'input'",
    "store": "nothing is stored, so a later reference would fail; send false, or leave it out",
}
"""What cannot be kept and would be missed: refused, for this reason."""
DROPPED: Mapping[str, str] = {
    "truncation": "what OpenAI may leave out of long conversations; all of it is sent",
    "context_management": "what OpenAI may leave out of long conversations; all of it is sent",
    "max_tool_calls": "of tools that OpenAI runs, which are refused",
    "include": "what only OpenAI's own tools have; each is named",
    "moderation": "a second opinion of OpenAI's",
    "prompt_cache_options": "tuning of OpenAI's cache",
    "prompt_cache_retention": "tuning of OpenAI's cache",
    "reasoning.context": "of which turns reasoning is read; all that came is sent",
    "stream_options.include_obfuscation": "padding; there is none",
    "tools.web_search": "an offer, not a demand; refused where 'tool_choice' demands it",
    "tools.tool_search": "the same; here all tools are read at once",
    "tools.defer_loading": "when OpenAI reads a tool; here all are read at once",
    "input.phase": "whether a text is a turn's last; its place says so",
    "input.reasoning": "reasoning that nothing follows",
    "input.web_search_call": "that OpenAI searched; the text after it says what was found",
}
"""Left out, for this reason, as is any field not known; `Face.dropped` has those of a request."""
_OFFERS = ("web_search", "tool_search")
"""Tools that programs offer by themselves; what else OpenAI would run was asked for by somebody."""
_LOGPROBS = "message.output_text.logprobs"
_SAME: Mapping[str, type] = {
    "temperature": float,
    "top_p": float,
    "user": str,
    "metadata": dict,
    "service_tier": str,
    "prompt_cache_key": str,
    "safety_identifier": str,
}
"""Fields that a chat has, too, and under the same names."""
_DETAILS = {"auto": "auto", "low": "low", "high": "high", "original": "high"}
_ROLES = ("user", "assistant", "system", "developer")
_TEXTS = ("output_text", "refusal", "input_text", "text")
_GIVEN = ("input_text", "input_image", "input_file", "input_audio", "output_text", "text")
_FILE_FOLLOWS = "(The output follows as a file.)"  # or the model would see an empty one


class ResponsesFace(ResponsesAnswers):
    """One request of `responses`."""

    @override
    def read(self, body: bytes) -> Asked:
        value = json_object(body)
        request = Given(value, "")
        model: str = request.take("model", str)
        if not model.strip():
            request.refuse("model", "is empty; name a model.")
        said = request.fields.get("input")
        if type(said) is not str and (type(said) is not list or not said):
            is_missing = said is None
            what = "missing" if is_missing else "empty" if said == [] else "neither text nor items"
            raise BadRequest(
                f"'input' is {what}; it must be a string, or an array with at least one item.",
                param="input",
                code="missing_required_parameter" if is_missing else "invalid_value",
            )
        return Asked(model, request.take("stream", bool, False), value)

    @override
    def chat(self, asked: Asked) -> Chat:
        request = Given(asked.body, "")
        for name, reason in REFUSED.items():
            if request.fields.get(name):
                _unsupported(request, name, f"is not for this platform: {reason}.")
        for name in ("model", "stream"):  # `asked` has them
            request.fields.pop(name, None)
        turns = _Turns()
        if instructions := request.take("instructions", str, ""):
            turns.other({"role": "system", "content": instructions})
        if type(request.fields["input"]) is str:
            turns.other({"role": "user", "content": request.fields.pop("input")})
        else:
            for item in request.each("input"):
                _item(item, turns)
        turns.close()
        dropped = turns.dropped
        chat: Chat = {"model": asked.model, "messages": turns.messages}
        chat |= _tools(request, dropped, self.namespaces) | _options(request, dropped)
        if asked.stream:
            chat |= {"stream": True, "stream_options": {"include_usage": True}}
        self.request = asked.body
        # A request is translated again where its tokens are estimated.
        self.dropped[:] = dict.fromkeys([*dropped, *request.unread()])
        return chat


def _unsupported(given: Given, name: str, what: str) -> NoReturn:
    path = given.at(name)
    raise BadRequest(f"'{path}' {what}", param=path, code="unsupported_parameter")


def _tools(request: Given, dropped: list[str], namespaces: dict[str, str]) -> Chat:
    given: list[Given] = []
    for tool in request.each("tools", []):
        inner = _in_namespace(tool, namespaces) if tool.fields.get("type") == "namespace" else ()
        given += inner or [tool]
    tools = [made for tool in given if (made := _tool(tool, dropped))]
    chat: Chat = {"tools": tools}
    if choice := _choice(request, any_tools=bool(tools)):
        chat["tool_choice"] = choice
    chat |= _taken(request, {"parallel_tool_calls": bool})
    return chat if tools else {}  # the rest is of no use without them, and refused by some


def _in_namespace(tool: Given, namespaces: dict[str, str]) -> list[Given]:
    """The functions of a group, which a chat has none of; their calls say the group again."""
    tool.fields.pop("type")
    name = tool.take("name", str)
    tool.fields.pop("description", None)
    inner = tool.each("tools")
    named = (one.fields.get("name") for one in inner)
    namespaces.update((one, name) for one in named if type(one) is str)
    return inner


def _tool(tool: Given, dropped: list[str]) -> Json:
    """A tool as a chat says it, one level deeper; None: it is dropped."""
    kind = tool.take("type", str)
    if kind.startswith(_OFFERS):
        tool.fields.clear()
        dropped.append(f"tools.{kind:.50}")
        return None
    if kind not in ("function", "custom"):
        what = "a tool of OpenAI's own; send one of the type 'function' or 'custom'"
        _unsupported(tool, "type", f"is {kind!r:.50}, {what}.")
    said: dict[str, Json] = {"name": tool.take("name", str)}
    names: dict[str, type] = {"description": str}
    if kind == "function":
        names |= {"parameters": dict, "strict": bool}
    said |= _taken(tool, names)
    if kind == "custom" and "format" in tool.fields:
        syntax = tool.inner("format")
        said["format"] = {"type": syntax.word("type", ("text", "grammar"))}
        if said["format"]["type"] == "grammar":
            grammar = {name: syntax.take(name, str) for name in ("syntax", "definition")}
            said["format"]["grammar"] = grammar
    return {"type": kind, kind: said}


def _choice(request: Given, *, any_tools: bool) -> Json:
    """Which tools are to be called, as a chat says it; None: nothing is said."""
    if type(request.fields.get("tool_choice", "")) is str:
        said = request.word("tool_choice", ("none", "auto", "required"), "")
        if said == "required" and not any_tools:
            request.refuse("tool_choice", "demands a tool; 'tools' has none that can be called.")
        return said
    choice = request.inner("tool_choice")
    kind = choice.take("type", str)
    if kind != "allowed_tools":
        return _named(choice, kind)
    mode = choice.word("mode", ("auto", "required"))
    tools = [_named(tool, tool.take("type", str)) for tool in choice.each("tools")]
    return {"type": kind, kind: {"mode": mode, "tools": tools}}


def _named(tool: Given, kind: str) -> Json:
    if kind not in ("function", "custom"):
        what = "which is not for this platform; name a tool of the type 'function' or 'custom'"
        _unsupported(tool, "type", f"is {kind!r:.50}, {what}.")
    return {"type": kind, kind: {"name": tool.take("name", str)}}


def _options(request: Given, dropped: list[str]) -> Chat:
    chat = _taken(request, _SAME)
    if "max_output_tokens" in request.fields:
        chat["max_completion_tokens"] = request.number("max_output_tokens", whole=True)
    given = enumerate(request.take("include", list, []))
    included = [typed(one, f"include[{number}]", str) for number, one in given]
    dropped += [f"include.{one}" for one in included if one not in (ENCRYPTED, _LOGPROBS)]
    if "top_logprobs" in request.fields:
        chat["top_logprobs"] = request.number("top_logprobs", whole=True)
    if "top_logprobs" in chat or _LOGPROBS in included:
        chat["logprobs"] = True
    if request.fields.get("truncation") == "disabled":  # as it is here
        del request.fields["truncation"]
    request.inner("stream_options", {})
    reasoning, text = request.inner("reasoning", {}), request.inner("text", {})
    for name in ("summary", "generate_summary"):  # all that there is is shown
        reasoning.fields.pop(name, None)
    if effort := reasoning.take("effort", str, ""):
        chat["reasoning_effort"] = effort
    return chat | _taken(text, {"verbosity": str}) | _format(text.inner("format", {}))


def _format(given: Given) -> Chat:
    """A schema is one level deeper in a chat; text is what comes anyway."""
    kind = given.word("type", ("text", "json_object", "json_schema")) if given.fields else "text"
    if kind == "text":
        return {}
    wanted: dict[str, Json] = {"type": kind}
    if kind == "json_schema":
        wanted[kind] = {"name": given.take("name", str), "schema": given.take("schema", dict)}
        wanted[kind] |= _taken(given, {"strict": bool, "description": str})
    return {"response_format": wanted}


def _taken(given: Given, names: Mapping[str, type]) -> Chat:
    """Those of these fields that are there."""
    return {
        name: given.number(name) if kind is float else given.take(name, kind)
        for name, kind in names.items()
        if name in given.fields
    }


class _Turns:
    """Messages as items come: what the model says in a row, calls included, is one message."""

    def __init__(self) -> None:
        self.messages: list[Json] = []
        self.dropped: list[str] = []
        self._model: dict[str, Json] = {}  # its message, as long as it speaks
        self._texts: list[str] = []  # of what it thought before it says more
        self._thoughts: list[Json] = []  # the same, signed
        self._files: list[Json] = []  # of outputs; the messages of tools hold text alone

    def other(self, message: Json) -> None:
        """A message of anyone but the model."""
        self.close()
        self.messages.append(message)

    def output(self, message: Json, files: list[Json]) -> None:
        """What a call gave."""
        self._stop()
        self.messages.append(message)
        self._files += files

    def text(self, text: str) -> None:
        """A text of the model: a message of its own, but where calls wait for their outputs."""
        if "tool_calls" not in self._model:
            self._model = {}
        model = self._speaking()
        model["content"] = "\n\n".join(filter(None, (model["content"], text)))

    def call(self, call: Json) -> None:
        """A call of the model, in one message with the others and the text before them."""
        model = self._speaking()
        model["content"] = model["content"] or None
        model.setdefault("tool_calls", []).append(call)

    def thought(self, text: str, thoughts: list[Json]) -> None:
        """What the model thought before it says more."""
        self._texts.append(text)
        self._thoughts += thoughts

    def close(self) -> None:
        """The end of what the model says, and of what its calls gave."""
        self._stop()
        self._show_files()

    def _stop(self) -> None:
        if self._texts and self._model:
            self._speaking()
        elif self._texts:
            self.dropped.append("input.reasoning")
        self._model, self._texts, self._thoughts = {}, [], []

    def _speaking(self) -> dict[str, Json]:
        """The model's message, with what was thought by now."""
        if not self._model:
            self._show_files()
            self._model = {"role": "assistant", "content": ""}
            self.messages.append(self._model)
        texts = list(filter(None, [self._model.get("reasoning_content"), *self._texts]))
        thoughts = self._model.get("thinking_blocks", []) + self._thoughts
        more = {"reasoning_content": "\n\n".join(texts), "thinking_blocks": thoughts}
        self._model |= {name: said for name, said in more.items() if said}
        self._texts, self._thoughts = [], []
        return self._model

    def _show_files(self) -> None:
        if self._files:
            self.messages.append({"role": "user", "content": self._files})
            self._files = []


def _item(item: Given, turns: _Turns) -> None:
    kind = item.take("type", str, "message" if "role" in item.fields else None)
    if kind not in _ITEMS:
        reason = "send messages, functions and custom tools, their calls and outputs, reasoning"
        reason = _NO_STATE if kind == "item_reference" else reason
        _unsupported(item, "type", f"is {kind!r:.50}, which is not for this platform: {reason}.")
    for name in ("id", "status", "namespace"):
        item.fields.pop(name, None)
    _ITEMS[kind](item, turns)


def _message(item: Given, turns: _Turns) -> None:
    role = item.word("role", _ROLES)
    parts = _parts(item, "content", _TEXTS if role == "assistant" else _GIVEN)
    if role == "assistant":
        turns.text("".join(part["text"] for part in parts))
        return
    turns.other({"role": role, "content": content_of(parts)})


def _call(item: Given, turns: _Turns, kind: str, text: str) -> None:
    said = {"name": item.take("name", str), text: item.take(text, str)}
    turns.call({"id": item.take("call_id", str), "type": kind, kind: said})


def _output(item: Given, turns: _Turns) -> None:
    id, parts = item.take("call_id", str), _parts(item, "output", _GIVEN)
    files = [part for part in parts if "text" not in part]
    texts = "\n\n".join(part["text"] for part in parts if "text" in part)
    text = texts or (_FILE_FOLLOWS if files else "")
    turns.output({"role": "tool", "tool_call_id": id, "content": text}, files)


def _reasoning(item: Given, turns: _Turns) -> None:
    """As text for all; signed, too, if a platform signed it and the client brings that back."""
    whole, summary = (
        [part.take("text", str) for part in item.each(name, []) if part.word("type", (kind,))]
        for name, kind in (("content", "reasoning_text"), ("summary", "summary_text"))
    )
    thoughts = unsealed(item.take("encrypted_content", str, ""))
    turns.thought("".join(whole) or "\n\n".join(summary), thoughts)


def _search(item: Given, turns: _Turns) -> None:
    item.fields.clear()
    turns.dropped.append("input.web_search_call")


def _parts(item: Given, name: str, takes: tuple[str, ...]) -> list[Json]:
    return [_PARTS[part.word("type", takes)](part) for part in item.blocks(name)]


def _text(part: Given, field: str = "text") -> Json:
    for name in ("annotations", "logprobs"):  # about a text that the model said
        part.fields.pop(name, None)
    return {"type": "text", "text": part.take(field, str)}


def _image(part: Given) -> Json:
    if "file_id" in part.fields:
        _unsupported(part, "file_id", "is not known here; send 'image_url', an address or data.")
    image = {"url": as_url(part.take("image_url", str), part.at("image_url"), "an image")}
    if "detail" in part.fields:
        image["detail"] = _DETAILS[part.word("detail", _DETAILS)]
    return {"type": "image_url", "image_url": image}


def _file(part: Given) -> Json:
    if "file_id" in part.fields:
        _unsupported(part, "file_id", "is not known here; send 'file_data' or 'file_url'.")
    if "file_data" in part.fields:
        data = as_url(part.take("file_data", str), part.at("file_data"), "a file")
    elif "://" not in (data := part.take("file_url", str))[:16]:
        part.refuse("file_url", "is no address; it must begin with https://.")
    name = part.take("filename", str, "")
    if not name and data.startswith("data:"):
        # OpenAI refuses a file without a name; the type decides how the platform reads it.
        name = f"file.{data[5 : data.find(';')].rpartition('/')[2] or 'bin'}"
    named = {"filename": name} if name else {}
    return {"type": "file", "file": {**named, "file_data": data}}


def _audio(part: Given) -> Json:
    audio = part.inner("input_audio")
    said = {name: audio.take(name, str) for name in ("data", "format")}
    return {"type": "input_audio", "input_audio": said}


_ITEMS: Mapping[str, Callable[[Given, _Turns], None]] = {
    "message": _message,
    "function_call": partial(_call, kind="function", text="arguments"),
    "function_call_output": _output,
    "custom_tool_call": partial(_call, kind="custom", text="input"),
    "custom_tool_call_output": _output,
    "reasoning": _reasoning,
    "web_search_call": _search,
}
_PARTS: Mapping[str, Callable[[Given], Json]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    # Only OpenAI keeps a refusal apart from a text.
    "refusal": partial(_text, field="refusal"),
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}
