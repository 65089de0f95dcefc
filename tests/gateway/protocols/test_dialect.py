"""Each rule of a dialect: what it changes in a request, and that nothing else changes.

And the transcripts of answers that a rule is needed for, in `transcripts/openai/dialects`: the
rules, the request, the upstream's bytes, and what comes of them.
"""

import contextlib
import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import assume, given, strategies as st

from gateway import sse
from gateway.errors import BadRequest
from gateway.faces.openai import read_chat
from gateway.protocols.dialect import said
from gateway.protocols.openai import OpenAI
from gateway.shapes import Exchange, Failure, Usage
from platforms.dialects import dialect_of
from platforms.presets import PRESETS
from platforms.routes import FREE, PLAIN, Dialect, Route
from tests import openai_schema
from tests.gateway.protocols.test_openai import PLATFORM
from tests.gateway.protocols.test_transcripts import REPLY

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
OFF = {"thinking": {"type": "disabled"}}


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
        (
            {"reasoning_in": "chat_template_kwargs"},
            {"reasoning_effort": "none", "chat_template_kwargs": {"enable_thinking": True}},
            {"chat_template_kwargs": {"enable_thinking": True}},
            ["reasoning_effort"],
        ),
        (
            {"reasoning_in": "chat_template_kwargs"},
            {"reasoning_effort": "low"},
            {"chat_template_kwargs": {"enable_thinking": True}},
            ["reasoning_effort"],
        ),
        (THINKS, {"reasoning_effort": "none", "thinking": None}, OFF, []),
        ({"reasoning_in": "never"}, {}, {}, []),
        ({"reasoning_in": "never"}, {"reasoning_effort": None}, {}, []),
        ({"json_schema": "json_object"}, {"response_format": {"type": "text"}}, None, []),
        ({"tool_choices": ("none", "required")}, {"tool_choice": "auto"}, {}, []),
        ({"tool_choice_required": "any"}, {"tool_choice": "required"}, {"tool_choice": "any"}, []),
        ({"tool_choice_required": "any"}, {"tool_choice": "any"}, {"tool_choice": "any"}, []),
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


@pytest.mark.parametrize("pattern", ["kimi-k*", "Kimi-K*"])
def test_models_whose_sampling_is_fixed_are_not_told_of_it(pattern: str) -> None:
    chat = {"temperature": 1, "top_p": 1, "n": 1, "presence_penalty": 0, "seed": 4}

    found, dropped = body(chat, "Kimi-K3", fixed_sampling_models=(pattern,))

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


def test_what_the_gateway_says_itself_stands_in_the_platforms_role() -> None:
    found, _ = body({"response_format": SCHEMA}, json_schema="prompt", system_role="developer")

    assert found["messages"] == [{"role": "developer", "content": FITS}, *HELLO]


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


@pytest.mark.parametrize("stream", [False, True])
def test_a_plain_dialect_keeps_the_order_of_a_stream_too(stream: bool) -> None:
    chat = {"stream": stream, "z": 1, "messages": HELLO, "model": "public", "a": 2}
    asked = {"stream_options": {"include_usage": True}} if stream else {}

    assert OpenAI().chat(chat, route()).request.body == orjson.dumps(
        {"stream": stream, "z": 1, "messages": HELLO, "model": "upstream", "a": 2, **asked}
    )


ODD = (
    st.none() | st.booleans() | st.integers(0, 2) | st.just("x") | st.just([1]) | st.just({"a": 1})
)


@given(
    st.sampled_from([*PRESETS]),
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            (
                *("max_tokens", "max_completion_tokens", "temperature", "top_p", "user"),
                *("reasoning_effort", "thinking", "enable_thinking", "reasoning", "tool_choice"),
                "chat_template_kwargs",
            ),
            ODD,
        ),
    ),
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("tool_calls", "reasoning_content", "reasoning", "thinking_blocks", "extra_content"),
            ODD,
        ),
    ),
    st.sampled_from(["thinking", "enable_thinking", "chat_template_kwargs", "reasoning"]),
)
def test_odd_values_are_passed_on_or_refused_by_name(
    slug: str, chat: dict[str, Any], turn: dict[str, Any], where: Any
) -> None:
    dialect = replace(dialect_of(slug), reasoning_in=where, tool_choices=PLAIN.tool_choices)
    messages = [*HELLO, {"role": "assistant", "content": "x", **turn}]
    given = {"model": "public", "messages": messages, **chat}
    before = copy.deepcopy(given)

    with contextlib.suppress(BadRequest):
        found, _ = said(given, Route(PLATFORM, "public", "upstream", "chat", FREE, dialect))
        assert found["model"] == "upstream"

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


