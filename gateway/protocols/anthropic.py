"""Anthropic's Messages API towards upstreams: OpenAI's chat said in its words, and read back.

Sources: wire notes anthropic §0-§6 (anthropic 2.12.0 and 1.17.0, platform.claude.com, Nov 2026);
"from memory" marks what should be verified first.
"""

import base64
import contextlib
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple, NoReturn, TypeVar

import orjson
from typing_extensions import override

from gateway.errors import BadRequest
from gateway.protocols.anthropic_stream import AnthropicReader, failure_in, meant, whole
from gateway.protocols.base import Protocol, loads
from gateway.protocols.openai import OpenAI
from gateway.protocols.openai_stream import as_chunks
from gateway.shapes import Chat, Exchange, Failure, Json, UpstreamRequest
from platforms.routes import Route

VERSION = "2023-06-01"
"""The one that all vendors of this language take; newer ones refuse more (§0)."""
REFUSED: Mapping[str, tuple[Json, str]] = {
    "n": (1, "it makes one answer for a call; call again for another"),
    "logprobs": (False, "it tells no probabilities"),
    "top_logprobs": (0, "it tells no probabilities"),
    "logit_bias": ({}, "it cannot weigh tokens; say in the prompt what may be answered"),
    "modalities": (["text"], "it answers in text only"),
    "audio": (None, "it answers in text only"),
    "moderation": (None, "its answers carry no results of moderation"),
    "web_search_options": (None, "its search is a tool; send that in 'tools'"),
    "functions": ([], "send them as 'tools'"),
    "function_call": ("none", "send it as 'tool_choice'"),
}
"""What would change the answer: the value that asks for nothing, and what to say of others."""
DROPPED: Mapping[str, str] = {
    "seed": "best effort at OpenAI, too",
    "frequency_penalty": "shades the wording only",
    "presence_penalty": "shades the wording only",
    "prediction": "makes answers faster, not other",
    "verbosity": "a hint",
    "store": "nothing is stored there",
    "prompt_cache_key": "cache_control on parts steers the cache",
    "prompt_cache_retention": "cache_control on parts steers the cache",
    "prompt_cache_options": "cache_control on parts steers the cache",
}
"""What has no equivalent and is left out, with the reason why that does no harm."""
_SAID = (
    *("model", "messages", "max_tokens", "max_completion_tokens", "stop", "stream", "metadata"),
    *("stream_options", "temperature", "top_p", "top_k", "tools", "tool_choice", "service_tier"),
    *("parallel_tool_calls", "response_format", "reasoning_effort", "thinking", "output_config"),
    *("user", "safety_identifier"),
)
"""What is said in other words; all other fields travel on, as Anthropic's own."""
_EFFORTS = {"minimal": "low", **{name: name for name in ("low", "medium", "high", "xhigh", "max")}}
_BUDGETS = {"low": 1024, "medium": 4096, "high": 16384, "xhigh": 16384, "max": 16384}
_HIGHEST_RAISED = 32000  # of `max_tokens` that a budget pushes up: the least of all that think
_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_OWN_PARTS = ("image", "document", "search_result", "container_upload")
_THINKING = ("thinking", "redacted_thinking")
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_JSON_ONLY = {"type": "text", "text": "Answer with one JSON object and with nothing else."}
_NO_ID = re.compile(r"[^A-Za-z0-9_-]")
_CLAUDE = re.compile(r"claude(?:-[a-z]+)*[-.](\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_OPENAI = OpenAI()
_T = TypeVar("_T")


class Family(NamedTuple):
    """What a model takes, as far as its name tells."""

    thinking: Literal["", "budget", "adaptive"]
    """How it is told to think; "": it cannot."""
    sampling: bool
    """Whether it takes temperature, top_p and top_k."""
    max_tokens: int
    """What is asked for where the client does not say; from memory."""


_FAMILIES = (
    ((4, 7), Family("adaptive", False, 64000)),
    ((4, 6), Family("adaptive", True, 64000)),
    ((4, 5), Family("budget", True, 64000)),
    ((4, 0), Family("budget", True, 32000)),
    ((3, 7), Family("budget", True, 64000)),
    ((3, 5), Family("", True, 8192)),
    ((0, 0), Family("", True, 4096)),
)
"""By the lowest version that is of it; thinking and sampling: wire notes §0 and §1."""
_OTHER = Family("budget", True, 8192)


def family(model: str) -> Family:
    """A model's family: `claude-opus-4-7`, `claude-3-5-haiku-20241022`, a vendor's prefix before.

    A Claude without a number is taken for the newest; other vendors' models for older ones.
    """
    name = model.lower()
    if found := _CLAUDE.search(name):
        version = (int(found[1]), int(found[2] or 0))
        return next(one for lowest, one in _FAMILIES if version >= lowest)
    return _FAMILIES[0][1] if "claude" in name else _OTHER


def dropped(chat: Chat, model: str) -> list[str]:
    """The fields of a chat that this upstream model is not told of. Raises BadRequest."""
    request = _Request(chat, model)
    request.body()
    return request.dropped


class Anthropic(Protocol):
    """`POST {base}/messages`, of Anthropic and of all who speak its language."""

    name: ClassVar[str] = "anthropic"
    models_query: ClassVar[str] = "?limit=1000"

    @override
    def chat(self, chat: Chat, route: Route) -> Exchange:
        """The chat in Anthropic's words. Raises BadRequest on what it has no words for."""
        body = orjson.dumps(_Request(chat, route.upstream_model).body())
        shows_usage = bool((chat.get("stream_options") or {}).get("include_usage"))
        headers = (("anthropic-version", VERSION),)
        return Exchange(
            request=UpstreamRequest("POST", "/messages", body, headers),
            answer=whole,
            reader=lambda reply: AnthropicReader(reply, shows_usage=shows_usage),
            chunks=as_chunks,
        )

    @override
    def model_names(self, body: bytes) -> list[str]:
        return _OPENAI.model_names(body)  # {"data": [{"id": …}]} as there

    @override
    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """By `error.type` and `details.error_code`; by status where a proxy answered."""
        failure = _OPENAI.failure(status, headers, body)
        with contextlib.suppress(Failure):
            meant(loads(body).get("error"), failure)
        return failure

    @override
    def error_in(self, body: dict[str, Json]) -> Failure | None:
        return failure_in(body)


class _Request:
    """One chat being said in Anthropic's words."""

    def __init__(self, chat: Chat, model: str) -> None:
        self.dropped: list[str] = []
        self._chat = chat
        self._model = model
        self._family = family(model)

    def body(self) -> dict[str, Json]:
        """The request's body. Raises BadRequest."""
        chat = self._chat
        for name, (harmless, reason) in REFUSED.items():
            if chat.get(name) is not None and chat[name] != harmless:
                _refuse(name, f"is not for this platform: {reason}.")
        self.dropped += [name for name in DROPPED if chat.get(name) is not None]
        unsaid = {*_SAID, *DROPPED, *REFUSED}
        body = {name: value for name, value in chat.items() if name not in unsaid}
        system, turns = _turns(chat["messages"])
        body |= {"model": self._model, "max_tokens": self._family.max_tokens}
        for name in ("max_tokens", "max_completion_tokens"):
            if chat.get(name) is not None:
                body["max_tokens"] = _typed(chat[name], name, int)
        if chat.get("stream"):
            body["stream"] = True
        self._small_things(body)
        self._tools(body, turns)
        output = dict(_typed(chat.get("output_config") or {}, "output_config", dict))
        self._format(output, system)
        self._think(body, output, turns)
        self._sample(body)
        if output:
            body["output_config"] = output
        if not turns and system:  # OpenAI answers a system message alone
            system, turns = [], [{"role": "user", "content": system}]
        if not turns:
            _refuse("messages", "says nothing; at least one text must not be empty.")
        if any(len(block) > 2 for block in system):  # a block has more than its text
            body["system"] = system
        elif system:
            body["system"] = "\n\n".join(block["text"] for block in system)
        body["messages"] = turns
        return body

    def _small_things(self, body: dict[str, Json]) -> None:
        stop = self._chat.get("stop") or []
        stops = [stop] if isinstance(stop, str) else _typed(stop, "stop", list)
        if stops := [one for one in stops if _typed(one, "stop", str).strip()]:  # no blank ones
            body["stop_sequences"] = stops
        metadata = dict(self._chat.get("metadata") or {})
        user = metadata.pop("user_id", None)
        if user := user or self._chat.get("safety_identifier") or self._chat.get("user"):
            body["metadata"] = {"user_id": user}
        if metadata:
            self.dropped.append("metadata")
        tier = self._chat.get("service_tier")
        if str(tier) in _TIERS:
            body["service_tier"] = _TIERS[str(tier)]
        elif tier is not None:
            self.dropped.append("service_tier")

    def _tools(self, body: dict[str, Json], turns: list[dict[str, Json]]) -> None:
        given = enumerate(self._chat.get("tools") or ())
        tools = [_tool(tool, f"tools[{number}]") for number, tool in given]
        choice, only = _choice(self._chat.get("tool_choice"))
        if only is not None:
            tools = [tool for tool in tools if str(tool.get("name")) in only]
        if not tools:
            if choice and choice["type"] in ("any", "tool"):
                _refuse("tool_choice", "demands a tool, but there is none in 'tools'.")
            # Calls in the conversation need their tools; none given means that none is called.
            blocks = [block for turn in turns for block in turn["content"]]
            names = dict.fromkeys(block["name"] for block in blocks if block["type"] == "tool_use")
            tools = [{"name": name, "input_schema": {"type": "object"}} for name in names]
            choice = {"type": "none"}
        elif self._chat.get("parallel_tool_calls") is False:
            choice = choice or {"type": "auto"}
            if choice["type"] != "none":
                choice["disable_parallel_tool_use"] = True
        if tools:
            body["tools"] = tools
            if choice:
                body["tool_choice"] = choice

    def _format(self, output: dict[str, Json], system: list[Json]) -> None:
        wanted = self._chat.get("response_format") or {}
        kind = wanted.get("type", "text")
        if kind not in ("text", "json_object", "json_schema"):
            _refuse("response_format.type", "must be text, json_object or json_schema.")
        if kind == "json_schema":
            named = _typed(wanted.get("json_schema"), "response_format.json_schema", dict)
            if isinstance(named.get("schema"), dict):
                output["format"] = {"type": kind, "schema": _closed(named["schema"])}
                return
        if kind != "text":
            system.append(_JSON_ONLY)

    def _think(
        self, body: dict[str, Json], output: dict[str, Json], turns: list[dict[str, Json]]
    ) -> None:
        """`thinking` and the effort; a client that says `thinking` itself knows better."""
        effort, how = self._chat.get("reasoning_effort"), self._family.thinking
        if self._chat.get("thinking") is not None:
            body["thinking"] = _typed(self._chat["thinking"], "thinking", dict)
        elif effort == "none":
            if how == "adaptive" or self._family is _OTHER:
                body["thinking"] = {"type": "disabled"}  # the others do not think unasked
        elif effort is not None:
            if str(effort) not in _EFFORTS:
                _refuse("reasoning_effort", f"must be none or one of {', '.join(_EFFORTS)}.")
            level = _EFFORTS[effort]
            forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
            if how == "adaptive":
                body["thinking"] = {"type": "adaptive"}
                output.setdefault("effort", level)
            elif not how or forced or _thoughtless(turns):  # would be refused
                self.dropped.append("reasoning_effort")
            else:
                budget = _BUDGETS[level]
                body["thinking"] = {"type": "enabled", "budget_tokens": budget}
                if body["max_tokens"] <= budget:
                    body["max_tokens"] = min(budget + max(body["max_tokens"], 1), _HIGHEST_RAISED)

    def _sample(self, body: dict[str, Json]) -> None:
        """What steers sampling, where the model takes it; thinking ones do not (§6)."""
        thinks = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
        for name in ("temperature", "top_p", "top_k"):
            value = self._chat.get(name)
            if value is not None and type(value) not in (int, float):
                _refuse(name, "must be a number.")
            if value is not None and (thinks or not self._family.sampling):
                self.dropped.append(name)
            elif value is not None:
                body[name] = min(max(value, 0), 1) if name == "temperature" else value


def _turns(messages: list[dict[str, Json]]) -> tuple[list[Json], list[dict[str, Json]]]:
    """What is system's, and users' and assistants' turns, none empty.

    All results for one turn's calls come in one message, before its text (§1).
    """
    system: list[Json] = []
    turns: list[dict[str, Json]] = []
    for number, message in enumerate(messages):
        path, role = f"messages[{number}]", message["role"]
        if role == "function":
            _refuse(f"{path}.role", "is not for this platform; answer calls as 'tool'.")
        elif role == "tool":
            blocks = [_result(message, path)]
        else:
            blocks = _assistant(message, path) if role == "assistant" else _content(message, path)
        if role in ("system", "developer"):
            if any(block["type"] != "text" for block in blocks):
                _refuse(f"{path}.content", "may hold only text.")
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
        _refuse(f"{path}.function_call", "is not for this platform; send 'tool_calls'.")
    where = f"{path}.thinking_blocks"
    given = _typed(message.get("thinking_blocks") or [], where, list)
    blocks = [block for block in given if _typed(block, where, dict).get("type") in _THINKING]
    blocks = [block for block in blocks if block.get("signature") or block.get("data")]
    blocks += _content(message, path)
    calls = _typed(message.get("tool_calls") or [], f"{path}.tool_calls", list)
    for number, call in enumerate(calls):
        where = f"{path}.tool_calls[{number}]"
        function = _typed(_typed(call, where, dict).get("function"), f"{where}.function", dict)
        blocks.append(
            {
                "type": "tool_use",
                "id": _id(call.get("id"), where),
                "name": _typed(function.get("name"), f"{where}.function.name", str),
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
    return _NO_ID.sub("_", _typed(value, f"{path}.id", str))


def _result(message: dict[str, Json], path: str) -> dict[str, Json]:
    result = {"type": "tool_result", "tool_use_id": _id(message["tool_call_id"], path)}
    content = _content({**message, "cache_control": None}, path)
    return _marked({**result, "content": content} if content else result, message)


def _content(message: dict[str, Json], path: str) -> list[Json]:
    """A message's text and parts as blocks; empty texts, which are refused there, left out."""
    content = message.get("content") or []
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    blocks = [_part(part, f"{path}.content[{number}]") for number, part in enumerate(parts)]
    blocks = [block for block in blocks if block["type"] != "text" or block["text"].strip()]
    return [*blocks[:-1], _marked(blocks[-1], message)] if blocks else []


def _part(part: dict[str, Json], path: str) -> dict[str, Json]:
    kind = part["type"]
    if kind in ("text", "refusal"):
        return _marked({"type": "text", "text": _typed(part.get(kind), path, str)}, part)
    if kind == "image_url":
        image = _media(part["image_url"]["url"], f"{path}.image_url.url", "image")
        return _marked(image, part)
    if kind == "file":
        if part["file"].get("file_data") is None:
            _refuse(f"{path}.file.file_id", "is not known to this platform; send 'file_data'.")
        document = _media(part["file"]["file_data"], f"{path}.file.file_data", "document")
        if document["type"] == "document" and part["file"].get("filename"):
            document["title"] = part["file"]["filename"]
        return _marked(document, part)
    if kind not in _OWN_PARTS:
        _refuse(f"{path}.type", f"is {kind!r:.50}; this platform takes text, image_url and file.")
    return part


def _media(url: str, path: str, kind: str) -> dict[str, Json]:
    """An address or a data URL as a block; the data's own type decides on which."""
    if url[:8].lower() == "https://":
        return {"type": kind, "source": {"type": "url", "url": url}}
    head, comma, data = url.partition(",")
    if not comma or head[:5].lower() != "data:":
        _refuse(path, "must be an https address or a data URL.")
    mime = head[5:].partition(";")[0].lower().replace("image/jpg", "image/jpeg")
    data = "".join(data.split()).replace("-", "+").replace("_", "/")
    if mime.startswith("text/") or mime == "application/json":
        try:
            text = base64.b64decode(data + "=" * (-len(data) % 4)).decode()
        except ValueError:
            _refuse(path, "is no text in UTF-8 and base64.")
        source = {"type": "text", "media_type": "text/plain", "data": text}
        return {"type": "document", "source": source}
    if mime not in (*_IMAGES, "application/pdf"):
        _refuse(path, f"is {mime[:50]}; this platform takes {', '.join(_IMAGES)}, PDF and text.")
    block = "document" if mime == "application/pdf" else "image"
    return {"type": block, "source": {"type": "base64", "media_type": mime, "data": data}}


def _marked(block: dict[str, Json], given: dict[str, Json]) -> dict[str, Json]:
    """The block with the mark for caching that its part or message has."""
    mark = given.get("cache_control")
    return {**block, "cache_control": mark} if mark is not None else block


def _tool(tool: Json, path: str) -> dict[str, Json]:
    kind = _typed(tool, path, dict).get("type")
    if kind == "custom" and "custom" in tool:
        _refuse(f"{path}.type", "is 'custom'; this platform takes functions.")
    if kind != "function":
        return dict(tool)  # Anthropic's own
    function = _typed(tool.get("function"), f"{path}.function", dict)
    schema = _typed(function.get("parameters") or {}, f"{path}.function.parameters", dict)
    said: dict[str, Json] = {"name": _typed(function.get("name"), f"{path}.function.name", str)}
    if function.get("description"):
        said["description"] = function["description"]
    said["input_schema"] = {"type": "object", **(schema or {"properties": {}})}
    if function.get("strict"):
        said["strict"] = True
    return _marked(_marked(said, function), tool)


def _choice(choice: Json) -> tuple[dict[str, Json] | None, set[str] | None]:
    """`tool_choice`, and the names of the only tools that are allowed."""
    only: set[str] | None = None
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        allowed = _typed(choice.get("allowed_tools"), "tool_choice.allowed_tools", dict)
        path = "tool_choice.allowed_tools.tools"
        named = [_typed(one, path, dict) for one in _typed(allowed.get("tools"), path, list)]
        only = {str(_typed(one.get("function"), path, dict).get("name")) for one in named}
        choice = allowed.get("mode", "auto")
    if choice is None:
        return None, only
    if isinstance(choice, str) and choice in _CHOICES:
        return {"type": _CHOICES[choice]}, only
    if not isinstance(choice, dict) or choice.get("type") != "function":
        _refuse("tool_choice", "must be auto, none, required, a function or allowed_tools.")
    function = _typed(choice.get("function"), "tool_choice.function", dict)
    return {
        "type": "tool",
        "name": _typed(function.get("name"), "tool_choice.function.name", str),
    }, only


def _closed(schema: Json) -> Json:
    """A schema whose objects have no other properties than named, as it must be (from memory)."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    return {"additionalProperties": False} | closed if schema.get("type") == "object" else closed


def _thoughtless(turns: list[dict[str, Json]]) -> bool:
    """Whether calls are being answered whose thinking was not kept: no budget is taken then."""
    if len(turns) < 2 or turns[-1]["content"][0]["type"] != "tool_result":
        return False
    return turns[-2]["content"][0]["type"] not in _THINKING


def _typed(value: Any, path: str, kind: type[_T]) -> _T:
    if type(value) is not kind:
        names = {str: "a string", int: "a whole number", list: "an array", dict: "an object"}
        raise BadRequest(f"'{path}' must be {names[kind]}.", param=path, code="invalid_type")
    return value


def _refuse(path: str, what: str) -> NoReturn:
    raise BadRequest(f"'{path}' {what}", param=path)
