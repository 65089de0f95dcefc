"""Anthropic's wire: what a chat becomes there, and what its answers and streams become here."""

import base64
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from gateway.errors import BadRequest
from gateway.faces import openai as face
from gateway.protocols.anthropic import DROPPED, REFUSED, Anthropic, family
from gateway.protocols.anthropic_stream import ERRORS, FINISH_REASONS, AnthropicReader
from gateway.shapes import Exchange, Failure, Reply, Usage
from platforms.routes import FREE, PLAIN, Route
from tests import openai_schema
from tests.gateway.protocols.folding import folded, meant
from tests.gateway.protocols.test_openai import PLATFORM

REPLY = Reply("foaicmpl-0123456789abcdef0123456789abcdef", "public-model", 1790000000)
OLD, NEW = "claude-sonnet-4-5-20250929", "claude-opus-4-7"
PNG, PDF = "iVBORw0KGgo=", "JVBERi0xLjQ="
anthropic = Anthropic()


def exchange(chat: bytes, model: str = "upstream-model") -> Exchange:
    route = Route(PLATFORM, "public-model", model, "chat", FREE)
    return anthropic.chat(face.read_chat(chat), route)


def sent(model: str = OLD, **fields: Any) -> dict[str, Any]:
    """The body that a chat is sent as; `messages` is a user's Hello where nothing is said."""
    chat = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], **fields}
    body = exchange(orjson.dumps(chat), model).request.body
    assert isinstance(body, bytes)
    said: dict[str, Any] = orjson.loads(body)
    return said


def turns(*messages: dict[str, Any]) -> Any:
    return sent(messages=list(messages))["messages"]


def user(content: Any, **fields: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **fields}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def call(id: str, arguments: Any = "{}", name: str = "f") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


def test_a_call_is_a_post_with_a_version() -> None:
    request = exchange(b'{"model": "m", "messages": [{"role": "user", "content": "Hi"}]}').request

    assert (request.method, request.path) == ("POST", "/messages")
    assert request.headers == (("anthropic-version", "2023-06-01"),)


def test_a_plain_chat() -> None:
    assert sent(stream=True) == {
        "model": OLD,
        "max_tokens": 64000,
        "stream": True,
        "messages": [user([text("Hello")])],
    }


SYSTEM, DEVELOPER = {"role": "system", "content": "A"}, {"role": "developer", "content": "B"}
MARK = {"cache_control": {"type": "ephemeral"}}


def test_system_messages_are_hoisted_and_joined() -> None:
    body = sent(messages=[SYSTEM, user("Hi"), DEVELOPER, {"role": "system", "content": ""}])

    assert body["system"] == "A\n\nB"
    assert body["messages"] == [user([text("Hi")])]


def test_a_marked_system_part_keeps_its_mark() -> None:
    marked = {"role": "system", "content": [{**text("Long"), **MARK}]}

    assert sent(messages=[SYSTEM, marked, user("Hi")])["system"] == [
        text("A"),
        {**text("Long"), **MARK},
    ]


def test_system_alone_is_asked_as_a_user() -> None:
    body = sent(messages=[SYSTEM])

    assert body["messages"] == [user([text("A")])]
    assert "system" not in body


def test_messages_of_one_role_become_one_without_empty_texts() -> None:
    assert turns(
        user("One"),
        user([text("Two"), text(" "), {**text("Three"), **MARK}]),
        {"role": "assistant", "content": ""},
        user("Four", **MARK),
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
        user("Five"),
    ) == [
        user([text("One"), text("Two"), {**text("Three"), **MARK}, {**text("Four"), **MARK}]),
        {"role": "assistant", "content": [text("No.")]},
        user([text("Five")]),
    ]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
            {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": f"data:image/jpg;base64,{PNG}"}, **MARK},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG},
                **MARK,
            },
        ),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO\nRw0K Ggo="}},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": PNG},
            },
        ),
        (
            {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}},
            {
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                "title": "a.pdf",
            },
        ),
        (
            {
                "type": "file",
                "file": {
                    "file_data": "data:text/csv;base64,"
                    + base64.b64encode("ä;b".encode()).decode(),
                    "filename": "a.csv",
                },
            },
            {
                "type": "document",
                "source": {"type": "text", "media_type": "text/plain", "data": "ä;b"},
                "title": "a.csv",
            },
        ),
        (
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
            {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        ),
    ],
)
def test_a_part_becomes_this_block(part: Any, block: Any) -> None:
    assert turns(user([part])) == [user([block])]


PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}


def test_calls_and_their_results() -> None:
    results = turns(
        user("Go"),
        {
            "role": "assistant",
            "content": "Wait.",
            "tool_calls": [call("call_a", '{"x": [1]}'), call("functions.f:0", "")],
        },
        {"role": "tool", "tool_call_id": "call_a", "content": [text("Seen"), PICTURE], **MARK},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": ""},
        user("And?"),
    )

    assert results[1]["content"] == [
        text("Wait."),
        {"type": "tool_use", "id": "call_a", "name": "f", "input": {"x": [1]}},
        {"type": "tool_use", "id": "functions_f_0", "name": "f", "input": {}},
    ]
    assert results[2:] == [
        user(
            [
                {
                    "type": "tool_result",
                    "tool_use_id": "call_a",
                    "content": [text("Seen"), IMAGE],
                    **MARK,
                },
                {"type": "tool_result", "tool_use_id": "functions_f_0"},
                text("And?"),
            ]
        )
    ]


@pytest.mark.parametrize("arguments", ["not JSON", "[1]", '"x"', "3"])
def test_arguments_that_are_no_object_are_wrapped(arguments: str) -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [call("a", arguments)]}

    assert turns(user("Go"), message)[1]["content"][0]["input"] == {"arguments": arguments}


def test_signed_thinking_is_given_back_and_unsigned_is_not() -> None:
    signed = {"type": "thinking", "thinking": "Hm", "signature": "Er"}
    redacted = {"type": "redacted_thinking", "data": "Em"}
    blocks = [signed, {"type": "thinking", "thinking": "x", "signature": ""}, redacted]

    assert turns(
        user("Go"),
        {
            "role": "assistant",
            "content": "Yes",
            "reasoning_content": "Hm",
            "thinking_blocks": blocks,
        },
        user("Go"),
        {"role": "assistant", "content": "Yes", "reasoning_content": "Hm"},
    )[1::2] == [
        {"role": "assistant", "content": [signed, redacted, text("Yes")]},
        {"role": "assistant", "content": [text("Yes")]},
    ]


PARAMETERS = {"type": "object", "properties": {"a": {"type": "string"}}}
OWN = {"type": "web_search_20250305", "name": "web_search"}


def test_tools() -> None:
    given = [
        tool("f", description="D", parameters=PARAMETERS, strict=True),
        {**tool("g", strict=False), **MARK},
        OWN,
    ]
    assert sent(tools=given)["tools"] == [
        {"name": "f", "description": "D", "input_schema": PARAMETERS, "strict": True},
        {"name": "g", "input_schema": {"type": "object", "properties": {}}, **MARK},
        OWN,
    ]


ONLY_G = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [tool("g")]}}


