"""A request is refused by the field that is wrong, and whatever passes can be answered."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from gateway.sandbox import replies
from gateway.sandbox.checks import Refused, check

SAID = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "weather"}}


def chat(**over: Any) -> dict[str, Any]:
    return {"model": "sandbox-chat", "messages": SAID, **over}


def parts(*content: Any) -> dict[str, Any]:
    return chat(messages=[{"role": "user", "content": list(content)}])


def tools(function: Any, **over: Any) -> dict[str, Any]:
    return chat(tools=[{"type": "function", "function": function}], **over)


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ([], None, "invalid_type"),
        ({}, "model", "missing_required_parameter"),
        (chat(model=["m"]), "model", "invalid_type"),
        ({"model": "m"}, "messages", "missing_required_parameter"),
        (chat(messages=[]), "messages", "invalid_value"),
        (chat(messages=["x"]), "messages[0]", "invalid_type"),
        (chat(messages=[*SAID, {}]), "messages[1].role", "missing_required_parameter"),
        (chat(messages=[{"role": "user", "content": 5}]), "messages[0].content", "invalid_type"),
        (parts("x"), "messages[0].content[0]", "invalid_type"),
        (parts({"text": "x"}), "messages[0].content[0].type", "missing_required_parameter"),
        (
            parts({"type": "text", "text": 1}),
            "messages[0].content[0].text",
            "invalid_type",
        ),
        (
            parts({"type": "image_url", "image_url": "https://example.com"}),
            "messages[0].content[0].image_url",
            "invalid_type",
        ),
        (
            parts({"type": "input_audio", "input_audio": {"format": "wav"}}),
            "messages[0].content[0].input_audio.data",
            "missing_required_parameter",
        ),
        (
            parts({"type": "file", "file": {"file_data": 4}}),
            "messages[0].content[0].file.file_data",
            "invalid_type",
        ),
        (chat(n=0), "n", "invalid_value"),
        (chat(n=True), "n", "invalid_type"),
        (chat(max_tokens=0), "max_tokens", "invalid_value"),
        (chat(max_completion_tokens="5"), "max_completion_tokens", "invalid_type"),
        (chat(stop=["a", 5]), "stop[1]", "invalid_type"),
        (chat(stream=1), "stream", "invalid_type"),
        (chat(stream=True, stream_options="x"), "stream_options", "invalid_type"),
        (chat(tools=["x"]), "tools[0]", "invalid_type"),
        (chat(tools=[TOOL] * 129), "tools", "invalid_value"),
        (tools("x"), "tools[0].function", "invalid_type"),
        (tools({}), "tools[0].function.name", "missing_required_parameter"),
        (tools({"name": "a b"}), "tools[0].function.name", "invalid_value"),
        (tools({"name": "a", "parameters": []}), "tools[0].function.parameters", "invalid_type"),
        (chat(tool_choice="required"), "tool_choice", "invalid_value"),
        (chat(tool_choice="all", tools=[TOOL]), "tool_choice", "invalid_value"),
        (
            chat(tool_choice={"type": "function", "function": {"name": "x"}}, tools=[TOOL]),
            "tool_choice",
            "invalid_value",
        ),
        (chat(response_format="json"), "response_format", "invalid_type"),
        (chat(response_format={"type": "xml"}), "response_format.type", "invalid_value"),
        (
            chat(response_format={"type": "json_schema"}),
            "response_format.json_schema",
            "missing_required_parameter",
        ),
    ],
)
def test_the_field_that_is_wrong_is_named(body: Any, param: str | None, code: str) -> None:
    with pytest.raises(Refused) as refused:
        check(body)

    assert (refused.value.param, refused.value.code) == (param, code)
    assert param is None or f"'{param}'" in refused.value.message


@pytest.mark.parametrize(
    "body",
    [
        chat(n=None, stop=None, max_tokens=None, tools=None, response_format=None),
        chat(messages=[{"role": "assistant", "content": None, "tool_calls": []}]),
        chat(tools=[{"type": "custom", "custom": {"name": "x"}}]),
        chat(stop=["a", "b"], n=8, temperature=0.5, anything={"else": 1}),
        parts({"type": "video_url", "video_url": 5}),
    ],
)
def test_what_is_right_or_unknown_passes(body: dict[str, Any]) -> None:
    assert check(body) is body


WORDS = """messages role content type text image_url url file file_data input_audio data format
    tools function name parameters tool_choice response_format json_schema schema stop n max_tokens
    tool_calls user required object weather tool data:image/png;base64,é stream_options"""
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(WORDS.split()),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(WORDS.split()), inner)
    ),
    max_leaves=10,
)
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image_url", "file", "input_audio", "refusal"])},
    optional={"text": ANY, "image_url": ANY, "file": ANY, "input_audio": ANY},
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "tool", "assistant"])},
    optional={"content": st.lists(PART, max_size=2) | ANY, "tool_calls": ANY},
)
CHAT = st.fixed_dictionaries(
    {"model": st.just("sandbox-chat"), "messages": st.lists(MESSAGE | ANY, max_size=2)},
    optional=dict.fromkeys(
        ("tools", "tool_choice", "response_format", "stop", "n", "max_tokens"), ANY
    ),
)


@settings(max_examples=300)
@given(CHAT | ANY)
def test_whatever_passes_can_be_answered(body: Any) -> None:
    with contextlib.suppress(Refused):  # the only exception that may come
        passed = check(body)
        replies.prompt_tokens(passed)
        replies.reply(passed)
