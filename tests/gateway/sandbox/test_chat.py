"""The sandbox answers as an OpenAI-compatible service would, and counts its tokens honestly."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings, strategies as st

from gateway.sandbox.replies import tokens
from tests import openai_schema
from tests.gateway.sandbox.asking import ask, said

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
TIME = {"type": "function", "function": {"name": "time"}}


async def blocking(**chat: Any) -> dict[str, Any]:
    response = await ask(**{"model": "sandbox-chat", "messages": said(), **chat})
    body: dict[str, Any] = response.json()
    openai_schema.completion(body)
    return body


async def streamed(**chat: Any) -> list[dict[str, Any]]:
    response = await ask(
        **{"model": "sandbox-chat", "messages": said(), **chat},
        stream=True,
        stream_options={"include_usage": True},
    )
    *events, end, rest = response.text.split("\n\n")
    assert (end, rest) == ("data: [DONE]", "")
    chunks = [orjson.loads(event.removeprefix("data: ")) for event in events]
    for chunk in chunks:
        openai_schema.chunk(chunk)
    return chunks


def folded(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The choices that the chunks add up to."""
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            into = choices.setdefault(choice["index"], {"content": "", "calls": {}, "reason": None})
            delta = choice["delta"]
            into["content"] += delta.get("content") or ""
            for call in delta.get("tool_calls", ()):
                known = into["calls"].setdefault(call["index"], {"id": "", "name": "", "args": ""})
                known["id"] += call.get("id", "")
                known["name"] += call["function"].get("name", "")
                known["args"] += call["function"]["arguments"]
            into["reason"] = choice["finish_reason"] or into["reason"]
    return [choices[index] for index in sorted(choices)]


def flat(completion: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "content": choice["message"]["content"] or "",
            "calls": {
                number: {
                    "id": call["id"],
                    "name": call["function"]["name"],
                    "args": call["function"]["arguments"],
                }
                for number, call in enumerate(choice["message"].get("tool_calls", ()))
            },
            "reason": choice["finish_reason"],
        }
        for choice in completion["choices"]
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.text(max_size=60),
    st.fixed_dictionaries(
        {},
        optional={
            "n": st.integers(1, 3),
            "max_tokens": st.integers(1, 20),
            "stop": st.sampled_from([".", ["said", "is"], " "]),
            "response_format": st.just({"type": "json_object"}),
        },
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "tools": st.sampled_from([[WEATHER], [WEATHER, TIME]]),
            "tool_choice": st.sampled_from(["auto", "none"]),
        },
    )
    | st.just({"tools": [WEATHER, TIME], "tool_choice": "required"}),
)
async def test_a_stream_adds_up_to_the_blocking_answer(text: str, over: Any, tools: Any) -> None:
    over = {**over, **tools}

    whole = await blocking(messages=said(text), **over)
    chunks = await streamed(messages=said(text), **over)

    assert folded(chunks) == flat(whole)
    assert chunks[-1]["usage"] == whole["usage"]


@pytest.mark.parametrize("options", [{}, {"include_usage": False}, None])
async def test_usage_is_in_no_chunk_unless_asked_for(options: Any) -> None:
    response = await ask(model="sandbox-chat", messages=said(), stream=True, stream_options=options)

    assert "usage" not in response.text


async def test_every_earlier_chunk_says_that_usage_is_to_come() -> None:
    *earlier, last = await streamed()

    assert all(chunk["usage"] is None for chunk in earlier)
    assert last["choices"] == []


async def test_the_streamed_pieces_are_the_counted_ones() -> None:
    chunks = await streamed(messages=said("Grüße, 世界!"))

    pieces = [
        choice["delta"]["content"]
        for chunk in chunks
        for choice in chunk["choices"]
        if choice["delta"].get("content")
    ]
    assert chunks[-1]["usage"]["completion_tokens"] == len(pieces)