# --- transcripts ----------------------------------------------------------------------------------

CASES = Path(__file__).parents[2] / "transcripts/openai/dialects"
STREAMS = sorted(CASES.glob("*/chunks.jsonl"))
WHOLES = sorted(CASES.glob("*/answer.json"))
FAILURES = sorted(CASES.glob("*/failure.json"))


def twin_of(stream: Path) -> Path:
    """What the same platform would have answered whole."""
    return CASES / stream.parent.name.replace("stream-", "blocking-") / "answer.json"


TWINS = [path for path in STREAMS if twin_of(path).exists()]


def case_of(path: Path) -> str:
    return path.parent.name


def exchange(case: Path) -> Exchange:
    chat = read_chat((case / "request.json").read_bytes())
    dialect = dialect_of("custom", orjson.loads((case / "rules.json").read_bytes()))
    return OpenAI().chat(
        chat, Route(PLATFORM, "public-model", "upstream-model", "chat", FREE, dialect)
    )


def played(case: Path, *pieces: bytes) -> list[dict[str, Any]]:
    reader, decoder = exchange(case).reader(REPLY), sse.Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()
    chunks = [chunk for event in events for chunk in reader.feed(event.data)]
    assert reader.finished
    return chunks + reader.end(reader.usage or Usage())


def folded(chunks: list[dict[str, Any]]) -> dict[str, str]:
    """What the deltas say together."""
    said: dict[str, str] = {"content": "", "reasoning_content": ""}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for name in said:
                said[name] += choice["delta"].get(name) or ""
    return said


@pytest.mark.parametrize("path", STREAMS, ids=case_of)
def test_a_stream_cut_at_every_byte_becomes_these_chunks(path: Path) -> None:
    data = (path.parent / "upstream.sse").read_bytes()
    chunks = [orjson.loads(line) for line in path.read_bytes().splitlines()]

    for cut in range(len(data)):
        assert played(path.parent, data[:cut], data[cut:]) == chunks, f"cut at {cut}"
    for chunk in chunks:
        openai_schema.chunk(chunk)


@pytest.mark.parametrize("path", WHOLES, ids=case_of)
def test_an_answer_becomes_this_one(path: Path) -> None:
    answer = exchange(path.parent).answer((path.parent / "upstream.json").read_bytes(), REPLY)

    assert answer.completion == orjson.loads(path.read_bytes())
    openai_schema.completion(answer.completion)


@pytest.mark.parametrize("path", TWINS, ids=case_of)
def test_a_stream_says_what_its_blocking_twin_says(path: Path) -> None:
    [choice] = orjson.loads(twin_of(path).read_bytes())["choices"]

    said = folded([orjson.loads(line) for line in path.read_bytes().splitlines()])

    assert said == {name: choice["message"].get(name) or "" for name in said}


@pytest.mark.parametrize("path", FAILURES, ids=case_of)
def test_an_error_within_a_200_is_this_failure(path: Path) -> None:
    expected = orjson.loads(path.read_bytes())
    call, case = exchange(path.parent), path.parent

    with pytest.raises(Failure) as failed:
        if (case / "upstream.sse").exists():
            played(case, (case / "upstream.sse").read_bytes())
        else:
            call.answer((case / "upstream.json").read_bytes(), REPLY)

    found = failed.value
    assert {"kind": found.kind, "message": found.message, "code": found.code} == expected


def test_there_are_transcripts() -> None:
    assert min(len(STREAMS), len(WHOLES), len(TWINS), len(FAILURES)) >= 4