@pytest.mark.parametrize(
    ("fields", "choice", "names"),
    [
        ({}, None, "fg"),
        ({"tool_choice": "auto"}, {"type": "auto"}, "fg"),
        ({"tool_choice": "none"}, {"type": "none"}, "fg"),
        ({"tool_choice": "required"}, {"type": "any"}, "fg"),
        ({"tool_choice": tool("g")}, {"type": "tool", "name": "g"}, "fg"),
        ({"tool_choice": ONLY_G}, {"type": "any"}, "g"),
        (
            {"parallel_tool_calls": False},
            {"type": "auto", "disable_parallel_tool_use": True},
            "fg",
        ),
        (
            {"parallel_tool_calls": False, "tool_choice": "required"},
            {"type": "any", "disable_parallel_tool_use": True},
            "fg",
        ),
        ({"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}, "fg"),
        ({"parallel_tool_calls": True}, None, "fg"),
    ],
)
def test_the_choice_of_tools(fields: Any, choice: Any, names: str) -> None:
    body = sent(tools=[tool("f"), tool("g")], **fields)

    assert body.get("tool_choice") == choice
    assert [one["name"] for one in body["tools"]] == list(names)


def test_without_tools_there_is_no_choice() -> None:
    assert not {"tools", "tool_choice"} & sent(tool_choice="auto", parallel_tool_calls=False).keys()


def test_calls_in_the_conversation_keep_their_tools() -> None:
    body = sent(
        messages=[
            user("Go"),
            {"role": "assistant", "content": None, "tool_calls": [call("a")]},
            {"role": "tool", "tool_call_id": "a", "content": "1"},
        ]
    )

    assert [one["name"] for one in body["tools"]] == ["f"]
    assert body["tool_choice"] == {"type": "none"}


SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}},
}
CLOSED = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "a": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": False, "properties": {}},
        }
    },
}


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        (OLD, {"stop": "END"}, {"stop_sequences": ["END"]}),
        (OLD, {"stop": ["A", "\n", "B"]}, {"stop_sequences": ["A", "B"]}),
        (OLD, {"stop": [" "]}, {}),
        (OLD, {"max_tokens": 7}, {"max_tokens": 7}),
        (OLD, {"max_tokens": 7, "max_completion_tokens": 8}, {"max_tokens": 8}),
        (
            OLD,
            {"temperature": 1.7, "top_p": 0.5, "top_k": 4},
            {"temperature": 1, "top_p": 0.5, "top_k": 4},
        ),
        (OLD, {"temperature": -1}, {"temperature": 0}),
        (NEW, {"temperature": 0.5, "top_p": 0.5, "top_k": 4}, {}),
        (OLD, {"user": "u"}, {"metadata": {"user_id": "u"}}),
        (OLD, {"safety_identifier": "s", "user": "u"}, {"metadata": {"user_id": "s"}}),
        (OLD, {"metadata": {"user_id": "m", "x": "y"}}, {"metadata": {"user_id": "m"}}),
        (OLD, {"metadata": {"x": "y"}}, {}),
        (OLD, {"service_tier": "default"}, {"service_tier": "standard_only"}),
        (OLD, {"service_tier": "flex"}, {}),
        (OLD, {"seed": 1, "frequency_penalty": 1, "store": True, "n": 1, "logprobs": False}, {}),
        (OLD, {"response_format": {"type": "text"}}, {}),
        (
            OLD,
            {"response_format": {"type": "json_object"}},
            {"system": "Answer with one JSON object and with nothing else."},
        ),
        (
            OLD,
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": SCHEMA},
                }
            },
            {"output_config": {"format": {"type": "json_schema", "schema": CLOSED}}},
        ),
        (
            NEW,
            {"reasoning_effort": "minimal"},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        ),
        (
            NEW,
            {"reasoning_effort": "xhigh"},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}},
        ),
        (NEW, {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        (NEW, {"reasoning_effort": None}, {}),
        (
            "claude-opus-4-6",
            {"reasoning_effort": "high", "temperature": 0.5},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
        ),
        (
            OLD,
            {"reasoning_effort": "medium", "temperature": 0.5},
            {"thinking": {"type": "enabled", "budget_tokens": 4096}},
        ),
        (
            OLD,
            {"reasoning_effort": "high", "max_tokens": 500},
            {"thinking": {"type": "enabled", "budget_tokens": 16384}, "max_tokens": 16884},
        ),
        (OLD, {"reasoning_effort": "none"}, {}),
        ("glm-4.6", {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        (
            "claude-3-5-haiku-20241022",
            {"reasoning_effort": "high", "temperature": 0.5},
            {"temperature": 0.5},
        ),
        (
            OLD,
            {"reasoning_effort": "high", "thinking": {"type": "enabled", "budget_tokens": 2000}},
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        ),
        (
            NEW,
            {"output_config": {"effort": "max"}, "reasoning_effort": "low"},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}},
        ),
        (OLD, {"inference_geo": "eu", "x_new": 1}, {"inference_geo": "eu", "x_new": 1}),
    ],
)
def test_fields(model: str, fields: Any, expected: Any) -> None:
    plain = sent(model)

    assert sent(model, **fields) == {**plain, **expected}


