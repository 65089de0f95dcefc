"""Anthropic's and Google's own SDKs as judges: what they do beside tools, over each protocol."""

import base64
from typing import Any

import anthropic
import pytest
from google.genai import errors, types

from platforms.models import CatalogueVersion, Platform
from tests.gateway.conftest import Site
from tests.gateway.media.pictures import png
from tests.gateway.test_tool_loops import sdk
from tests.upstreams import answer, chunk, completion, sse, stream

pytestmark = [
    pytest.mark.peers,
    # Said of google-genai by aiohttp.
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession"),
]
USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 9,
    "total_tokens": 39,
    "prompt_tokens_details": {"cached_tokens": 20},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
PICTURE = base64.b64encode(png()).decode()


async def speaks(site: Site, protocol: str) -> None:
    await Platform.objects.aupdate(protocol=protocol)
    await CatalogueVersion.objects.aupdate(number=99)
    await site.reload()


def said() -> Any:
    return stream(
        sse(chunk(delta={"role": "assistant"})),
        sse(chunk("Hel")),
        sse(chunk("lo")),
        sse(chunk(reason="stop")),
        sse(chunk(choices=[], usage=USAGE)),
        b"data: [DONE]\n\n",
    )


@pytest.mark.parametrize("streamed", [False, True])
async def test_claudes_client_talks_to_a_platform_of_openais(site: Site, streamed: bool) -> None:
    site.upstream.default = said() if streamed else answer(completion("Hello", usage=USAGE))
    source: Any = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    content: Any = [{"type": "text", "text": "Look"}, {"type": "image", "source": source}]
    asked: dict[str, Any] = {
        "model": "m-1",
        "max_tokens": 100,
        "system": "Be brief.",
        "stop_sequences": ["END"],
        "extra_body": {"top_k": 5},
        "messages": [{"role": "user", "content": content}],
    }

    async with sdk("anthropic", site) as client:
        if streamed:
            async with client.messages.stream(**asked) as events:
                pieces = [piece async for piece in events.text_stream]
                message = await events.get_final_message()
            assert "".join(pieces) == "Hello"
        else:
            message = await client.messages.create(**asked)

    assert message.content[0].text == "Hello"
    assert (message.stop_reason, message.model, message.id[:4]) == ("end_turn", "m-1", "msg_")
    used = message.usage
    assert (used.input_tokens, used.cache_read_input_tokens, used.output_tokens) == (10, 20, 9)
    sent = site.upstream.requests[0].json
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert sent["messages"][1]["content"][1]["image_url"]["url"].startswith("data:image/png;base64")
    assert (sent["stop"], sent["max_tokens"], "top_k" in sent) == (["END"], 100, False)


@pytest.mark.parametrize("streamed", [False, True])
async def test_googles_client_talks_to_a_platform_of_openais(site: Site, streamed: bool) -> None:
    site.upstream.default = said() if streamed else answer(completion("Hello", usage=USAGE))
    picture = types.Part.from_bytes(data=png(), mime_type="image/png")
    asked: dict[str, Any] = {
        "model": "m-1",
        "contents": [types.Content(role="user", parts=[types.Part(text="Look"), picture])],
        "config": types.GenerateContentConfig(
            system_instruction="Be brief.", stop_sequences=["END"], max_output_tokens=100
        ),
    }

    async with sdk("genai", site) as client:
        if streamed:
            pieces = [one async for one in await client.models.generate_content_stream(**asked)]
            text, last = "".join(piece.text or "" for piece in pieces), pieces[-1]
        else:
            last = await client.models.generate_content(**asked)
            text = last.text

    assert text == "Hello"
    assert last.candidates[0].finish_reason == "STOP"
    used = last.usage_metadata
    assert (used.prompt_token_count, used.cached_content_token_count) == (30, 20)
    assert (used.candidates_token_count, used.thoughts_token_count) == (4, 5)
    sent = site.upstream.requests[0].json
    assert sent["messages"][0] == {"role": "system", "content": "Be brief."}
    assert sent["messages"][1]["content"][1]["image_url"]["url"].startswith("data:image/png;base64")
    assert (sent["stop"], sent["max_tokens"]) == (["END"], 100)


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, anthropic.BadRequestError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
    ],
)
@pytest.mark.parametrize("protocol", ["openai", "anthropic", "gemini"])
async def test_claudes_client_raises_what_its_users_expect(
    site: Site, protocol: str, status: int, raised: type[Exception]
) -> None:
    await speaks(site, protocol)
    site.configure(queue_s=0.1)  # after a 429 the only credential rests
    site.upstream.default = answer({"error": {"message": "No.", "code": status}}, status)

    async with sdk("anthropic", site) as client:
        with pytest.raises(raised) as caught:
            await client.messages.create(
                model="m-1", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
            )

    assert isinstance(caught.value, anthropic.APIStatusError)
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"


