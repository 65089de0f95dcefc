"""Gemini's generateContent towards upstreams: OpenAI's chat said in Google's words.

Sources: wire notes gemini §0, §1, §5 (google-genai 3.4.0, ai.google.dev, Nov 2026); levels of
thinking: docs.cloud.google.com, pages of the models (Nov 2026); the sentinel for lost signatures
is for Gemini 3 alone: @ai-sdk/google 3.0.80. "From memory" marks what should be verified first.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from typing_extensions import override

from gateway.errors import BadRequest
from gateway.protocols import gemini_embeddings, gemini_native
from gateway.protocols.base import Protocol, dumped, refuse
from gateway.protocols.fields import typed
from gateway.protocols.gemini_stream import GeminiReader, read_answer
from gateway.protocols.gemini_turns import turns
from gateway.protocols.openai_stream import as_chunks
from gateway.shapes import Chat, Described, Exchange, Json, Native, UpstreamRequest
from gateway.values import camel
from platforms.routes import Route

REFUSED: Mapping[str, tuple[tuple[Json, ...], str]] = {
    "logit_bias": (({},), "it cannot weigh tokens; say in the prompt what may be answered"),
    "audio": ((), "it answers chats in texts and pictures"),
    "moderation": ((), "its answers carry no results of moderation; see 'safetySettings'"),
    "web_search_options": ((), "its search is a tool; put {\"googleSearch\": {}} into 'tools'"),
    "functions": (([],), "send them as 'tools'"),
    "function_call": (("auto", "none"), "send it as 'tool_choice'"),
}
"""What would change what is answered: the values that ask for nothing, and what to say."""
DROPPED: Mapping[str, str] = {
    "parallel_tool_calls": "a hint; the model decides itself how many calls it makes at once",
    "prediction": "makes answers faster, not other",
    "verbosity": "a hint",
    "store": "nothing is stored there that OpenAI's clients could find again",
    "metadata": "of OpenAI's stored completions",
    "user": "no such field; nothing of the answer depends on it",
    "safety_identifier": "no such field; nothing of the answer depends on it",
    "prompt_cache_key": "the platform caches by itself; see 'cachedContent'",
    "prompt_cache_retention": "the platform caches by itself; see 'cachedContent'",
    "prompt_cache_options": "the platform caches by itself; see 'cachedContent'",
}
"""What has no equivalent and is left out, each with the reason why that does no harm."""
_SAID = frozenset(
    (
        *("model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p"),
        *("stop", "n", "seed", "presence_penalty", "frequency_penalty", "logprobs"),
        *("top_logprobs", "response_format", "reasoning_effort", "modalities", "tools"),
        *("tool_choice", "stream", "stream_options", "service_tier", "extra_body", "google"),
    )
)
"""What is said in other words; all other fields travel on, as Google's own."""
_CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
_OWN_CONFIG = frozenset(
    (
        *("temperature", "topP", "topK", "candidateCount", "maxOutputTokens", "stopSequences"),
        *("responseLogprobs", "logprobs", "presencePenalty", "frequencyPenalty", "seed"),
        *("responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities"),
        *("mediaResolution", "speechConfig", "thinkingConfig", "imageConfig"),
        "audioTranscriptionConfig",
    )
)
"""Google's own fields that stand in `generationConfig`, wherever the client puts them."""
_OWN = frozenset(("safetySettings", "cachedContent", "toolConfig", "labels", "systemInstruction"))
_TAG = "thought_tag_marker"  # of Google's OpenAI layer alone
_SHARED = ("thinkingConfig", "imageConfig")  # whose fields may be ours and the client's
_TIERS = {"flex": "flex", "priority": "priority", "fast": "priority"}
_STANDARD_TIERS = (None, "auto", "default")
_MOST_STOPS = 5  # from memory
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_OWN_ADDRESS = re.compile(
    r"gs://|https://generativelanguage\.googleapis\.com/|https://(?:www\.)?youtu(?:be\.com|\.be)/",
    re.IGNORECASE,
)
_MODEL = re.compile(r"gemini-(\d{1,2})(?:\.(\d{1,2}))?(?!\d)")


