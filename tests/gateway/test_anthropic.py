"""A platform that speaks Anthropic's protocol, through a whole site with an OpenAI client."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from platforms.models import CatalogueVersion, Platform
from tests import openai_schema
from tests.gateway.conftest import SECRET, Site
from tests.upstreams import answer, byte_by_byte, stream

CASES = Path(__file__).parents[1] / "transcripts/anthropic"


@pytest.fixture
async def claude(site: Site) -> Site:
    await Platform.objects.aupdate(protocol="anthropic", auth_style="x-api-key")
    await CatalogueVersion.objects.aupdate(number=99)
    await site.reload()
    return site


def whole(case: str) -> Any:
    return orjson.loads((CASES / f"whole-{case}/upstream.json").read_bytes())


def events(case: str) -> bytes:
    return (CASES / f"stream-{case}/upstream.sse").read_bytes()


def chunks(text: str) -> list[Any]:
    lines = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else orjson.loads(line) for line in lines]


async def test_a_chat_is_answered_as_openai_would(claude: Site) -> None:
    claude.upstream.default = answer(whole("tools"))

    response = await claude.chat(tools=[{"type": "function", "function": {"name": "weather"}}])

    body = response.json()
    openai_schema.completion(body)
    assert body["choices"][0]["finish_reason"] == "tool_calls"
    sent = claude.upstream.requests[0]
    assert (sent.path, sent.headers["x-api-key"]) == ("/v1/messages", SECRET)
    assert sent.headers["anthropic-version"] == "2023-06-01"
    assert sent.json["tools"][0]["name"] == "weather"
    [record] = await claude.records(1)
    assert record.prompt_tokens == body["usage"]["prompt_tokens"]
    assert record.measured


@pytest.mark.parametrize("case", ["tools", "thinking", "text"])
async def test_a_stream_in_any_pieces_is_the_same_stream(claude: Site, case: str) -> None:
    claude.upstream.plays = [stream(events(case)), byte_by_byte(events(case))]

    first, second = [
        (await claude.chat(stream=True, stream_options={"include_usage": True})).text
        for _number in range(2)
    ]

    *seen, done = chunks(first)
    assert done == "[DONE]"
    for chunk in seen:
        openai_schema.chunk(chunk)
    plain = [{**chunk, "id": "", "created": 0} for chunk in seen]
    assert plain == [{**chunk, "id": "", "created": 0} for chunk in chunks(second)[:-1]]
    records = await claude.records(2)
    assert {record.completion_tokens for record in records} == {
        seen[-1]["usage"]["completion_tokens"]
    }


async def test_a_cut_stream_never_ends_cleanly(claude: Site) -> None:
    data = events("text")
    claude.upstream.default = stream(data[: len(data) // 2], end=False)

    *_chunks, last = chunks((await claude.chat(stream=True)).text)

    openai_schema.error(last)
    [record] = await claude.records(1)
    assert record.outcome == "truncated"


@pytest.mark.parametrize(
    ("status", "kind", "told", "code"),
    [
        (401, "authentication_error", 502, "upstream_credential_refused"),
        (429, "rate_limit_error", 429, "rate_limit_exceeded"),
        (529, "overloaded_error", 503, "server_is_overloaded"),
        (404, "not_found_error", 404, "model_not_found"),
        (500, "api_error", 502, "upstream_error"),
    ],
)
async def test_its_errors_are_told_in_openais_shape(
    claude: Site, status: int, kind: str, told: int, code: str
) -> None:
    body = {"type": "error", "error": {"type": kind, "message": "Not now."}}
    claude.upstream.default = answer(body, status)

    response = await claude.chat()

    openai_schema.error(response.json())
    assert (response.status_code, response.json()["error"]["code"]) == (told, code)


async def test_its_models_are_listed(claude: Site) -> None:
    claude.upstream.default = answer({"data": [{"id": "claude-x", "type": "model"}]})

    response = await claude.client.get("/acme/v1/models", headers=claude.headers())

    openai_schema.model_list(response.json())
    assert [row["id"] for row in response.json()["data"]] == ["claude-x"]
    assert claude.upstream.requests[0].path == "/v1/models?limit=1000"
