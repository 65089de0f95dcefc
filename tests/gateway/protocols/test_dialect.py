"""Each rule of a dialect: what it changes in a request, and that nothing else changes."""

import copy
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import assume, given, strategies as st

from gateway.errors import BadRequest
from gateway.protocols.dialect import said
from gateway.protocols.openai import OpenAI
from platforms.dialects import dialect_of
from platforms.presets import PRESETS
from platforms.routes import FREE, PLAIN, Dialect, Route
from tests.gateway.protocols.test_openai import PLATFORM

HELLO = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
FITS = (
    "Answer with one JSON object that fits this JSON Schema, and with nothing else:\n"
    '{"type":"object"}'
)
CALLS = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


def route(model: str = "upstream", **rules: Any) -> Route:
    dialect = replace(PLAIN, **rules) if rules else PLAIN
    return Route(PLATFORM, "public", model, "chat", FREE, dialect)


def body(chat: dict[str, Any], model: str = "upstream", **rules: Any) -> tuple[Any, list[str]]:
    """The body but for its model, and what was dropped."""
    given = {"model": "public", "messages": HELLO, **chat}
    before = copy.deepcopy(given)
    found, dropped = said(given, route(model, **rules))
    assert given == before, "the client's chat was changed"
    assert found.pop("model") == model
    if found["messages"] == HELLO and "messages" not in chat:
        del found["messages"]
    return found, dropped


THINKS: dict[str, Any] = {"reasoning_in": "thinking"}


@pytest.mark.parametrize(
    ("rules", "chat", "sent", "dropped"),
    [
        ({"max_tokens_field": "max_tokens"}, {"max_completion_tokens": 5}, {"max_tokens": 5}, []),
        ({"max_tokens_field": "max_tokens"}, {"max_tokens": 5}, {"max_tokens": 5}, []),
        (
            {"max_tokens_field": "max_completion_tokens"},
            {"max_tokens": 5, "max_completion_tokens": 7},
            {"max_completion_tokens": 7},
            [],
        ),
        (
            {"max_tokens_field": "max_completion_tokens"},
            {"max_tokens": 5, "max_completion_tokens": None},
            {"max_completion_tokens": 5},
            [],
        ),
        ({"drop_params": ("user", "seed")}, {"user": "u", "top_k": 1}, {"top_k": 1}, ["user"]),
        ({"drop_params": ("user",)}, {"user": None}, {}, []),
        ({"temperature_range": (0.01, 0.99)}, {"temperature": 0}, {"temperature": 0.01}, []),
        ({"temperature_range": (0.01, 0.99)}, {"temperature": 2}, {"temperature": 0.99}, []),
        ({"temperature_range": (0.01, 0.99)}, {"temperature": 0.5}, {"temperature": 0.5}, []),
        ({"temperature_range": (0, 1)}, {"temperature": None}, {"temperature": None}, []),
        ({"top_p_range": (0.01, 0.99)}, {"top_p": 1, "n": 3}, {"top_p": 0.99, "n": 3}, []),
        ({"fixed_sampling_models": ("kimi-k*",)}, {"temperature": 1}, {"temperature": 1}, []),
        (THINKS, {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}, []),
        (
            THINKS,
            {"reasoning_effort": "low"},
            {"thinking": {"type": "enabled"}},
            ["reasoning_effort"],
        ),
        (
            THINKS,
            {"reasoning_effort": "low", "thinking": {"type": "auto"}},
            {"thinking": {"type": "auto"}},
            ["reasoning_effort"],
        ),
        (
            {"reasoning_in": "thinking_and_effort", "efforts": ("low", "high")},
            {"reasoning_effort": "none"},
            {"thinking": {"type": "disabled"}},
            [],
        ),
        (
            {"reasoning_in": "thinking_and_effort", "efforts": ("low", "high")},
            {"reasoning_effort": "minimal"},
            {"reasoning_effort": "low", "thinking": {"type": "enabled"}},
            [],
        ),
        (
            {"reasoning_in": "thinking_and_effort"},
            {"reasoning_effort": "none", "thinking": {"type": "auto"}},
            {"thinking": {"type": "auto"}},
            [],
        ),
        (
            {"reasoning_in": "enable_thinking"},
            {"reasoning_effort": "none"},
            {"enable_thinking": False},
            [],
        ),
        (
            {"reasoning_in": "reasoning"},
            {"reasoning_effort": "low"},
            {"reasoning": {"effort": "low"}},
            [],
        ),
        (
            {"reasoning_in": "chat_template_kwargs"},
            {"reasoning_effort": "none", "chat_template_kwargs": {"x": 1}},
            {"chat_template_kwargs": {"enable_thinking": False, "x": 1}},
            [],
        ),
        ({"reasoning_in": "never"}, {"reasoning_effort": "low"}, {}, ["reasoning_effort"]),
        ({"reasoning_in": "never"}, {}, {}, []),
        ({"json_schema": "json_object"}, {"response_format": {"type": "text"}}, None, []),
        ({"tool_choices": ("none", "required")}, {"tool_choice": "auto"}, {}, []),
        ({"tool_choice_required": "any"}, {"tool_choice": "required"}, {"tool_choice": "any"}, []),
        ({"tool_choice_required": "any"}, {"tool_choice": "auto"}, {"tool_choice": "auto"}, []),
        ({"n_max": 2}, {"n": 2}, {"n": 2}, []),
        ({"stream_usage": "always"}, {"stream": True, "stream_options": {}}, {"stream": True}, []),
        ({"stream_usage": "never"}, {"stream": True}, {"stream": True}, []),
        ({}, {"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}, []),
    ],
)
def test_a_rule_changes_this(rules: Any, chat: Any, sent: Any, dropped: list[str]) -> None:
    assert body(chat, **rules) == (chat if sent is None else sent, dropped)


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("none", "low"),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "high"),  # as DeepSeek itself takes it
        ("high", "high"),
        ("xhigh", "high"),
        ("max", "max"),
        ("unheard-of", "unheard-of"),
    ],
)
def test_an_unknown_effort_becomes_the_nearest(asked: str, sent: str) -> None:
    found, dropped = body({"reasoning_effort": asked}, efforts=("low", "high", "max"))

    assert (found, dropped) == ({"reasoning_effort": sent}, [])


