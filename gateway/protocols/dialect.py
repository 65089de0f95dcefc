"""OpenAI's chat in a platform's dialect: what its rules change in a request. Pure.

One small function for each rule, applied in the order of RULES; a plain dialect has none. Source of
the rules: wire notes platforms (Nov 2026), through `routes.Dialect`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache

import orjson

from gateway.errors import BadRequest
from gateway.shapes import Chat, Json
from platforms.routes import PLAIN, Dialect, Route

_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_MAX_TOKENS = ("max_tokens", "max_completion_tokens")
_SAMPLING = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_OWN = {
    "thinking": "thinking",
    "thinking_and_effort": "thinking",
    "enable_thinking": "enable_thinking",
    "reasoning": "reasoning",
    "chat_template_kwargs": "chat_template_kwargs",
}
"""Where `reasoning_effort` goes, by the dialect's `reasoning_in`."""
_CAN_BE_OFF = ("thinking", "thinking_and_effort", "enable_thinking", "chat_template_kwargs")
_OURS = ("reasoning_content", "reasoning", "reasoning_details")
"""What answers say of reasoning, so that clients may bring it back."""
_ONLY_JSON = "Answer with one JSON object and with nothing else."
_SCHEMA = "Answer with one JSON object that fits this JSON Schema, and with nothing else:\n{}"


@dataclass(slots=True)
class Said:
    """A request on its way into a dialect."""

    body: dict[str, Json]
    dialect: Dialect
    model: str
    """The upstream's name of the model."""
    dropped: list[str] = field(default_factory=list)

    def drop(self, name: str) -> None:
        """Leave a field out, by name."""
        if self.body.pop(name, None) is not None:
            self.dropped.append(name)

    def replace(self, old: str, new: str, value: Json) -> None:
        """Say a field by another name, in its place: prompt caches depend on the order."""
        self.body.pop(new, None)  # a null, or it would not be said anew
        items = ((new, value) if key == old else (key, one) for key, one in self.body.items())
        self.body = dict(items)


def said(chat: Chat, route: Route) -> tuple[dict[str, Json], list[str]]:
    """The body for this route's platform, and the names of what was left out.

    The client's chat stays as it is; key order is kept. Raises BadRequest on what the platform
    cannot do and the client demands.
    """
    request = Said({**chat, "model": route.upstream_model}, route.dialect, route.upstream_model)
    for rule in _RULES_OF_PLAIN if route.dialect is PLAIN else _rules_of(route.dialect):
        rule(request)
    return request.body, request.dropped


def _drop_params(said: Said) -> None:
    for name in said.dialect.drop_params:
        said.drop(name)


def _max_tokens(said: Said) -> None:
    right = said.dialect.max_tokens_field
    [wrong] = [name for name in _MAX_TOKENS if name != right]
    if said.body.get(right) is None and said.body.get(wrong) is not None:
        said.replace(wrong, right, said.body[wrong])
    else:
        said.body.pop(wrong, None)


def _ranges(said: Said) -> None:
    """Moved to the nearer end, and not reported: nothing is left out."""
    for name, bounds in (
        ("temperature", said.dialect.temperature_range),
        ("top_p", said.dialect.top_p_range),
    ):
        value = said.body.get(name)
        if bounds is not None and isinstance(value, int | float) and value is not True:
            said.body[name] = min(max(value, bounds[0]), bounds[1])


def _fixed_sampling(said: Said) -> None:
    model, patterns = said.model.lower(), said.dialect.fixed_sampling_models
    if not any(fnmatchcase(model, pattern.lower()) for pattern in patterns):
        return
    for name in _SAMPLING:
        said.drop(name)
    if said.body.get("n") == 1:
        del said.body["n"]
    elif said.body.get("n") is not None:
        _refuse("n", f"the model “{said.model}” makes one answer for a call")


def _system_role(said: Said) -> None:
    right = said.dialect.system_role
    wrong = "developer" if right == "system" else "system"
    said.body["messages"] = [
        {**message, "role": right} if message["role"] == wrong else message
        for message in said.body["messages"]
    ]