async def test_claudes_client_is_told_of_a_wrong_licence(site: Site) -> None:
    site.key = "tk-wrong"

    async with sdk("anthropic", site) as client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(
                model="m-1", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
            )


@pytest.mark.parametrize("status", [400, 429, 500])
@pytest.mark.parametrize("protocol", ["openai", "anthropic", "gemini"])
async def test_googles_client_raises_what_its_users_expect(
    site: Site, protocol: str, status: int
) -> None:
    await speaks(site, protocol)
    site.upstream.default = answer({"error": {"message": "No.", "code": status}}, status)

    async with sdk("genai", site) as client:
        kind = errors.ServerError if status == 500 else errors.ClientError
        with pytest.raises(kind) as caught:
            await client.models.generate_content(model="m-1", contents="Hi")

    assert caught.value.code == (502 if status == 500 else status)


@pytest.mark.parametrize("protocol", ["openai", "anthropic", "gemini"])
async def test_a_stream_that_is_cut_is_no_answer_for_either(site: Site, protocol: str) -> None:
    await speaks(site, protocol)
    begun = {
        "openai": sse(chunk("Hel")),
        "anthropic": (
            b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1",'
            b'"type":"message","role":"assistant","model":"m","content":[],"usage":{}}}\n\n'
        ),
        "gemini": b'data: {"candidates":[{"content":{"parts":[{"text":"Hel"}]},"index":0}]}\n\n',
    }[protocol]
    site.upstream.default = stream(begun, end=False)

    async with sdk("anthropic", site) as claude, sdk("genai", site) as google:
        with pytest.raises(anthropic.APIError):
            async with claude.messages.stream(
                model="m-1", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
            ) as events:
                await events.get_final_message()
        with pytest.raises(errors.APIError):
            async for _ in await google.models.generate_content_stream(model="m-1", contents="Hi"):
                pass


@pytest.mark.parametrize(
    ("protocol", "told", "tokens"),
    [
        ("openai", {}, None),
        ("anthropic", {"input_tokens": 11}, 11),
        ("gemini", {"totalTokens": 11}, 11),
    ],
)
async def test_tokens_are_counted_for_both(
    site: Site, protocol: str, told: dict[str, int], tokens: int | None
) -> None:
    await speaks(site, protocol)
    site.upstream.default = answer(told)

    async with sdk("anthropic", site) as claude, sdk("genai", site) as google:
        messages: Any = [{"role": "user", "content": "Hello there"}]
        first = await claude.messages.count_tokens(model="m-1", messages=messages)
        second = await google.models.count_tokens(model="m-1", contents="Hello there")

    assert first.input_tokens == second.total_tokens == (tokens or 7)
    assert len(site.upstream.requests) == (2 if tokens else 0)


async def test_both_list_models_in_their_own_way(site: Site) -> None:
    site.upstream.default = answer({"data": [{"id": "own"}]})

    async with sdk("anthropic", site) as claude, sdk("genai", site) as google:
        of_claude = [model.id async for model in await claude.models.list()]
        of_google = [model.name async for model in await google.models.list()]

    assert (of_claude, of_google) == (["own"], ["models/own"])
