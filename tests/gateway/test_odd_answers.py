"""What platforms may send and callers may ask: no secret, no free ride, no 500, no quiet end."""

from typing import Any

import httpx
import orjson
import pytest

from platforms.models import CatalogueVersion, ModelMapping, Platform
from tests.gateway.conftest import SECRET, Site
from tests.upstreams import answer, chunk, completion, raw, sse, stream

HI = [{"role": "user", "content": "Hi"}]
MESSAGE = {"model": "m-1", "max_tokens": 9, "messages": HI}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
USAGE = {"input_tokens": 10, "output_tokens": 1}


async def speaks(site: Site, protocol: str, **fields: Any) -> None:
    await Platform.objects.aupdate(protocol=protocol, **fields)
    await CatalogueVersion.objects.aupdate(number=99)
    await site.reload()


async def post(site: Site, path: str, body: Any, **headers: str) -> Any:
    return await site.client.post(path, json=body, headers={**site.headers(), **headers})


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "told",
    [
        {"type": "error", "error": {"type": "x", "message": f"bad key {SECRET}"}},
        {"error": {"code": 400, "message": f"bad key {SECRET}"}},
        {"input_tokens": "x", "totalTokens": "x"},
        {"input_tokens": -5, "totalTokens": -5},
        {"input_tokens": {"a": 1}, "totalTokens": {"a": 1}},
    ],
)
@pytest.mark.parametrize("protocol", ["anthropic", "gemini"])
@pytest.mark.parametrize("native", [True, False])
async def test_a_count_that_is_none_is_an_error_without_secrets(
    site: Site, protocol: str, native: bool, told: Any
) -> None:
    await speaks(site, protocol)
    site.upstream.default = answer(told)
    anthropic = (protocol == "anthropic") == native

    response = await (
        post(site, "/acme/v1/messages/count_tokens", MESSAGE)
        if anthropic
        else post(site, "/acme/v1beta/models/m-1:countTokens", CONTENTS)
    )

    assert response.status_code >= 400
    assert SECRET not in response.text
    assert response.json()["error"]["message"]


async def test_an_error_without_a_type_is_one_and_not_relayed(site: Site) -> None:
    await speaks(site, "anthropic")
    start = {"type": "message_start", "message": {"content": [], "usage": USAGE}}
    site.upstream.default = stream(sse(start, {"error": {"message": f"key {SECRET}"}}))

    response = await post(site, "/acme/v1/messages", {**MESSAGE, "stream": True})

    assert SECRET not in response.text
    assert response.json()["error"]["type"] == "api_error"  # nothing had gone out before


@pytest.mark.parametrize("name", ["blocked", "models/blocked"])
async def test_a_model_that_is_switched_off_is_so_in_every_spelling(site: Site, name: str) -> None:
    await speaks(site, "gemini")
    platform = await Platform.objects.aget()
    await ModelMapping.objects.acreate(platform=platform, public_name="blocked", enabled=False)
    await CatalogueVersion.objects.aupdate(number=100)
    await site.reload()

    chat = await site.chat(model=name)
    native = await post(site, f"/acme/v1beta/models/{name}:generateContent", CONTENTS)

    assert (chat.status_code, native.status_code) == (404, 404)
    assert site.upstream.requests == []


@pytest.mark.parametrize(
    ("protocol", "path", "body", "events"),
    [
        (
            "anthropic",
            "/acme/v1/messages",
            {**MESSAGE, "stream": True},
            sse(
                {"type": "message_start", "message": {"content": [], "usage": USAGE}},
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": "x" * 4000},
                },
            ),
        ),
        (
            "gemini",
            "/acme/v1beta/models/m-1:streamGenerateContent?alt=sse",
            CONTENTS,
            sse(
                {
                    "candidates": [{"content": {"parts": [{"text": "x" * 4000}]}, "index": 0}],
                    "usageMetadata": {"promptTokenCount": 10},
                }
            ),
        ),
    ],
)
async def test_a_relayed_stream_that_is_cut_was_not_for_nothing(
    site: Site, protocol: str, path: str, body: Any, events: bytes
) -> None:
    await speaks(site, protocol)
    site.upstream.default = stream(events, end=False)

    await post(site, path, body)

    [record] = await site.records(1)
    assert (record.prompt_tokens, record.outcome) == (10, "truncated")
    assert (record.completion_tokens >= 1000, record.measured) == (True, False)