def test_a_forced_tool_and_a_budget_exclude_each_other() -> None:
    asked = {"reasoning_effort": "high", "tools": [tool()], "tool_choice": "required"}

    assert "thinking" not in sent(OLD, **asked)
    assert sent(NEW, **asked)["thinking"] == {"type": "adaptive"}


def test_results_of_calls_whose_thinking_was_not_kept_are_read_without_thinking() -> None:
    calling = {"role": "assistant", "content": None, "tool_calls": [call("a")]}
    result = {"role": "tool", "tool_call_id": "a", "content": "1"}
    block = {"type": "thinking", "thinking": "", "signature": "x"}
    kept = {**calling, "thinking_blocks": [block]}

    for message, thinks in ((calling, False), (kept, True)):
        body = sent(tools=[tool()], reasoning_effort="low", messages=[user("Go"), message, result])
        assert ("thinking" in body) is thinks


@pytest.mark.parametrize(
    ("model", "thinking", "sampling", "max_tokens"),
    [
        ("claude-opus-4-7", "adaptive", False, 64000),
        ("claude-sonnet-5", "adaptive", False, 64000),
        ("claude-opus-5-20261001", "adaptive", False, 64000),
        ("claude-next-preview", "adaptive", False, 64000),
        ("claude-opus-4-6", "adaptive", True, 64000),
        ("anthropic/claude-haiku-4.5", "budget", True, 64000),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "budget", True, 64000),
        ("claude-sonnet-4-20250514", "budget", True, 32000),
        ("claude-opus-4@20250514", "budget", True, 32000),
        ("claude-3-7-sonnet-latest", "budget", True, 64000),
        ("claude-3-5-haiku-20241022", "", True, 8192),
        ("claude-3-opus-20240229", "", True, 4096),
        ("claude-2.1", "", True, 4096),
        ("glm-4.6", "budget", True, 8192),
    ],
)
def test_families(model: str, thinking: str, sampling: bool, max_tokens: int) -> None:
    assert family(model) == (thinking, sampling, max_tokens)


