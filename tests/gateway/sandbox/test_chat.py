"""The sandbox answers as an OpenAI-compatible service would, and counts its tokens honestly."""

from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings, strategies as st

from gateway.sandbox import SandboxTransport
from gateway.sandbox.answers import Pace
from gateway.sandbox.replies import tokens
from tests import openai_schema

QUICK = Pace(token_s=0, slow_first_s=0, slow_token_s=0)
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


async def ask(method: str = "POST", path: str = "chat/completions", **chat: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=SandboxTransport(QUICK)) as client:
        url = f"sandbox://local/v1/{path}"
        return await client.request(method, url, json=chat if method == "POST" else None)


def said(text: str = "Hello") -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


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
            "tools": st.sampled_from([[WEATHER], [WEATHER, TIME]]),
            "tool_choice": st.sampled_from(["auto", "none", "required"]),
            "response_format": st.just({"type": "json_object"}),
        },
    ),
)
async def test_a_stream_adds_up_to_the_blocking_answer(text: str, over: Any) -> None:
    whole = await blocking(messages=said(text), **over)
    chunks = await streamed(messages=said(text), **over)

    assert folded(chunks) == flat(whole)
    assert chunks[-1]["usage"] == whole["usage"]


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


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("sandbox-429", 429, "rate_limit_exceeded"),
        ("sandbox-quota", 429, "insufficient_quota"),
        ("sandbox-401", 401, "invalid_api_key"),
        ("sandbox-500", 500, None),
        ("gpt-9", 404, "model_not_found"),
    ],
)
async def test_failures_by_name(model: str, status: int, code: str | None) -> None:
    response = await ask(model=model, messages=said())

    openai_schema.error(response.json())
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("stream", [True, False])
async def test_sandbox_cut_breaks_off(stream: bool) -> None:
    with pytest.raises(httpx.ReadError):
        await ask(model="sandbox-cut", messages=said(), stream=stream)


async def test_models_are_listed() -> None:
    response = await ask("GET", "models")

    openai_schema.model_list(response.json())
    assert "sandbox-chat" in [model["id"] for model in response.json()["data"]]


async def test_other_paths_are_a_404() -> None:
    assert (await ask("GET", "nothing")).status_code == 404