def test_no_effort_becomes_none() -> None:
    found, _ = body({"reasoning_effort": "minimal"}, efforts=("none", "high"))

    assert found == {"reasoning_effort": "high"}


def test_models_whose_sampling_is_fixed_are_not_told_of_it() -> None:
    chat = {"temperature": 1, "top_p": 1, "n": 1, "presence_penalty": 0, "seed": 4}

    found, dropped = body(chat, "Kimi-K3", fixed_sampling_models=("kimi-k*",))

    assert (found, dropped) == ({"seed": 4}, ["temperature", "top_p", "presence_penalty"])


@pytest.mark.parametrize(
    ("rules", "chat", "param"),
    [
        ({"n_max": 1}, {"n": 2}, "n"),
        ({"fixed_sampling_models": ("up*",)}, {"n": 2}, "n"),
        ({"tool_choices": ("auto", "none")}, {"tool_choice": "required"}, "tool_choice"),
        (
            {"tool_choices": ("auto", "none")},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            "tool_choice",
        ),
    ],
)
def test_a_demand_that_cannot_be_met_is_refused_by_name(rules: Any, chat: Any, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        body(chat, **rules)

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("messages", "instructed"),
    [
        (HELLO, [{"role": "system", "content": FITS}, *HELLO]),
        (
            [{"role": "system", "content": "Be brief."}, *HELLO],
            [{"role": "system", "content": f"Be brief.\n\n{FITS}"}, *HELLO],
        ),
        (
            [*HELLO, {"role": "developer", "content": [{"type": "text", "text": "x"}]}],
            [
                *HELLO,
                {
                    "role": "developer",
                    "content": [{"type": "text", "text": "x"}, {"type": "text", "text": FITS}],
                },
            ],
        ),
    ],
)
@pytest.mark.parametrize("how", ["json_object", "prompt"])
def test_a_schema_is_said_in_words(messages: Any, instructed: Any, how: Any) -> None:
    found, _ = body({"messages": messages, "response_format": SCHEMA}, json_schema=how)

    assert found["messages"] == instructed
    assert found.get("response_format") == (
        {"type": "json_object"} if how == "json_object" else None
    )


@pytest.mark.parametrize(("right", "wrong"), [("system", "developer"), ("developer", "system")])
def test_systems_role_is_called_as_the_platform_does(right: Any, wrong: str) -> None:
    found, _ = body({"messages": [{"role": wrong, "content": "x"}, *HELLO]}, system_role=right)

    assert found["messages"] == [{"role": right, "content": "x"}, *HELLO]


TURN: dict[str, Any] = {
    "role": "assistant",
    "content": "x",
    "reasoning_content": "hm",
    "thinking_blocks": [{"type": "thinking"}],
}
SIGNED = [{**CALLS[0], "extra_content": {"google": {}}}]


