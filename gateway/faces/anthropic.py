"""Anthropic clients: Messages requests as chats; what answers them is in anthropic_stream.py.

Sources: wire notes anthropic §1, §5, §7; anthropic 2.12.0 (Nov 2026). null says nothing, as there.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from itertools import chain, groupby
from operator import itemgetter

import orjson
from typing_extensions import override

from gateway.faces import Asked
from gateway.faces.anthropic_stream import AnthropicAnswers
from gateway.faces.given import Given, content_of, effort_of
from gateway.faces.openai import as_url, json_object, typed
from gateway.shapes import Chat, Json

REFUSED: Mapping[str, str] = {
    "mcp_servers": "Anthropic itself calls those; send the client's own 'tools'",
    "compaction": "it asks Anthropic for its own kind of summary; ask for one in words",
    "thread": "it names what Anthropic keeps; send all 'messages'",
    "output_format": "it is of a beta that has ended; send 'output_config.format'",
}
"""What would change the answer and cannot be said in a chat: refused, for this reason."""
DROPPED: Mapping[str, str] = {
    "cache_control": "marks for Anthropic's cache, wherever they stand",
    "top_k": "tuning; most platforms refuse what OpenAI does not have",
    "container": "for tools that Anthropic runs, which are refused",
    "context_management": "what Anthropic may leave out of long chats; all of it is sent",
    "inference_geo": "of Anthropic's own data centres",
    "speed": "makes answers faster, not other",
    "thinking.display": "how much is shown of thinking, not how much there is",
    "messages.content.citations": "pointers into documents; the text is the same without",
    "messages.content.transformations": "tuning of what a picture costs",
    "tools.allowed_callers": "for tools that Anthropic runs, which are refused",
    "tools.defer_loading": "when Anthropic reads a tool; here all are read at once",
    "tools.eager_input_streaming": "how the input comes, not what it is",
    "tools.input_examples": "hints; the schema says what is taken",
}
"""Left out, for this reason, as is any field not known; `Face.dropped` has those of a request."""
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_THINKING = ("enabled", "adaptive", "disabled", "between_tools")
_TIERS = {"auto": "auto", "standard_only": "default"}
_CHOICES = {"auto": "auto", "any": "required", "none": "none", "tool": ""}
_SAYS = ("text", "tool_use", "thinking", "redacted_thinking")
_FILE_FOLLOWS = "(The result follows as a file.)"  # or the model would see an empty one
_USER = 64  # characters that an identifier has at most at OpenAI; Anthropic takes 256


class AnthropicFace(AnthropicAnswers):
    """One request of `messages`; `counting`: of `messages/count_tokens`, which asks for less."""

    def __init__(self, *, counting: bool = False) -> None:
        super().__init__()
        self._counting = counting

    @override
    def read(self, body: bytes) -> Asked:
        value = json_object(body)
        request = Given(value, "")
        model = request.take("model", str)
        if not model.strip():
            request.refuse("model", "is empty; name a model.")
        if not request.take("messages", list):
            request.refuse("messages", "is empty; at least one message is needed.")
        if self._counting:
            return Asked(model, False, value)
        request.number("max_tokens", whole=True)
        return Asked(model, request.take("stream", bool, False), value)

    @override
    def chat(self, asked: Asked) -> Chat:
        request = Given(asked.body, "")
        for name, reason in REFUSED.items():
            if request.fields.get(name):
                request.refuse(name, f"is not for this platform: {reason}.")
        for name in ("model", "stream"):  # `asked` has them
            request.fields.pop(name, None)
        chat: Chat = {"model": asked.model, "messages": _messages(request), **_tools(request)}
        for name in ("max_tokens", "temperature", "top_p"):
            if name in request.fields:
                chat[name] = request.number(name, whole=name == "max_tokens")
        if stops := request.take("stop_sequences", list, []):
            given = enumerate(stops)
            chat["stop"] = [typed(one, f"stop_sequences[{number}]", str) for number, one in given]
        chat |= _thinking_and_format(request)
        if user := request.inner("metadata", {}).take("user_id", str, ""):
            is_long = len(user) > _USER
            chat["user"] = hashlib.sha256(user.encode()).hexdigest() if is_long else user
        if tier := request.word("service_tier", _TIERS, ""):
            chat["service_tier"] = _TIERS[tier]
        if asked.stream:
            chat |= {"stream": True, "stream_options": {"include_usage": True}}
        # A request is translated again where its tokens are estimated.
        self.dropped[:] = dict.fromkeys(request.unread())
        return chat


def _messages(request: Given) -> list[Json]:
    """Messages by turns: what one role says in a row is one turn, as it is there (§1)."""
    turns = [("system", request.blocks("system", []))]
    for message in request.each("messages"):
        role = message.word("role", _ROLES)
        blocks = message.blocks("content")
        if role == "user" and not blocks:
            message.refuse("content", "is empty; at least one block is needed.")
        turns.append((role, blocks))
    messages: list[Json] = []
    for role, run in groupby(turns, key=itemgetter(0)):
        messages += _ROLES[role]([blocks for _, blocks in run])
    return messages


def _system(run: list[list[Given]]) -> list[Json]:
    texts = [block.take("text", str) for block in chain(*run) if block.word("type", ("text",))]
    text = "\n\n".join(filter(None, texts))
    return [{"role": "system", "content": text}] if text else []


def _user(run: list[list[Given]]) -> list[Json]:
    """Results first, as OpenAI's order demands; then their files, and what the user says."""
    results: list[Json] = []
    files: list[Json] = []
    parts: list[Json] = []
    for block in chain(*run):
        if (kind := block.word("type", ("tool_result", *_PARTS))) == "tool_result":
            results.append(_result(block, files))
        else:
            parts += _PARTS[kind](block)
    if parts := files + parts:
        results.append({"role": "user", "content": content_of(parts)})
    return results