@dataclass(frozen=True, slots=True)
class Family:
    """What a model takes, as far as its name tells."""

    thinking: Literal["", "thinkingBudget", "thinkingLevel"]
    """How it is told how much to think; "": it cannot be."""
    efforts: Mapping[str, Json]
    """OpenAI's efforts in these terms; the nearest one where a model lacks some."""
    signed: bool
    """Whether it demands thought signatures of calls."""


def family(model: str) -> Family:
    """A model's family: `gemini-2.5-pro`, `google/gemini-3.1-flash-lite`, `gemini-flash-latest`.

    A Gemini without a number is taken for the newest. Budgets are those of Google's own OpenAI
    layer (§5); the ends of their ranges are from memory.
    """
    name = model.lower()
    found = _MODEL.search(name)
    newest = "gemini" in name and ("flash" in name or "pro" in name)
    version = (int(found[1]), int(found[2] or 0)) if found else (99, 0) if newest else (0, 0)
    talks = not any(word in name for word in ("image", "tts", "audio", "embedding"))
    if version < (2, 5) or not talks:
        return Family("", {}, signed=version >= (3, 0))
    flash = "flash" in name
    if version < (3, 0):
        highest = 24576 if flash else 32768
        sizes = (0 if flash else 128, 1024, 1024, 8192, 24576, highest, highest)
        return Family("thinkingBudget", dict(zip(_EFFORTS, sizes, strict=True)), signed=False)
    least = "MINIMAL" if flash and version < (3, 8) else "LOW"
    middle = "HIGH" if version == (3, 0) and not flash else "MEDIUM"
    # XHIGH exists, but which models take it is not documented.
    levels = (least, least, "LOW", middle, "HIGH", "HIGH", "HIGH")
    return Family("thinkingLevel", dict(zip(_EFFORTS, levels, strict=True)), signed=True)


class GeminiChat(Protocol):
    """`models/{model}:generateContent` for chats; to be mixed into `Gemini`."""

    @override
    def chat(self, chat: Chat, route: Route) -> Exchange:
        """The chat in Google's words. Raises BadRequest on what it has no words for."""
        request = _Request(chat, route.upstream_model)
        body = dumped(request.body(), "messages")
        method = "streamGenerateContent?alt=sse" if chat.get("stream") else "generateContent"
        shows_usage = bool((chat.get("stream_options") or {}).get("include_usage"))
        return Exchange(
            request=UpstreamRequest("POST", gemini_native.path(route, method), body),
            answer=lambda body, reply: read_answer(body, reply, self.error_in),
            reader=lambda reply: GeminiReader(
                reply,
                error_in=self.error_in,
                shows_usage=shows_usage,
                choices=chat.get("n") or 1,
            ),
            chunks=as_chunks,
            dropped=tuple(request.dropped),
        )

    @override
    def embeddings(self, asked: dict[str, Json], route: Route) -> Described:
        return gemini_embeddings.embeddings(asked, route)

    @override
    def canonical(self, model: str) -> str:
        return model.removeprefix("models/")

    @override
    def takes_address(self, url: str, route: Route) -> bool:
        """Its own files, buckets and films; other addresses only newer models fetch (§1)."""
        return bool(_OWN_ADDRESS.match(url))

    @override
    def recalls(self, route: Route) -> bool:
        return True  # thought signatures

    @override
    def relays(self, wire: str, route: Route) -> bool:
        return wire == "gemini"

    @override
    def relay(self, native: Native, route: Route) -> Exchange:
        return gemini_native.relayed(native, route, self.error_in)

    @override
    def relay_count(self, native: Native, route: Route) -> Described:
        return gemini_native.count(native, route, self.error_in)

    @override
    def count(self, chat: Chat, route: Route) -> Described:
        """`models/{model}:countTokens`; with system and tools, so the request goes in one (§2)."""
        body = _Request(chat, route.upstream_model).body()
        model = "models/" + route.upstream_model.removeprefix("models/")
        asked = {"generateContentRequest": {"model": model, **body}}
        request = UpstreamRequest("POST", gemini_native.path(route, "countTokens"), dumped(asked))
        return Described(request, self._tokens)

    def _tokens(self, body: bytes) -> tuple[dict[str, Json], None]:
        answer = gemini_native.counted_in(body, self.error_in)
        return {"tokens": answer.get("totalTokens") or 0}, None


