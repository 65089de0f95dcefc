"""The sandbox fails as its models' names promise, and refuses what no platform would take."""

import httpx
import orjson
import pytest

from tests import openai_schema
from tests.gateway.sandbox.asking import URL, ask, client, said

COMPLETIONS = f"{URL}/chat/completions"


@pytest.mark.parametrize(
    ("model", "status", "type", "code"),
    [
        ("sandbox-429", 429, "rate_limit_error", "rate_limit_exceeded"),
        ("sandbox-quota", 429, "insufficient_quota", "insufficient_quota"),
        ("sandbox-401", 401, "invalid_request_error", "invalid_api_key"),
        ("sandbox-500", 500, "server_error", None),
        ("gpt-9", 404, "invalid_request_error", "model_not_found"),
    ],
)
async def test_failures_by_name(model: str, status: int, type: str, code: str | None) -> None:
    response = await ask(model=model, messages=said())

    openai_schema.error(response.json())
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (status, type, code)


async def test_only_the_rate_limit_says_when_to_come_back() -> None:
    limited, spent = [
        await ask(model=model, messages=said()) for model in ("sandbox-429", "sandbox-quota")
    ]

    assert limited.headers["retry-after"] == "1"
    assert "retry-after" not in spent.headers


async def test_sandbox_html_is_a_page() -> None:
    response = await ask(model="sandbox-html", messages=said())

    assert (response.status_code, response.headers["content-type"]) == (502, "text/html")
    assert response.text.startswith("<html>")


@pytest.mark.parametrize("stream", [True, False])
async def test_sandbox_cut_breaks_off_in_the_middle(stream: bool) -> None:
    seen = b""
    chat = {"model": "sandbox-cut", "messages": said(), "stream": stream}
    async with client() as sandbox, sandbox.stream("POST", COMPLETIONS, json=chat) as response:
        with pytest.raises(httpx.ReadError):
            async for piece in response.aiter_bytes():
                seen += piece

    assert seen
    assert b"DONE" not in seen
    if not stream:
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(seen)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"\xff", "invalid_json"),
        (b"[]", "invalid_type"),
        (b'{"model":"sandbox-chat"}', "missing_required_parameter"),
        (b'{"model":"sandbox-500","messages":[]}', "invalid_value"),
    ],
)
async def test_a_bad_body_is_a_400(content: bytes, code: str) -> None:
    async with client() as sandbox:
        response = await sandbox.post(COMPLETIONS, content=content)

    openai_schema.error(response.json())
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)


async def test_a_schema_without_an_example_is_a_400_that_names_it() -> None:
    parameters = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    tool = {"type": "function", "function": {"name": "loop", "parameters": parameters}}

    response = await ask(
        model="sandbox-chat", messages=said(), tools=[tool], tool_choice="required"
    )

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "tools.loop.parameters"