@pytest.mark.parametrize("levels", [150, 260, 900])
@pytest.mark.parametrize("protocol", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/acme/v1/chat/completions", lambda d: {"model": "m", "messages": HI, "extra": d}),
        (
            "/acme/v1/messages",
            lambda d: {**MESSAGE, "tools": [{"name": "f", "input_schema": {"a": d}}]},
        ),
        ("/acme/v1/messages/count_tokens", lambda d: {**MESSAGE, "metadata": d}),
        ("/acme/v1beta/models/m:generateContent", lambda d: {**CONTENTS, "labels": d}),
        ("/acme/v1beta/models/m:countTokens", lambda d: {**CONTENTS, "labels": d}),
        ("/acme/v1/responses", lambda d: {"model": "m", "input": "Hi", "metadata": d}),
    ],
)
async def test_deep_nesting_is_no_fault_of_the_gateways(
    site: Site, path: str, body: Any, protocol: str, levels: int
) -> None:
    await speaks(site, protocol)
    site.upstream.default = answer({"error": {"message": "no"}}, 400)

    response = await post(site, path, body(deep(levels)))

    assert response.status_code in (200, 400), response.text
    assert response.headers["content-type"] == "application/json"


FACES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/acme/v1/chat/completions", {"model": "m", "messages": HI}),
    "anthropic": ("/acme/v1/messages", MESSAGE),
    "gemini": ("/acme/v1beta/models/m:generateContent", CONTENTS),
    "responses": ("/acme/v1/responses", {"model": "m", "input": "Hi"}),
}
ODD: list[Any] = [
    {"usage": 7},
    {"choices": [{"index": None, "delta": {"content": "a"}}]},
    {"choices": [{"index": [[]], "delta": {"content": "a"}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": 0}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "id": 7}]}}]},
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": "x", "function": 1}]}}]},
    {"choices": [{"index": 0, "delta": {"content": {"a": 1}}}]},
    {"choices": [{"index": 0, "delta": 7}]},
    {"choices": 7},
    {"choices": [{"index": 0, "delta": {"extra": "NESTED"}}]},
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_odd_answer_is_never_the_gateways_own_failure(
    site: Site, face: str, odd: Any, streamed: bool, caplog: Any
) -> None:
    path, body = FACES[face]
    if streamed and face == "gemini":
        path = path.replace("generateContent", "streamGenerateContent?alt=sse")
    elif streamed:
        body = {**body, "stream": True}
    whole = completion(**odd) if "usage" in odd or odd.get("choices") == 7 else completion()
    if isinstance(odd.get("choices"), list):
        said = {**odd["choices"][0]}
        said["message"] = said.pop("delta")
        whole["choices"] = [said]
    events = sse(chunk("Hel"), {**chunk(), **odd}, chunk(reason="stop"))
    nested = b'{"a":' * 260 + b"1" + b"}" * 260  # deeper than is written here
    if streamed:
        events = events.replace(b'"NESTED"', nested)
        site.upstream.default = stream(events, b"data: [DONE]\n\n")
    else:
        site.upstream.default = answer(orjson.dumps(whole).replace(b'"NESTED"', nested))

    response = await post(site, path, body)

    assert "internal_error" not in response.text
    assert "failed inside the gateway" not in caplog.text
    assert response.status_code in (200, 502)


async def test_one_of_two_answers_that_ends_is_no_end(site: Site) -> None:
    await speaks(site, "gemini")
    events = sse(
        {
            "candidates": [
                {"index": 0, "content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}
            ]
        },
        {"candidates": [{"index": 1, "content": {"parts": [{"text": "half"}]}}]},
    )
    site.upstream.default = stream(events, end=False)
    body = {**CONTENTS, "generationConfig": {"candidateCount": 2}}

    response = await post(site, "/acme/v1beta/models/m:streamGenerateContent?alt=sse", body)

    assert '"error"' in response.text


async def test_a_last_event_without_its_blank_line_is_not_lost(site: Site) -> None:
    events = sse(chunk("Hel"), chunk("lo")).rstrip(b"\n")
    site.upstream.default = stream(events)

    response = await post(site, "/acme/v1beta/models/m:streamGenerateContent", CONTENTS)

    events_ = orjson.loads(response.content)  # an array that is one, though it was cut
    assert [e["candidates"][0]["content"]["parts"][0]["text"] for e in events_[:2]] == ["Hel", "lo"]
    assert "error" in events_[-1]


async def test_unsigned_thinking_of_other_platforms_does_not_reach_claude(site: Site) -> None:
    await speaks(site, "anthropic")
    thoughts = [
        {"type": "thinking", "thinking": "a", "signature": ""},
        {"type": "thinking", "thinking": "b", "signature": "c2ln"},
        {"type": "text", "text": "c"},
    ]
    turns = [*HI, {"role": "assistant", "content": thoughts}, *HI]

    await post(site, "/acme/v1/messages", {**MESSAGE, "messages": turns})

    assert site.upstream.requests[0].json["messages"][1]["content"] == thoughts[1:]


async def test_betas_may_come_in_several_headers(site: Site) -> None:
    await speaks(site, "anthropic")
    headers = [*site.headers().items(), ("anthropic-beta", "a"), ("anthropic-beta", "b")]

    await site.client.post("/acme/v1/messages", json=MESSAGE, headers=headers)

    assert site.upstream.requests[0].headers["anthropic-beta"] == "a,b"


async def test_two_calls_under_one_index_are_two_calls(site: Site) -> None:
    def call(id: str | None, name: str | None, arguments: str) -> Any:
        named = {"name": name} if name else {}
        function = {**named, "arguments": arguments}
        return chunk(
            delta=None,
            choices=[
                {
                    "index": 0,
                    "delta": {"tool_calls": [{"index": 0, "id": id, "function": function}]},
                }
            ],
        )

    site.upstream.default = stream(
        sse(call("a", "f", '{"x"'), call(None, None, ":1}"), call("b", "g", "{}")),
        sse(chunk(reason="tool_calls")),
        b"data: [DONE]\n\n",
    )

    response = await post(site, "/acme/v1/messages", {**MESSAGE, "stream": True})

    uses = [
        event["content_block"]["name"]
        for line in response.text.split("\n")
        if line.startswith("data: ")
        and (event := orjson.loads(line[6:]))["type"] == "content_block_start"
    ]
    assert uses == ["f", "g"]


async def test_counting_ends_when_the_client_leaves(site: Site) -> None:
    await speaks(site, "anthropic")
    site.upstream.default = raw(b"", hang=True)

    with pytest.raises(httpx.ReadTimeout):
        await site.client.post(
            "/acme/v1/messages/count_tokens", json=MESSAGE, headers=site.headers(), timeout=0.5
        )

    await site.upstream.closed_by_peer()


@pytest.mark.parametrize("path", ["/acme/v1beta/models/a%0Ab:generateContent", "/acme/v1/%0A"])
async def test_control_characters_are_refused_in_openais_shape(site: Site, path: str) -> None:
    response = await post(site, path, CONTENTS)

    assert response.status_code == 404
    assert response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "headers", "shape"),
    [
        ("/acme/v1beta/models/nope", {}, "gemini"),
        ("/nowhere/v1beta/models", {}, "gemini"),
        ("/acme/v1/models/nope", {"anthropic-version": "1"}, "anthropic"),
        ("/acme/v1/messages/batches", {}, "anthropic"),
        ("/acme/v1/models/nope", {}, "openai"),
    ],
)
async def test_what_is_not_there_is_told_in_the_clients_shape(
    site: Site, path: str, headers: dict[str, str], shape: str
) -> None:
    await Platform.objects.aupdate(pass_unmapped=False)
    await CatalogueVersion.objects.aupdate(number=99)
    await site.reload()

    response = await site.client.get(path, headers={**site.headers(), **headers})

    error = response.json()
    assert response.status_code == 404
    if shape == "gemini":
        assert (error["error"]["code"], error["error"]["status"]) == (404, "NOT_FOUND")
    elif shape == "anthropic":
        assert (error["type"], error["error"]["type"]) == ("error", "not_found_error")
    else:
        assert error["error"]["code"] == "model_not_found"


async def test_a_field_that_only_the_chat_has_is_said_to_be_there(site: Site) -> None:
    await speaks(site, "anthropic")
    body = {**CONTENTS, "generationConfig": {"candidateCount": 2}}

    response = await post(site, "/acme/v1beta/models/m:generateContent", body)

    assert response.status_code == 400
    assert "named as in OpenAI's chat" in response.json()["error"]["message"]
    assert "named as" not in (await site.chat(n=2)).text