async def test_what_was_called_and_offered_counts_as_prompt() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    history = [*said(), {"role": "assistant", "content": None, "tool_calls": [call]}]

    counts = [
        (await blocking(**over))["usage"]["prompt_tokens"]
        for over in ({}, {"messages": history}, {"messages": history, "tools": [WEATHER]})
    ]

    assert counts == sorted(set(counts))


@pytest.mark.parametrize(
    ("over", "reason", "content"),
    [
        ({"max_tokens": 3}, "length", "This is the"),
        ({"max_completion_tokens": 3, "max_tokens": 9}, "length", "This is the"),
        ({"stop": "sandbox"}, "stop", "This is the "),
        ({"stop": ["no model", "is"]}, "stop", "Th"),
    ],
)
async def test_limits_and_stops_are_honoured(over: Any, reason: str, content: str) -> None:
    choice = (await blocking(**over))["choices"][0]

    assert (choice["finish_reason"], choice["message"]["content"]) == (reason, content)


async def test_a_huge_prompt_is_counted_whole_and_quoted_in_part() -> None:
    text = {"type": "text", "text": "word " * 100_000}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

    body = await blocking(messages=[{"role": "user", "content": [text, picture]}])

    content = body["choices"][0]["message"]["content"]
    assert body["usage"]["prompt_tokens"] > 100_000
    assert len(content) < 10_000
    assert content.endswith("… You sent a picture (image/png, 3 bytes).")


@given(st.text())
def test_tokens_are_all_of_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text


async def test_it_says_what_it_is_and_what_it_got() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    file = {
        "type": "file",
        "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
    }
    sound = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
    text = {"type": "text", "text": "Look"}

    body = await blocking(messages=[{"role": "user", "content": [text, picture, file, sound]}])

    content = body["choices"][0]["message"]["content"]
    for part in ("This is the sandbox", "Look", "image/png, 3 bytes", "a.pdf", "wav, 3 bytes"):
        assert part in content


@pytest.mark.parametrize(
    ("over", "names"),
    [
        ({"messages": said("What is the weather?")}, ["weather"]),
        ({"messages": said("weather and time")}, ["weather", "time"]),
        ({"messages": said("weather and time"), "parallel_tool_calls": False}, ["weather"]),
        ({"tool_choice": "required"}, ["weather"]),
        ({"tool_choice": {"type": "function", "function": {"name": "time"}}}, ["time"]),
        ({"messages": said("weather"), "tool_choice": "none"}, []),
        ({}, []),
    ],
)
async def test_tools_are_called_by_the_rule(over: Any, names: list[str]) -> None:
    body = await blocking(tools=[WEATHER, TIME], **over)

    choice = body["choices"][0]
    calls = choice["message"].get("tool_calls", [])
    assert [call["function"]["name"] for call in calls] == names
    assert choice["finish_reason"] == ("tool_calls" if names else "stop")
    if names and names[0] == "weather":
        assert orjson.loads(calls[0]["function"]["arguments"]) == {"city": "sandbox"}


async def test_a_tools_answer_is_quoted() -> None:
    messages = [*said("weather"), {"role": "tool", "tool_call_id": "c", "content": "Rain"}]

    body = await blocking(tools=[WEATHER], messages=messages)

    assert "Rain" in body["choices"][0]["message"]["content"]


async def test_a_schema_is_satisfied() -> None:
    schema = WEATHER["function"]["parameters"]  # type: ignore[index]
    wanted = {"type": "json_schema", "json_schema": {"name": "w", "schema": schema}}

    body = await blocking(response_format=wanted)

    assert orjson.loads(body["choices"][0]["message"]["content"]) == {"city": "sandbox"}


async def test_models_are_listed() -> None:
    response = await ask("GET", "models")

    openai_schema.model_list(response.json())
    listed = [model["id"] for model in response.json()["data"]]
    assert {"sandbox-chat", "sandbox-image", "sandbox-video"} <= set(listed)
    assert len(listed) == len(set(listed))


async def test_other_paths_are_a_404() -> None:
    assert (await ask("GET", "nothing")).status_code == 404