def _stream_usage(said: Said) -> None:
    if not said.body.get("stream"):
        return
    if said.dialect.stream_usage == "stream_options":
        options = said.body.get("stream_options") or {}
        said.body["stream_options"] = {**options, "include_usage": True}
    else:
        said.body.pop("stream_options", None)


def _efforts(said: Said) -> None:
    """The nearest effort that the platform knows; of two as near, the one nearer to `high`."""
    effort, known = said.body.get("reasoning_effort"), said.dialect.efforts
    if effort == "none" and said.dialect.reasoning_in in _CAN_BE_OFF:
        return
    if effort in _EFFORTS and effort not in known:
        place, high = _EFFORTS.index(effort), _EFFORTS.index("high")
        said.body["reasoning_effort"] = min(
            (one for one in known if one != "none" or effort == "none"),
            key=lambda one: (
                abs(_EFFORTS.index(one) - place),
                abs(_EFFORTS.index(one) - high),
            ),
            default=effort,
        )


def _reasoning_in(said: Said) -> None:
    """`reasoning_effort` in the platform's own words; a client that says those itself knows.

    Where these say on and off alone, an effort is reported as dropped: how much is lost.
    """
    effort, where = said.body.get("reasoning_effort"), said.dialect.reasoning_in
    if effort is None:
        said.body.pop("reasoning_effort", None)  # null or not, the platform may not know the field
        return
    own = _OWN.get(where)
    given = said.body.get(own) if own else None
    thinks = effort != "none"
    if where == "thinking_and_effort":
        if not thinks:
            said.body.pop("reasoning_effort")
        if given is None:
            said.body["thinking"] = {"type": "enabled" if thinks else "disabled"}
        return
    if where == "chat_template_kwargs" and type(given) is dict:  # others of the template's
        said.body["chat_template_kwargs"] = {"enable_thinking": thinks, **given}
        del said.body["reasoning_effort"]
        if thinks or "enable_thinking" in given:
            said.dropped.append("reasoning_effort")
        return
    if own is None or given is not None:
        said.drop("reasoning_effort")
        return
    words: dict[str, Json] = {
        "thinking": {"type": "enabled" if thinks else "disabled"},
        "enable_thinking": thinks,
        "reasoning": {"effort": effort},
        "chat_template_kwargs": {"enable_thinking": thinks},
    }
    said.replace("reasoning_effort", own, words[own])
    if thinks and where != "reasoning":
        said.dropped.append("reasoning_effort")  # how much is not said, only that


def _replayed(said: Said) -> None:
    """Reasoning in the assistant's messages, where the platform wants it and nowhere else."""
    when = said.dialect.replay_reasoning
    messages = []
    for message in said.body["messages"]:
        if message["role"] == "assistant":
            names = ["thinking_blocks"]
            if when == "never" or (when == "tool_turns" and not message.get("tool_calls")):
                names += (*_OURS, "extra_content", "images") if when == "never" else _OURS
            elif message.get("reasoning_content") is not None:
                names.append("reasoning")  # the same once more, in others' words
            message = {key: value for key, value in message.items() if key not in names}
            if said.dialect.reasoning_out == "think" and type(message.get("content")) is not list:
                _think_again(message)
            if when == "never" and type(message.get("tool_calls")) is list:
                message["tool_calls"] = [_bare(call) for call in message["tool_calls"]]
        messages.append(message)
    said.body["messages"] = messages


def _think_again(message: dict[str, Json]) -> None:
    """Reasoning back into the content, where the platform itself puts it."""
    thought = message.pop("reasoning_content", None)
    if isinstance(thought, str) and thought:
        message["content"] = f"<think>{thought}</think>{message.get('content') or ''}"


def _own_blocks(said: Said) -> None:
    """`thinking_blocks` are the gateway's own, so they go nowhere; all else passes as it came."""
    for message in said.body["messages"]:
        if "thinking_blocks" in message:
            said.body["messages"] = [
                {key: value for key, value in each.items() if key != "thinking_blocks"}
                for each in said.body["messages"]
            ]
            return