def _result(block: Given, files: list[Json]) -> dict[str, Json]:
    """A result as the message of its call, which holds text alone: all else goes to `files`."""
    id = block.take("tool_use_id", str)
    parts = _parts(block.blocks("content", []), tuple(_PARTS))
    texts = [part["text"] for part in parts if "text" in part]
    others = [part for part in parts if "text" not in part]
    files += others
    text = "\n\n".join(texts) or (_FILE_FOLLOWS if others else "")
    if block.take("is_error", bool, False):
        text = f"Error: {text}" if text else "Error"
    return {"role": "tool", "tool_call_id": id, "content": text}


def _assistant(run: list[list[Given]]) -> list[Json]:
    """What was thought is there twice: as text for all, signed for those who signed it."""
    texts: list[str] = []
    thoughts: list[Json] = []
    calls: list[Json] = []
    for blocks in run:
        said = [(block, block.word("type", _SAYS)) for block in blocks]
        texts.append("".join(block.take("text", str) for block, kind in said if kind == "text"))
        calls += [_call(block) for block, kind in said if kind == "tool_use"]
        thoughts += [_thought(block, kind) for block, kind in said if kind.endswith("thinking")]
    text = "\n\n".join(filter(None, texts))
    more = {
        "reasoning_content": "".join(thought.get("thinking", "") for thought in thoughts),
        # One without a signature is this gateway's own; the platform that signs refuses it.
        "thinking_blocks": [one for one in thoughts if one.get("signature") or one.get("data")],
        "tool_calls": calls,
    }
    message = {"role": "assistant", "content": text or (None if calls else "")}
    return [message | {name: value for name, value in more.items() if value}]


def _thought(block: Given, kind: str) -> dict[str, Json]:
    if kind == "redacted_thinking":
        return {"type": kind, "data": block.take("data", str)}
    thinking, signature = block.take("thinking", str), block.take("signature", str, "")
    return {"type": kind, "thinking": thinking, "signature": signature}


def _call(block: Given) -> dict[str, Json]:
    id, name = block.take("id", str), block.take("name", str)
    try:
        arguments = orjson.dumps(block.take("input", dict)).decode()
    except orjson.JSONEncodeError:
        block.refuse("input", "holds too many objects inside each other; 200 are the most.")
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _parts(blocks: list[Given], takes: tuple[str, ...]) -> list[Json]:
    return [part for one in blocks for part in _PARTS[one.word("type", takes)](one)]


def _text(block: Given) -> list[Json]:
    return [{"type": "text", "text": block.take("text", str)}]


def _image(block: Given) -> list[Json]:
    source, kind = _source(block, ("base64", "url"))
    url = _address(source) if kind == "url" else _data_url(source, "an image")
    return [{"type": "image_url", "image_url": {"url": url}}]