def test_what_is_dropped_is_named() -> None:
    chat = orjson.dumps(
        {
            "model": "m",
            "messages": [user("Hi")],
            "temperature": 1,
            "seed": 3,
            "store": None,
            "metadata": {"a": "b"},
            "service_tier": "flex",
            "reasoning_effort": "low",
        }
    )
    common = ("seed", "metadata", "service_tier")

    assert exchange(chat, NEW).dropped == (*common, "temperature")
    assert exchange(chat, "claude-3-opus-20240229").dropped == (*common, "reasoning_effort")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "a", "format": "wav"}}, "audio"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"max_tokens": "7"}, "max_tokens"),
        ({"stop": 7}, "stop"),
        ({"stop": [7]}, "stop"),
        ({"temperature": "hot"}, "temperature"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [tool()], "tool_choice": "any"}, "tool_choice"),
        ({"tools": [tool()], "tool_choice": {"type": "function"}}, "tool_choice.function"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [tool(parameters=3)]}, "tools[0].function.parameters"),
        ({"messages": [user("")]}, "messages"),
        ({"messages": [{"role": "function", "name": "f", "content": "1"}]}, "messages[0].role"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]},
            "messages[0].tool_calls[0].function",
        ),
        ({"messages": [{"role": "system", "content": [PICTURE]}]}, "messages[0].content"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(fields: Any, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        sent(**fields)

    assert refused.value.param == param
    assert f"'{param}'" in refused.value.message


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}}, "type"),
        ({"type": "video_url", "video_url": {"url": "https://a"}}, "type"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "file.file_id"),
        ({"type": "image_url", "image_url": {"url": "http://a.example/b"}}, "image_url.url"),
        ({"type": "image_url", "image_url": {"url": "data:image/bmp;base64,xx"}}, "image_url.url"),
        ({"type": "file", "file": {"file_data": "data:text/plain;base64,/w=="}}, "file.file_data"),
    ],
)
def test_a_part_that_cannot_be_said_is_refused_by_name(part: Any, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        sent(messages=[user("Hi"), user([text("x"), part])])

    assert refused.value.param == f"messages[1].content[1].{param}"


def test_no_field_is_both_refused_and_dropped() -> None:
    assert not REFUSED.keys() & DROPPED.keys()


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=6,
)
FIELDS = (
    *("max_tokens", "stop", "temperature", "tools", "tool_choice", "parallel_tool_calls", "user"),
    *("response_format", "reasoning_effort", "thinking", "output_config", "metadata", "n"),
    *("service_tier", "modalities"),
)
SHAPES = (
    lambda value: {
        "tools": [tool()],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": value},
    },
    lambda value: {
        "tools": [tool()],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"tools": value}},
    },
    lambda value: {"tools": [tool()], "tool_choice": {"type": "function", "function": value}},
    lambda value: {"tools": [{"type": "function", "function": value}]},
    lambda value: {"response_format": {"type": "json_schema", "json_schema": value}},
    lambda value: {"response_format": {"type": value}},
    lambda value: {"messages": [{"role": "assistant", "tool_calls": value}]},
    lambda value: {"messages": [{"role": "assistant", "tool_calls": [value]}]},
    lambda value: {"messages": [{"role": "assistant", "thinking_blocks": value}]},
    lambda value: {"messages": [{"role": "assistant", "thinking_blocks": [value]}]},
    lambda value: {
        "messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": value}]}]
    },
    *(lambda value, name=name: {name: value} for name in FIELDS),
)


@given(st.sampled_from(SHAPES), ANY, st.sampled_from((OLD, NEW)))
def test_a_misshapen_field_is_refused_or_sent_but_never_breaks(
    shape: Any, value: Any, model: str
) -> None:
    try:
        sent(model, **shape(value))
    except BadRequest as refused:
        named = refused.param
    else:
        named = "nothing"
    assert named


OBJECTS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("k"), inner),
        max_leaves=5,
    ),
    max_size=4,
)


def fed(reader: AnthropicReader, *events: dict[str, Any]) -> list[dict[str, Any]]:
    return [chunk for event in events for chunk in reader.feed(orjson.dumps(event))]