def _json_schema(said: Said) -> None:
    wanted = said.body.get("response_format") or {}
    kind = wanted.get("type")
    as_object = said.dialect.json_schema == "json_object"
    if kind == "json_schema":
        described = wanted.get("json_schema")
        schema = described.get("schema") if isinstance(described, dict) else None
        text = _SCHEMA.format(orjson.dumps(schema).decode()) if schema else _ONLY_JSON
    elif kind == "json_object" and not as_object:
        text = _ONLY_JSON
    else:
        return
    if as_object:
        said.body["response_format"] = {"type": "json_object"}
    else:
        del said.body["response_format"]
    role = said.dialect.system_role or "system"
    said.body["messages"] = _instructed(said.body["messages"], text, role)


def _tool_choice(said: Said) -> None:
    choice, takes = said.body.get("tool_choice"), said.dialect.tool_choices
    if choice is None:
        return
    form = choice if isinstance(choice, str) else "function"
    if form == said.dialect.tool_choice_required:
        form = "required"  # in the platform's own word
    if form not in takes and form == "auto":
        del said.body["tool_choice"]  # what it does by itself
    elif form not in takes:
        _refuse("tool_choice", f"it takes {', '.join(takes)}" if takes else "it decides by itself")
    elif form == "required":
        said.body["tool_choice"] = said.dialect.tool_choice_required


def _n_max(said: Said) -> None:
    n = said.body.get("n")
    if type(n) is int and n > said.dialect.n_max:
        most = said.dialect.n_max
        _refuse("n", f"it makes {most} answer{'s' * (most > 1)} for a call at most")


Rule = Callable[[Said], None]
RULES: tuple[tuple[Rule, Callable[[Dialect], bool]], ...] = (
    (_stream_usage, lambda dialect: True),
    (_own_blocks, lambda dialect: not dialect.replay_reasoning),
    (_replayed, lambda dialect: bool(dialect.replay_reasoning)),
    (_system_role, lambda dialect: bool(dialect.system_role)),
    (_fixed_sampling, lambda dialect: bool(dialect.fixed_sampling_models)),
    (_n_max, lambda dialect: bool(dialect.n_max)),
    (_drop_params, lambda dialect: bool(dialect.drop_params)),
    (_max_tokens, lambda dialect: bool(dialect.max_tokens_field)),
    (_ranges, lambda dialect: bool(dialect.temperature_range or dialect.top_p_range)),
    (_efforts, lambda dialect: bool(dialect.efforts)),
    (_reasoning_in, lambda dialect: dialect.reasoning_in != "reasoning_effort"),
    (_json_schema, lambda dialect: dialect.json_schema != "native"),
    (
        _tool_choice,
        lambda dialect: (
            dialect.tool_choices != PLAIN.tool_choices
            or dialect.tool_choice_required != PLAIN.tool_choice_required
        ),
    ),
)
"""Each rule, and which dialects have it."""


@lru_cache(1000)
def _rules_of(dialect: Dialect) -> tuple[Rule, ...]:
    return tuple(rule for rule, has in RULES if has(dialect))


_RULES_OF_PLAIN = _rules_of(PLAIN)


def _bare(call: Json) -> Json:
    """A tool call with OpenAI's own fields only."""
    if not isinstance(call, dict) or "extra_content" not in call:
        return call
    return {key: value for key, value in call.items() if key != "extra_content"}


def _instructed(messages: list[dict[str, Json]], text: str, role: str) -> list[dict[str, Json]]:
    """The messages with one more instruction, at the end of the first of the system's.

    `role`: whose it is where there is none yet.
    """
    for number, message in enumerate(messages):
        if message["role"] in ("system", "developer"):
            content = message["content"]
            more: Json = (
                f"{content}\n\n{text}"
                if isinstance(content, str)
                else [*content, {"type": "text", "text": text}]
            )
            return [*messages[:number], {**message, "content": more}, *messages[number + 1 :]]
    return [{"role": role, "content": text}, *messages]


def _refuse(name: str, why: str) -> None:
    raise BadRequest(f"'{name}' is more than this platform can do: {why}.", param=name)