class _Request:
    """One chat being said in Google's words."""

    def __init__(self, chat: Chat, model: str) -> None:
        self.dropped: list[str] = []
        self._chat = chat
        self._family = family(model)

    def body(self) -> dict[str, Json]:
        """The request's body. Raises BadRequest."""
        for name, (harmless, reason) in REFUSED.items():
            value = self._chat.get(name)
            if value is not None and value not in harmless:
                raise BadRequest(f"'{name}' is not for this platform: {reason}.", param=name)
        self.dropped += [name for name in DROPPED if self._chat.get(name) is not None]
        system, contents = turns(self._chat["messages"], signed=self._family.signed)
        if not contents:  # OpenAI answers a system message alone
            system, contents = [], [{"role": "user", "parts": system}]
        if not contents[0]["parts"]:
            raise BadRequest("'messages' says nothing: all texts are empty.", param="messages")
        body: dict[str, Json] = {"contents": contents}
        if system:
            body["systemInstruction"] = {"parts": system}
        body |= self._tools()
        tier = self._chat.get("service_tier")
        if isinstance(tier, str) and tier in _TIERS:
            body["serviceTier"] = _TIERS[tier]
        elif tier not in _STANDARD_TIERS:
            self.dropped.append("service_tier")
        config = self._config()
        for name, value in self._own():
            _place(body, config, name, value)
        if config:
            body["generationConfig"] = config
        return body

    def _config(self) -> dict[str, Json]:
        chat = self._chat
        config = {own: chat[name] for name, own in _CONFIG.items() if chat.get(name) is not None}
        for name in ("max_completion_tokens", "max_tokens"):
            if chat.get(name) is not None:
                config["maxOutputTokens"] = chat[name]
                break
        if stops := self._stops():
            config["stopSequences"] = stops
        n = chat.get("n")
        if n is not None and n != 1:
            if type(n) is not int or n < 1:
                refuse("n", n, "whole numbers from 1")
            config["candidateCount"] = n
        if chat.get("logprobs"):
            config["responseLogprobs"] = True
        if chat.get("top_logprobs"):
            if not chat.get("logprobs"):
                refuse("top_logprobs", chat["top_logprobs"], 'it only with "logprobs": true')
            config["logprobs"] = chat["top_logprobs"]
        if modalities := chat.get("modalities"):
            typed(modalities, "modalities", list)
            if any(one not in ("text", "image") for one in modalities):
                refuse("modalities", modalities, '"text" and "image"')
            config["responseModalities"] = [one.upper() for one in modalities]
        return config | self._format() | self._thinking()

    def _stops(self) -> list[str]:
        stop = self._chat.get("stop") or []
        stops = [stop] if isinstance(stop, str) else stop
        if not isinstance(stops, list) or not all(isinstance(one, str) for one in stops):
            refuse("stop", stop, "a string or a list of strings")
        stops = [one for one in stops if one]
        if len(stops) > _MOST_STOPS:
            refuse("stop", stop, f"at most {_MOST_STOPS} strings")
        return stops

    def _format(self) -> dict[str, Json]:
        wanted = self._chat.get("response_format") or {}
        kind = wanted.get("type")
        if kind in (None, "text"):
            return {}
        if kind not in ("json_object", "json_schema"):
            refuse("response_format.type", kind, "text, json_object and json_schema")
        asked: dict[str, Json] = {"responseMimeType": "application/json"}
        if kind == "json_schema":
            given = typed(wanted.get("json_schema"), "response_format.json_schema", dict)
            if given.get("schema"):
                asked["responseJsonSchema"] = given["schema"]
        return asked

    def _thinking(self) -> dict[str, Json]:
        effort = self._chat.get("reasoning_effort")
        if effort is None:
            return {}
        if effort not in _EFFORTS:
            refuse("reasoning_effort", effort, ", ".join(_EFFORTS))
        if not self._family.thinking:
            self.dropped.append("reasoning_effort")
            return {}
        config: dict[str, Json] = {self._family.thinking: self._family.efforts[effort]}
        if effort != "none":  # with a budget of 0 Google refuses to show thoughts (from memory)
            config["includeThoughts"] = True
        return {"thinkingConfig": config}

    def _tools(self) -> dict[str, Json]:
        """`tools` and `toolConfig`; tools without a type are Google's own and stay as they are."""
        functions: list[dict[str, Json]] = []
        tools: list[Json] = []
        for number, tool in enumerate(self._chat.get("tools") or ()):
            path = f"tools[{number}]"
            kind = typed(tool, path, dict).get("type")
            if kind is None and "function" not in tool:
                tools.append(tool)
            elif kind in (None, "function"):
                functions.append(_function(tool.get("function"), f"{path}.function"))
            else:
                refuse(f"{path}.type", kind, "function, or Google's own tools without a type")
        mode, allowed = _choice(self._chat.get("tool_choice"))
        if allowed is not None and mode == "AUTO":  # names may be given with ANY alone
            names = set(allowed)
            functions = [one for one in functions if one["name"] in names]
        if not functions:
            if mode == "ANY":
                refuse("tool_choice", self._chat["tool_choice"], "that only with 'tools'")
            return {"tools": tools} if tools else {}
        asked: dict[str, Json] = {"tools": [{"functionDeclarations": functions}, *tools]}
        if mode:
            config: dict[str, Json] = {"mode": mode}
            if allowed is not None and mode == "ANY":
                config["allowedFunctionNames"] = allowed
            asked["toolConfig"] = {"functionCallingConfig": config}
        return asked

    def _own(self) -> Iterator[tuple[str, Json]]:
        """Google's own fields, also where its OpenAI layer has them: `extra_body.google`."""
        extra = typed(self._chat.get("extra_body") or {}, "extra_body", dict)
        for name, value in {**self._chat, **extra}.items():
            known = name in _SAID or name in DROPPED or name in REFUSED
            if not known and value is not None:
                yield name, value
        for holder in (self._chat, extra):
            for name, value in typed(holder.get("google") or {}, "google", dict).items():
                if name != _TAG:
                    yield name, value