@pytest.mark.parametrize(
    ("rules", "turn", "kept"),
    [
        ({}, TURN, {"role": "assistant", "content": "x", "reasoning_content": "hm"}),
        ({"n_max": 4}, TURN, {"role": "assistant", "content": "x", "reasoning_content": "hm"}),
        ({"replay_reasoning": "never"}, TURN, {"role": "assistant", "content": "x"}),
        ({"replay_reasoning": "tool_turns"}, TURN, {"role": "assistant", "content": "x"}),
        (
            {"replay_reasoning": "always"},
            TURN,
            {"role": "assistant", "content": "x", "reasoning_content": "hm"},
        ),
        (
            {"replay_reasoning": "tool_turns"},
            {"role": "assistant", "reasoning_content": "hm", "tool_calls": SIGNED},
            {"role": "assistant", "reasoning_content": "hm", "tool_calls": SIGNED},
        ),
        (
            {"replay_reasoning": "tool_turns"},
            {
                "role": "assistant",
                "reasoning_content": "hm",
                "reasoning": "hm",
                "reasoning_details": [{"text": "hm", "signature": "s"}],
                "tool_calls": CALLS,
            },
            {
                "role": "assistant",
                "reasoning_content": "hm",
                "reasoning_details": [{"text": "hm", "signature": "s"}],
                "tool_calls": CALLS,
            },
        ),
        (
            {"replay_reasoning": "tool_turns", "reasoning_out": "think"},
            {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": CALLS},
            {"role": "assistant", "content": "<think>hm</think>", "tool_calls": CALLS},
        ),
        (
            {"replay_reasoning": "always", "reasoning_out": "think"},
            {"role": "assistant", "content": "x", "reasoning_content": "hm"},
            {"role": "assistant", "content": "<think>hm</think>x"},
        ),
        (
            {"replay_reasoning": "never"},
            {"role": "assistant", "tool_calls": SIGNED, "extra_content": {}, "images": []},
            {"role": "assistant", "tool_calls": CALLS},
        ),
    ],
)
def test_reasoning_goes_back_where_it_is_wanted_and_nowhere_else(
    rules: Any, turn: Any, kept: Any
) -> None:
    found, _ = body({"messages": [*HELLO, turn]}, **rules)

    assert found["messages"] == [*HELLO, kept]


def test_a_renamed_field_keeps_its_place() -> None:
    chat = {"a": 1, "max_completion_tokens": 5, "b": 2, "reasoning_effort": "none", "c": 3}

    found, _ = body(chat, max_tokens_field="max_tokens", reasoning_in="thinking")

    assert list(found) == ["a", "max_tokens", "b", "thinking", "c"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), JSON, max_size=8))
def test_a_plain_dialect_sends_the_clients_own_bytes(extra: dict[str, Any]) -> None:
    extra = {key: value for key, value in extra.items() if key not in ("stream", "messages")}
    chat = {**extra, "model": "public", "messages": HELLO}

    request = OpenAI().chat(chat, route()).request

    assert request.body == orjson.dumps({**chat, "model": "upstream"})


@given(
    st.builds(
        Dialect,
        max_tokens_field=st.sampled_from(["", "max_tokens", "max_completion_tokens"]),
        drop_params=st.lists(st.sampled_from(["user", "seed", "store"])).map(tuple),
        system_role=st.sampled_from(["", "system", "developer"]),
        reasoning_in=st.sampled_from(["reasoning_effort", "thinking", "reasoning", "never"]),
        json_schema=st.sampled_from(["native", "json_object", "prompt"]),
        replay_reasoning=st.sampled_from(["", "never", "tool_turns", "always"]),
        n_max=st.integers(0, 3),
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "max_tokens": st.integers(1, 9),
            "reasoning_effort": st.sampled_from(["none", "low", "high"]),
            "response_format": st.just(SCHEMA),
            "user": st.just("u"),
            "n": st.integers(1, 2),
            "stream": st.booleans(),
        },
    ),
)
def test_any_dialect_says_the_same_twice_and_leaves_the_chat_alone(
    dialect: Dialect, chat: dict[str, Any]
) -> None:
    given = {"model": "public", "messages": [*HELLO, TURN], **chat}
    before = copy.deepcopy(given)
    where = Route(PLATFORM, "public", "upstream", "chat", FREE, dialect)
    assume(not dialect.n_max or chat.get("n", 0) <= dialect.n_max)  # the others are refused

    first = OpenAI().chat(given, where).request.body

    assert first == OpenAI().chat(given, where).request.body
    assert given == before


MUCH: dict[str, Any] = {
    "model": "public",
    "messages": [
        {"role": "developer", "content": "Be brief."},
        *HELLO,
        {**TURN, "tool_calls": SIGNED},
        {"role": "tool", "tool_call_id": "c", "content": "1"},
    ],
    "max_completion_tokens": 5,
    "temperature": 1.9,
    "top_p": 1,
    "n": 1,
    "user": "u",
    "seed": 1,
    "store": False,
    "reasoning_effort": "medium",
    "response_format": SCHEMA,
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "tool_choice": "auto",
    "stream": True,
}


@pytest.mark.parametrize("slug", PRESETS)
def test_every_presets_dialect_can_be_spoken(slug: str) -> None:
    where = Route(PLATFORM, "public", "upstream", "chat", FREE, dialect_of(slug))

    exchange = OpenAI().chat(MUCH, where)

    assert isinstance(exchange.request.body, bytes)
    sent = orjson.loads(exchange.request.body)
    assert sent["model"] == "upstream"
    assert {"temperature", "seed", "tools"} - set(exchange.dropped) <= sent.keys()
    told = {*MUCH} - {*sent} - {*exchange.dropped}
    # What was said otherwise, and hints to do what the platform does by itself.
    assert told <= {"max_completion_tokens", "response_format", "reasoning_effort", "tool_choice"}