def delta(index: int, **fields: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def started(index: int = 0, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


START = {
    "type": "message_start",
    "message": {"usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 1}},
}
STOP = {"type": "message_stop"}


@settings(max_examples=60)
@given(OBJECTS)
def test_arguments_survive_both_ways(value: dict[str, Any]) -> None:
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [call("a", orjson.dumps(value).decode())],
    }
    (block,) = turns(user("Go"), message)[1]["content"]
    body = orjson.dumps({"content": [block], "stop_reason": "tool_use"})
    answer = exchange(b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}').answer(
        body, REPLY
    )

    assert block["input"] == value
    (said,) = answer.completion["choices"][0]["message"]["tool_calls"]
    assert orjson.loads(said["function"]["arguments"]) == value


@settings(max_examples=60)
@given(OBJECTS, st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.integers(1, 9))
def test_splits_add_up(value: dict[str, Any], texts: list[str], width: int) -> None:
    raw = orjson.dumps(value).decode() if value else ""
    pieces = [raw[start : start + width] for start in range(0, len(raw), width)]
    reader = AnthropicReader(REPLY, shows_usage=False)
    chunks = fed(
        reader,
        START,
        started(0, type="text", text=""),
        *(delta(0, type="text_delta", text=one) for one in texts),
        {"type": "content_block_stop", "index": 0},
        started(1, type="tool_use", id="a", name="f", input={}),
        *(delta(1, type="input_json_delta", partial_json=one) for one in pieces),
        {"type": "content_block_stop", "index": 1},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use"},
            "usage": {"output_tokens": 5},
        },
        STOP,
    )

    (choice,) = meant(folded(chunks))
    (said_call,) = choice["message"]["tool_calls"]
    assert said_call["function"] == {"name": "f", "arguments": value}
    assert choice["message"]["content"] == ("".join(texts) or None)
    assert choice["finish_reason"] == "tool_calls"
    said = "".join(texts) + (raw or "{}")
    assert reader.text_length == len(said.encode())


@pytest.mark.parametrize(("reason", "finish"), [*FINISH_REASONS.items(), ("new_one", "stop")])
def test_reasons_to_stop(reason: str, finish: str) -> None:
    reader = AnthropicReader(REPLY, shows_usage=False)
    fed(reader, START)
    (chunk,) = fed(reader, {"type": "message_delta", "delta": {"stop_reason": reason}})

    assert chunk["choices"][0]["finish_reason"] == finish
    assert reader.finished
    assert not reader.done


def test_a_stream_that_breaks_off_has_what_went_in_and_an_estimate_of_what_came_out() -> None:
    assert AnthropicReader(REPLY, shows_usage=False).usage is None
    reader = AnthropicReader(REPLY, shows_usage=False)
    fed(reader, START, delta(0, type="text_delta", text="x" * 41))

    assert reader.usage == Usage(100, 11, 90, measured=False)
    assert not reader.finished


def test_the_last_count_replaces_the_first() -> None:
    reader = AnthropicReader(REPLY, shows_usage=False)
    usage = {"input_tokens": None, "output_tokens": 7, "cache_creation_input_tokens": 5}
    fed(
        reader,
        START,
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
    )

    assert reader.usage == Usage(105, 7, 90, cache_write_tokens=5, measured=True)


def test_a_usage_chunk_for_a_whole_answer_to_a_stream() -> None:
    reader = AnthropicReader(REPLY, shows_usage=True)
    reader.usage = Usage(3, 2, 1, measured=True)
    (chunk,) = reader.end(reader.usage)

    openai_schema.chunk(chunk)
    assert chunk["usage"]["prompt_tokens_details"]["cached_tokens"] == 1


def test_an_estimate_is_shown_without_details() -> None:
    (chunk,) = AnthropicReader(REPLY, shows_usage=True).end(Usage(3, 2))

    assert chunk["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_a_stream_of_nothing_is_not_finished() -> None:
    reader = AnthropicReader(REPLY, shows_usage=False)

    assert fed(reader, {"type": "ping"}, STOP) == []
    assert (reader.done, reader.finished) == (True, False)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (
            b'{"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}',
            "overloaded",
        ),
        (b'{"type": "error", "error": {"type": "api_error", "message": "Oh"}}', "broken"),
        (b'{"type": "error"}', "broken"),
        (b'{"error": "words"}', "broken"),
        (b"<html>", "broken"),
        (b"[]", "broken"),
    ],
)
def test_an_error_in_the_middle_of_a_stream(data: bytes, kind: str) -> None:
    reader = AnthropicReader(REPLY, shows_usage=False)
    fed(reader, START)

    with pytest.raises(Failure) as failed:
        reader.feed(data)
    assert failed.value.kind == kind
    assert not reader.finished


def problem(type: str, **fields: Any) -> dict[str, Any]:
    return {"type": "error", "error": {"type": type, "message": "Oh", **fields}, "request_id": "r"}


