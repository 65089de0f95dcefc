"""The official Python SDK as the judge: everything a client does, against a running server."""

import base64
import json
from typing import Any

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from tests import openai_schema
from tests.live.server import Server

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers-python")]
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(50)).decode()


@pytest.fixture
def client(live: Server) -> OpenAI:
    return sdk(live)


def sdk(live: Server, platform: str = "sandbox", **over: Any) -> OpenAI:
    options = {"api_key": live.key, "max_retries": 0, **over}
    return OpenAI(base_url=f"{live.url}/{platform}/v1", **options)


def test_blocking(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="sandbox-chat", messages=HELLO)
    completion = raw.parse()

    openai_schema.completion(json.loads(raw.text))
    assert completion.id == raw.headers["x-request-id"]
    assert completion.choices[0].message.content == (
        "This is the sandbox: no model was asked. You said: Hello"
    )
    assert completion.usage is not None
    assert completion.usage.total_tokens == 15


def test_streaming_with_usage(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="sandbox-chat", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )

    chunks = list(stream)

    for chunk in chunks:
        openai_schema.chunk(chunk.model_dump(mode="json", exclude_unset=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text.endswith("You said: Hello")
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 14


def test_streaming_helper_adds_up(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model="sandbox-chat", messages=[{"role": "user", "content": "weather"}], tools=[WEATHER]
    ) as stream:
        completion = stream.get_final_completion()

    [call] = completion.choices[0].message.tool_calls or []
    assert (call.function.name, call.function.arguments) == ("weather", '{"city":"sandbox"}')


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_loop(client: OpenAI, streamed: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather?"}]
    if streamed:
        with client.chat.completions.stream(
            model="sandbox-chat", messages=messages, tools=[WEATHER]
        ) as stream:
            message = stream.get_final_completion().choices[0].message
    else:
        first = client.chat.completions.create(
            model="sandbox-chat", messages=messages, tools=[WEATHER]
        )
        assert first.choices[0].finish_reason == "tool_calls"
        message = first.choices[0].message  # type: ignore[assignment]
    [call] = message.tool_calls or []
    messages += [
        message.model_dump(exclude_none=True, include={"role", "tool_calls"}),
        {"role": "tool", "tool_call_id": call.id, "content": "Rain in Köln"},
    ]

    second = client.chat.completions.create(
        model="sandbox-chat", messages=messages, tools=[WEATHER]
    )

    assert "Rain in Köln" in (second.choices[0].message.content or "")


def test_pictures_files_and_sounds(client: OpenAI) -> None:
    parts: Any = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "image_url", "image_url": {"url": PIXEL}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": PIXEL}},
        {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
    ]

    completion = client.chat.completions.create(
        model="sandbox-chat", messages=[{"role": "user", "content": parts}]
    )

    content = completion.choices[0].message.content or ""
    assert content.count("image/png, 58 bytes") == 3
    assert "a.pdf" in content
    assert "wav, 58 bytes" in content


def test_structured_output(client: OpenAI) -> None:
    class Weather(BaseModel):
        city: str
        degrees: int

    completion = client.chat.completions.parse(
        model="sandbox-chat", messages=HELLO, response_format=Weather
    )

    assert completion.choices[0].message.parsed == Weather(city="sandbox", degrees=1)


def test_models(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]

    assert "sandbox-chat" in names
    assert client.models.retrieve("sandbox-chat").owned_by == "sandbox"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("org/none")


@pytest.mark.parametrize(
    ("model", "error", "status", "code"),
    [
        ("sandbox-429", openai.RateLimitError, 429, "rate_limit_exceeded"),
        ("sandbox-500", openai.InternalServerError, 502, "upstream_error"),
        ("sandbox-401", openai.InternalServerError, 502, "upstream_credential_refused"),
        ("sandbox-quota", openai.InternalServerError, 503, "upstream_quota_exhausted"),
        ("sandbox-html", openai.InternalServerError, 502, "upstream_error"),
        ("sandbox-cut", openai.InternalServerError, 502, "upstream_error"),
        ("none", openai.NotFoundError, 404, "model_not_found"),
    ],
)
def test_failures_of_the_platform(
    client: OpenAI, model: str, error: type[openai.APIStatusError], status: int, code: str
) -> None:
    with pytest.raises(error) as caught:
        client.chat.completions.create(model=model, messages=HELLO)

    assert (caught.value.status_code, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    ("over", "platform", "error"),
    [
        ({"api_key": "tk-wrong"}, "sandbox", openai.AuthenticationError),
        ({}, "nowhere", openai.NotFoundError),
    ],
)
def test_failures_of_the_call(live: Server, over: Any, platform: str, error: Any) -> None:
    with pytest.raises(error):
        sdk(live, platform, **over).chat.completions.create(model="m", messages=HELLO)


def test_a_bad_request_names_its_field(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="sandbox-chat", messages=[])

    assert caught.value.param == "messages"


def test_a_forbidden_model(live: Server) -> None:
    script = "from licences.issuing import issue\nresult = issue(name='b', model_patterns=['x'])[1]"
    key = live.query(script)

    with pytest.raises(openai.PermissionDeniedError):
        sdk(live, api_key=key).chat.completions.create(model="sandbox-chat", messages=HELLO)


def test_a_cut_stream_raises(client: OpenAI) -> None:
    stream = client.chat.completions.create(model="sandbox-cut", messages=HELLO, stream=True)

    with pytest.raises(openai.APIError, match=r"cut off|broke off"):
        list(stream)


def test_rate_limits_are_tried_again_by_the_sdk(live: Server) -> None:
    patient = sdk(live, max_retries=1)

    with pytest.raises(openai.RateLimitError) as caught:
        patient.chat.completions.create(model="sandbox-429", messages=HELLO)

    assert caught.value.request.headers["x-stainless-retry-count"] == "1"


def test_readme_snippet(live: Server, capsys: pytest.CaptureFixture[str]) -> None:
    import re
    from pathlib import Path

    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    [snippet] = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    snippet = snippet.replace("http://127.0.0.1:8000", live.url).replace("tk-…", live.key)

    exec(snippet, {})  # the reader's own words

    assert "You said: Hello" in capsys.readouterr().out


def test_embeddings(client: OpenAI) -> None:
    near, far = "the cat sat on the mat", "stocks fell sharply today"

    def likeness(one: list[float], other: list[float]) -> float:
        return sum(a * b for a, b in zip(one, other, strict=True))

    answer = client.embeddings.create(
        model="sandbox-embedding", input=["a cat on a mat", near, far], dimensions=128
    )
    floats = client.embeddings.create(
        model="sandbox-embedding", input=near, dimensions=128, encoding_format="float"
    )

    vectors = [row.embedding for row in answer.data]
    assert likeness(vectors[0], vectors[1]) > likeness(vectors[0], vectors[2])
    assert floats.data[0].embedding == pytest.approx(vectors[1])
    assert answer.usage.total_tokens > 10
