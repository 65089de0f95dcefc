"""Anthropic's Messages API towards upstreams: OpenAI's chat said in its words, and read back.

Sources: wire notes anthropic §0-§6 (anthropic 2.12.0 and 1.17.0, platform.claude.com, Nov 2026);
"from memory" marks what should be verified first.
"""

import contextlib
import re
from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple

from typing_extensions import override

from gateway.protocols import anthropic_native
from gateway.protocols.anthropic_stream import AnthropicReader, failure_in, meant, whole
from gateway.protocols.anthropic_turns import marked, read_turns, thoughtless
from gateway.protocols.base import Protocol, counted, dumped, loads
from gateway.protocols.fields import refuse, typed
from gateway.protocols.openai import OpenAI
from gateway.protocols.openai_errors import error_fields, own_kind
from gateway.protocols.openai_stream import as_chunks
from gateway.shapes import Chat, Codes, Described, Exchange, Failure, Json, Native, UpstreamRequest
from platforms.routes import Route

VERSION = "2023-06-01"
"""The one that all vendors of this language take; newer ones refuse more (§0)."""
NO_SAMPLING = "2026-10-21"
"""From this version on no model takes `temperature`, `top_p`, `top_k`, not even their defaults."""
_OF_ANSWERS = ("max_tokens", "stream", "metadata", "stop_sequences", "service_tier")
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
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_JSON_ONLY = {"type": "text", "text": "Answer with one JSON object and with nothing else."}
_CLAUDE = re.compile(r"claude(?:-[a-z]+)*[-.](\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_OPENAI = OpenAI()


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


class Anthropic(Protocol):
    """`POST {base}/messages`, of Anthropic and of all who speak its language."""

    name: ClassVar[str] = "anthropic"
    models_query: ClassVar[str] = "?limit=1000"

    @override
    def chat(self, chat: Chat, route: Route) -> Exchange:
        """The chat in Anthropic's words. Raises BadRequest on what it has no words for."""
        version = route.dialect.api_version or VERSION
        request = _Request(chat, route.upstream_model, version)
        body = dumped(request.body())
        shows_usage = bool((chat.get("stream_options") or {}).get("include_usage"))
        headers = (("anthropic-version", version),)
        return Exchange(
            request=UpstreamRequest("POST", "/messages", body, headers),
            answer=whole,
            reader=lambda reply: AnthropicReader(reply, shows_usage=shows_usage),
            chunks=as_chunks,
            dropped=tuple(request.dropped),
        )

    @override
    def takes_address(self, url: str, route: Route) -> bool:
        return url[:8].lower() == "https://" and route.dialect.image_input == "url"

    @override
    def recalls(self, route: Route) -> bool:
        return True  # thinking, signed

    @override
    def relays(self, wire: str, route: Route) -> bool:
        return wire == "anthropic"

    @override
    def relay(self, native: Native, route: Route) -> Exchange:
        return anthropic_native.relayed(native, route, route.dialect.api_version or VERSION)

    @override
    def relay_count(self, native: Native, route: Route) -> Described:
        return anthropic_native.counted(native, route, route.dialect.api_version or VERSION)

    @override
    def count(self, chat: Chat, route: Route) -> Described:
        """`POST {base}/messages/count_tokens`: the same body, without what is about the answer."""
        body = _Request(chat, route.upstream_model, route.dialect.api_version).body()
        body = {name: value for name, value in body.items() if name not in _OF_ANSWERS}
        headers = (("anthropic-version", route.dialect.api_version or VERSION),)
        request = UpstreamRequest("POST", "/messages/count_tokens", dumped(body), headers)
        return Described(request, _tokens)

    @override
    def model_names(self, body: bytes) -> list[str]:
        return _OPENAI.model_names(body)  # {"data": [{"id": …}]} as there

    @override
    def failure(
        self, status: int, headers: Mapping[str, str], body: bytes, codes: Codes = ()
    ) -> Failure:
        """By `error.type` and `details.error_code`; by status where a proxy answered.

        Then by what words alone tell apart: a 403 about a model, a 400 about the balance.
        """
        failure = _OPENAI.failure(status, headers, body, codes)
        if own_kind(error_fields(body), codes) is None:
            with contextlib.suppress(Failure):
                meant(loads(body).get("error"), failure)
        return failure

    @override
    def error_in(self, body: dict[str, Json]) -> Failure | None:
        return failure_in(body)


def _tokens(body: bytes) -> tuple[dict[str, Json], None]:
    answer = loads(body)
    if failure := failure_in(answer):
        raise failure
    return {"tokens": counted(answer.get("input_tokens"))}, None


class _Request:
    """One chat being said in Anthropic's words."""

    def __init__(self, chat: Chat, model: str, version: str = VERSION) -> None:
        self.dropped: list[str] = []
        self._chat = chat
        self._model = model
        self._family = family(model)
        if version >= NO_SAMPLING:
            self._family = self._family._replace(sampling=False)

    def body(self) -> dict[str, Json]:
        """The request's body. Raises BadRequest."""
        chat = self._chat
        for name, (harmless, reason) in REFUSED.items():
            if chat.get(name) is not None and chat[name] != harmless:
                refuse(name, f"is not for this platform: {reason}.")
        self.dropped += [name for name in DROPPED if chat.get(name) is not None]
        unsaid = {*_SAID, *DROPPED, *REFUSED}
        body = {name: value for name, value in chat.items() if name not in unsaid}
        system, turns = read_turns(chat["messages"])
        body |= {"model": self._model, "max_tokens": self._family.max_tokens}
        for name in ("max_tokens", "max_completion_tokens"):
            if chat.get(name) is not None:
                body["max_tokens"] = typed(chat[name], name, int)
        if chat.get("stream"):
            body["stream"] = True
        self._small_things(body)
        self._tools(body, turns)
        output = dict(typed(chat.get("output_config") or {}, "output_config", dict))
        self._format(output, system)
        self._think(body, output, turns)
        self._sample(body)
        if output:
            body["output_config"] = output
        if not turns and system:  # OpenAI answers a system message alone
            system, turns = [], [{"role": "user", "content": system}]
        if not turns:
            refuse("messages", "says nothing; at least one text must not be empty.")
        if any(len(block) > 2 for block in system):  # a block has more than its text
            body["system"] = system
        elif system:
            body["system"] = "\n\n".join(block["text"] for block in system)
        body["messages"] = turns
        return body

    def _small_things(self, body: dict[str, Json]) -> None:
        stop = self._chat.get("stop") or []
        stops = [stop] if isinstance(stop, str) else typed(stop, "stop", list)
        if stops := [one for one in stops if typed(one, "stop", str).strip()]:  # no blank ones
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
                refuse("tool_choice", "demands a tool, but there is none in 'tools'.")
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
            refuse("response_format.type", "must be text, json_object or json_schema.")
        if kind == "json_schema":
            named = typed(wanted.get("json_schema"), "response_format.json_schema", dict)
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
            body["thinking"] = typed(self._chat["thinking"], "thinking", dict)
        elif effort == "none":
            if how == "adaptive" or self._family is _OTHER:
                body["thinking"] = {"type": "disabled"}  # the others do not think unasked
        elif effort is not None:
            if str(effort) not in _EFFORTS:
                refuse("reasoning_effort", f"must be none or one of {', '.join(_EFFORTS)}.")
            level = _EFFORTS[effort]
            forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
            if how == "adaptive":
                body["thinking"] = {"type": "adaptive"}
                output.setdefault("effort", level)
            elif not how or forced or thoughtless(turns):  # would be refused
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
                refuse(name, "must be a number.")
            if value is not None and (thinks or not self._family.sampling):
                self.dropped.append(name)
            elif value is not None:
                body[name] = min(max(value, 0), 1) if name == "temperature" else value


def _tool(tool: Json, path: str) -> dict[str, Json]:
    kind = typed(tool, path, dict).get("type")
    if kind == "custom" and "custom" in tool:
        refuse(f"{path}.type", "is 'custom'; this platform takes functions.")
    if kind != "function":
        return dict(tool)  # Anthropic's own
    function = typed(tool.get("function"), f"{path}.function", dict)
    schema = typed(function.get("parameters") or {}, f"{path}.function.parameters", dict)
    said: dict[str, Json] = {"name": typed(function.get("name"), f"{path}.function.name", str)}
    if function.get("description"):
        said["description"] = function["description"]
    said["input_schema"] = {"type": "object", **(schema or {"properties": {}})}
    if function.get("strict"):
        said["strict"] = True
    return marked(marked(said, function), tool)


def _choice(choice: Json) -> tuple[dict[str, Json] | None, set[str] | None]:
    """`tool_choice`, and the names of the only tools that are allowed."""
    only: set[str] | None = None
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        allowed = typed(choice.get("allowed_tools"), "tool_choice.allowed_tools", dict)
        path = "tool_choice.allowed_tools.tools"
        named = [typed(one, path, dict) for one in typed(allowed.get("tools"), path, list)]
        only = {str(typed(one.get("function"), path, dict).get("name")) for one in named}
        choice = allowed.get("mode", "auto")
    if choice is None:
        return None, only
    if isinstance(choice, str) and choice in _CHOICES:
        return {"type": _CHOICES[choice]}, only
    if not isinstance(choice, dict) or choice.get("type") != "function":
        refuse("tool_choice", "must be auto, none, required, a function or allowed_tools.")
    function = typed(choice.get("function"), "tool_choice.function", dict)
    return {
        "type": "tool",
        "name": typed(function.get("name"), "tool_choice.function.name", str),
    }, only


def _closed(schema: Json) -> Json:
    """A schema whose objects have no other properties than named, as it must be (from memory)."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    return {"additionalProperties": False} | closed if schema.get("type") == "object" else closed