def spent(code: str) -> dict[str, Any]:
    return problem("rate_limit_error", details={"error_code": code})


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, problem("invalid_request_error"), "bad_request", None),
        (401, problem("authentication_error"), "key", None),
        (402, problem("billing_error"), "quota", None),
        (403, problem("permission_error"), "key", None),
        (404, problem("not_found_error"), "not_found", None),
        (409, problem("conflict_error"), "bad_request", None),
        (413, problem("request_too_large"), "bad_request", "request_too_large"),
        (429, problem("rate_limit_error"), "rate", None),
        (429, spent("enforced_spend_limit_reached"), "quota", "enforced_spend_limit_reached"),
        (429, spent("contract_spend_limit_reached"), "quota", "contract_spend_limit_reached"),
        (429, spent("ramp_limit_exceeded"), "rate", "ramp_limit_exceeded"),
        (500, problem("api_error"), "broken", None),
        (504, problem("timeout_error"), "timeout", None),
        (529, problem("overloaded_error"), "overloaded", None),
        (529, b"", "overloaded", None),
        (429, b"slow", "rate", None),
        (502, b"<html>", "broken", None),
        (400, {"error": "words"}, "bad_request", None),
        (400, [], "bad_request", None),
    ],
)
def test_failures(status: int, body: Any, kind: str, code: str | None) -> None:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    failure = anthropic.failure(status, {"retry-after": "7"}, raw)

    assert (failure.kind, failure.code, failure.status) == (kind, code, status)
    assert failure.retry_after_s == 7
    if isinstance(body, dict):
        assert failure.message == ("Oh" if body.get("type") else "words")
        found = anthropic.error_in(body)
        assert found is not None
        assert not body.get("type") or found.kind == kind


def test_every_type_of_error_is_in_the_table_of_failures() -> None:
    assert len(ERRORS) == 11


def test_an_answer_is_no_failure() -> None:
    assert anthropic.error_in({"type": "message", "content": []}) is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (orjson.dumps(problem("overloaded_error")), "overloaded"),
        (b'{"type": "message"}', "broken"),
        (b"<html>", "broken"),
        (b"[]", "broken"),
    ],
)
def test_a_200_that_is_no_answer(body: bytes, kind: str) -> None:
    asked = exchange(b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}')

    with pytest.raises(Failure) as failed:
        asked.answer(body, REPLY)
    assert failed.value.kind == kind


def test_model_names() -> None:
    body = {"data": [{"id": "claude-x", "type": "model"}, {"id": "claude-y"}], "has_more": False}

    assert anthropic.model_names(orjson.dumps(body)) == ["claude-x", "claude-y"]
    with pytest.raises(Failure):
        anthropic.model_names(b"{}")


@pytest.mark.parametrize(
    ("version", "model", "sent", "left_out"),
    [
        ("", "claude-sonnet-4-5", "2023-06-01", ()),
        ("2023-06-01", "claude-sonnet-4-5", "2023-06-01", ()),
        ("2026-10-21", "claude-sonnet-4-5", "2026-10-21", ("temperature", "top_p")),
        ("", "claude-opus-4-7", "2023-06-01", ("temperature", "top_p")),
    ],
)
def test_both_versions_of_the_api_are_spoken(
    version: str, model: str, sent: str, left_out: tuple[str, ...]
) -> None:
    dialect = replace(PLAIN, api_version=version)
    where = Route(PLATFORM, "public", model, "chat", FREE, dialect)
    chat = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}

    exchange = Anthropic().chat({**chat, "temperature": 0.5, "top_p": 0.9}, where)

    assert exchange.request.headers == (("anthropic-version", sent),)
    assert exchange.dropped == left_out
    assert isinstance(exchange.request.body, bytes)
    said = orjson.loads(exchange.request.body)
    assert {"temperature", "top_p"} - said.keys() == set(left_out)