def _place(body: dict[str, Json], config: dict[str, Json], name: str, value: Json) -> None:
    """Put a field of Google's where it belongs; the client's own word goes before ours."""
    own = camel(name)
    if own == "generationConfig":
        for inner, given in typed(value, name, dict).items():
            _place(body, config, inner, given)
        return
    place = config if own in _OWN_CONFIG else body
    if own in _SHARED:
        given = {camel(inner): one for inner, one in typed(value, name, dict).items()}
        ours = dict(config.get(own) or {})
        if {"thinkingBudget", "thinkingLevel"} & given.keys():  # never both
            ours = {"includeThoughts": True} if "includeThoughts" in ours else {}
        place[own] = ours | given
    elif own == "toolConfig":
        body[own] = {**(body.get(own) or {}), **typed(value, name, dict)}
    else:
        place[own if place is config or own in _OWN else name] = value


def _function(function: Json, path: str) -> dict[str, Json]:
    given = typed(function, path, dict)
    declared = {"name": typed(given.get("name"), f"{path}.name", str)}
    for name, own in (("description", "description"), ("parameters", "parametersJsonSchema")):
        if given.get(name):
            declared[own] = given[name]
    return declared


def _choice(choice: Json) -> tuple[str | None, list[str] | None]:
    """A mode of `functionCallingConfig`, and the names of all functions that may be called."""
    modes = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
    if choice is None:
        return None, None
    if isinstance(choice, str) and choice in modes:
        return modes[choice], None
    kind = choice.get("type") if isinstance(choice, dict) else None
    inner = choice.get(kind) if kind in ("function", "allowed_tools") else None
    if kind == "function" and isinstance(inner, dict) and isinstance(inner.get("name"), str):
        return "ANY", [inner["name"]]
    if isinstance(inner, dict) and inner.get("mode") in ("auto", "required"):
        path = "tool_choice.allowed_tools.tools"
        tools = typed(inner.get("tools"), path, list)
        functions = [typed(one, path, dict).get("function") for one in tools]
        return modes[inner["mode"]], [_function(one, path)["name"] for one in functions]
    refuse("tool_choice", choice, "auto, none, required, or the name of a function")