def _document(block: Given) -> list[Json]:
    """A file; its context, or all that is not a file, as text."""
    source, kind = _source(block, ("base64", "url", "text", "content"))
    title, context = block.take("title", str, ""), block.take("context", str, "")
    if kind == "content":
        parts = _parts(source.blocks("content"), ("text", "image"))
        about = "\n".join(filter(None, (title, context)))
    else:
        file = {"filename": title} if title else {}
        if kind == "url":
            file["file_data"] = _address(source)
        elif kind == "text":
            source.word("media_type", ("text/plain",), "text/plain")
            data = base64.b64encode(source.take("data", str).encode()).decode()
            file = {"filename": title or "file.txt", "file_data": f"data:text/plain;base64,{data}"}
        else:
            data = _data_url(source, "a file")
            file = {"filename": title or "file.pdf", "file_data": data}
        parts, about = [{"type": "file", "file": file}], context
    return [{"type": "text", "text": about}, *parts] if about else parts


def _search_result(block: Given) -> list[Json]:
    head = f"{block.take('title', str)}\n{block.take('source', str)}"
    texts = [part["text"] for part in _parts(block.each("content"), ("text",))]
    return [{"type": "text", "text": "\n\n".join([head, *texts])}]


def _source(block: Given, takes: tuple[str, ...]) -> tuple[Given, str]:
    source = block.inner("source")
    if source.fields.get("type") == "file":
        source.refuse("file_id", "is not known here; send the data as base64, or its address.")
    return source, source.word("type", takes)


def _address(source: Given) -> str:
    url: str = source.take("url", str)
    if "://" not in url[:16]:
        source.refuse("url", "is no address; it must begin with https://.")
    return url


def _data_url(source: Given, what: str) -> str:
    data: str = source.take("data", str)
    if data[:5].lower() == "data:":  # clients send it so, too
        source.fields.pop("media_type", None)
        return as_url(data, source.at("data"), what)
    if "://" in data[:16]:
        source.refuse("data", "is an address; it must be base64, or the type of its source 'url'.")
    as_url(data[:1024], source.at("data"), what)
    return f"data:{source.take('media_type', str)};base64,{''.join(data.split())}"


_PARTS: Mapping[str, Callable[[Given], list[Json]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
}
_ROLES = {"user": _user, "assistant": _assistant, "system": _system}


def _tools(request: Given) -> Chat:
    functions = [_function(tool) for tool in request.each("tools", [])]
    choice = request.inner("tool_choice", {})
    kind = choice.word("type", _CHOICES) if choice.fields else ""
    said: Json = _CHOICES.get(kind)
    if kind == "tool":
        said = {"type": "function", "function": {"name": choice.take("name", str)}}
    one = choice.take("disable_parallel_tool_use", bool, False)
    if not functions:
        if kind in ("any", "tool"):
            choice.refuse("type", f"is {kind!r}, which demands a tool; 'tools' has none.")
        return {}
    chat: Chat = {"tools": functions}
    if said:
        chat["tool_choice"] = said
    return {**chat, "parallel_tool_calls": False} if one else chat


def _function(tool: Given) -> dict[str, Json]:
    kind = tool.take("type", str, "custom")
    if kind != "custom":
        what = "a tool of Anthropic's own; send one with 'name' and 'input_schema'"
        tool.refuse("type", f"is {kind!r:.50}, {what}.")
    function = {"name": tool.take("name", str)}
    if description := tool.take("description", str, ""):
        function["description"] = description
    function["parameters"] = tool.take("input_schema", dict)
    if tool.take("strict", bool, False):
        function["strict"] = True
    return {"type": "function", "function": function}


def _thinking_and_format(request: Given) -> Chat:
    thinking, output = request.inner("thinking", {}), request.inner("output_config", {})
    kind = thinking.word("type", _THINKING) if thinking.fields else ""
    effort = "none" if kind == "disabled" else output.word("effort", _EFFORTS, "")
    if kind == "enabled":
        budget = thinking.number("budget_tokens", whole=True)
        effort = effort or effort_of(budget)
    elif kind == "between_tools":
        thinking.fields["type"] = kind  # no effort says this
    chat: Chat = {"reasoning_effort": effort} if effort else {}
    wanted = output.inner("format", {})
    if wanted.fields:
        wanted.word("type", ("json_schema",))
        schema = {"name": "answer", "schema": wanted.take("schema", dict), "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    return chat
