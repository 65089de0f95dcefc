"""Clients that speak the platform's own language: relayed as it is, nothing lost, usage booked."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from platforms.models import CatalogueVersion, ModelMapping, Platform
from tests.gateway.conftest import SECRET, Site
from tests.upstreams import answer, byte_by_byte, stream

CASES = Path(__file__).parents[1] / "transcripts"
RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "odd": {"kept": 1.0},
    "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    "usage": {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 4},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 39,
    },
}


def _responses_stream(end: str = "completed", **over: Any) -> bytes:
    events = [
        {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1"}},
        {"type": "response.output_text.delta", "sequence_number": 1, "delta": "Hi"},
        {"type": f"response.{end}", "sequence_number": 2, "response": {**RESPONSE, **over}},
    ]
    return b"".join(
        f"event: {event['type']}\ndata: ".encode() + orjson.dumps(event) + b"\n\n"
        for event in events
    )


@dataclass
class Wire:
    """One language: how it is asked, what the platform answers, what that used."""

    fields: dict[str, Any]
    path: str
    """`{}`: where Gemini's method goes."""
    body: dict[str, Any]
    whole: bytes
    events: bytes
    used: tuple[int, int, int, int, int]
    """Prompt, cached, written, completion, reasoning tokens."""
    sent_path: str
    model: str = "public"
    headers: dict[str, str] = field(default_factory=dict)
    methods: tuple[str, str] = ("", "")
    error: tuple[str, ...] = ("error", "message")

    def url(self, streamed: bool) -> str:
        return "/acme" + self.path.format(self.methods[streamed])


def read(path: str) -> bytes:
    return (CASES / path).read_bytes()


ANTHROPIC = Wire(
    {"protocol": "anthropic", "auth_style": "x-api-key"},
    "/v1/messages",
    {
        "max_tokens": 10,
        "model": "public",
        "zeta": {"b": 1, "a": 2},
        "messages": [{"role": "user", "content": "Hi"}],
    },
    read("anthropic/whole-thinking/upstream.json"),
    read("anthropic/stream-thinking/upstream.sse"),
    (0, 0, 0, 0, 0),
    "/v1/messages",
    headers={"anthropic-version": "2026-10-21", "anthropic-beta": "some-beta-2026"},
)
GEMINI = Wire(
    {"protocol": "gemini", "auth_style": "x-goog-api-key"},
    "/v1beta/models/public:{}",
    {"odd": {"b": 1, "a": 2}, "contents": [{"role": "user", "parts": [{"text": "Hi"}]}]},
    read("gemini/blocking-thoughts/upstream.json"),
    read("gemini/stream-thoughts/upstream.sse"),
    (0, 0, 0, 0, 0),
    "/v1/models/upstream:",
    methods=("generateContent", "streamGenerateContent?alt=sse"),
)
RESPONSES = Wire(
    {"protocol": "openai", "rules": {"responses": True}},
    "/v1/responses",
    {"input": "Hi", "model": "public", "store": True, "previous_response_id": "resp_0"},
    orjson.dumps(RESPONSE),
    _responses_stream(),
    (30, 20, 4, 9, 5),
    "/v1/responses",
)
WIRES = {"anthropic": ANTHROPIC, "gemini": GEMINI, "responses": RESPONSES}
ALL = pytest.mark.parametrize("name", WIRES)


@pytest.fixture
async def wire(site: Site, name: str) -> Wire:
    wire = WIRES[name]
    platform = await Platform.objects.aget()
    for key, value in wire.fields.items():
        setattr(platform, key, value)
    await platform.asave()
    await ModelMapping.objects.acreate(
        platform=platform, public_name="public", upstream_name="upstream"
    )
    await CatalogueVersion.objects.aupdate(number=99)
    await site.reload()
    return wire


async def ask(site: Site, wire: Wire, *, streamed: bool = False, **over: Any) -> httpx.Response:
    body = {**wire.body, **over}
    if streamed and not wire.methods[1]:
        body["stream"] = True
    headers = {**site.headers(), **wire.headers}
    return await site.client.post(wire.url(streamed), json=body, headers=headers)


def usage_of(wire: Wire) -> dict[str, Any]:
    said = orjson.loads(wire.whole)
    return dict(said.get("usage") or said["usageMetadata"])


@ALL
async def test_the_request_goes_as_it_came_but_for_the_models_name(site: Site, wire: Wire) -> None:
    site.upstream.default = answer(wire.whole)

    await ask(site, wire)

    [sent] = site.upstream.requests
    expected = {**wire.body, "model": "upstream"} if "model" in wire.body else wire.body
    assert sent.body == orjson.dumps(expected)
    assert sent.path.startswith(wire.sent_path)
    assert SECRET in str(sent.headers)
    assert site.key not in str(sent.headers)
    for header, value in wire.headers.items():
        assert sent.headers[header] == value


@ALL
async def test_a_whole_answer_comes_back_byte_for_byte(site: Site, wire: Wire) -> None:
    site.upstream.default = answer(wire.whole)

    response = await ask(site, wire)

    assert response.status_code == 200
    assert response.content == wire.whole
    [record] = await site.records(1)
    assert record.measured
    assert record.upstream_model == "upstream"
    assert record.prompt_tokens > 0
    assert record.completion_tokens > 0


@ALL
async def test_a_stream_comes_back_event_for_event(site: Site, wire: Wire) -> None:
    site.upstream.plays = [stream(wire.events), byte_by_byte(wire.events)]

    first, second = [(await ask(site, wire, streamed=True)).content for _ in range(2)]

    def events(data: bytes) -> list[bytes]:
        return [event.strip() for event in data.replace(b"\r\n", b"\n").split(b"\n\n") if event]

    assert events(first) == events(second) == events(wire.events)


@ALL
async def test_stream_and_blocking_are_booked_alike(site: Site, wire: Wire) -> None:
    site.upstream.plays = [answer(wire.whole), stream(wire.events)]
    await ask(site, wire)
    await ask(site, wire, streamed=True)

    records = await site.records(2)

    counted = {
        (
            *(record.prompt_tokens, record.cached_tokens, record.cache_write_tokens),
            *(record.completion_tokens, record.reasoning_tokens, record.measured),
        )
        for record in records
    }
    assert len(counted) == 1
    if any(wire.used):
        assert counted == {(*wire.used, True)}


@ALL
async def test_a_cut_stream_never_ends_cleanly(site: Site, wire: Wire) -> None:
    pieces = wire.events.split(b"\n\n")
    site.upstream.default = stream(b"\n\n".join(pieces[:2]) + b"\n\n", end=False)

    response = await ask(site, wire, streamed=True)

    lines = [line for line in response.text.split("\n") if line.startswith("data: ")]
    last = orjson.loads(lines[-1][6:])
    assert "error" in last or last["type"] in ("error", "response.failed")
    [record] = await site.records(1)
    assert record.outcome == "truncated"


@pytest.mark.parametrize("name", ["responses"])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "server_error", "message": "Oh"}, "upstream_error"),
        ({"code": "rate_limit_exceeded", "message": "Oh"}, "rate_limit_exceeded"),
        ({"code": "invalid_prompt", "message": "Oh"}, "invalid_prompt"),
        (None, "upstream_error"),
    ],
)
async def test_a_response_that_failed_is_relayed_as_it_is_and_not_booked_as_completed(
    site: Site, wire: Wire, error: Any, code: str
) -> None:
    events = _responses_stream("failed", status="failed", error=error)
    site.upstream.default = stream(events)

    response = await ask(site, wire, streamed=True)

    assert response.content == events
    [record] = await site.records(1)
    assert (record.outcome, record.error_code) == ("truncated", code)
    assert (record.prompt_tokens, record.completion_tokens) == (30, 9)


@ALL
@pytest.mark.parametrize("streamed", [False, True])
async def test_an_upstreams_error_is_told_in_the_clients_shape(
    site: Site, wire: Wire, streamed: bool
) -> None:
    site.upstream.default = answer({"error": {"message": "Too fast", "code": 429}}, 429)

    response = await ask(site, wire, streamed=streamed)

    assert response.status_code == 429
    error = response.json()
    assert error["error"]["message"]
    if wire is ANTHROPIC:
        assert (error["type"], error["error"]["type"]) == ("error", "rate_limit_error")
    elif wire is GEMINI:
        assert (error["error"]["code"], error["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    else:
        assert error["error"]["code"] == "rate_limit_exceeded"


@ALL
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"model": 1}', b'{"model": ""}'])
async def test_a_body_that_is_none_is_a_400_in_the_clients_shape(
    site: Site, wire: Wire, body: bytes
) -> None:
    headers = {**site.headers(), "content-type": "application/json"}

    response = await site.client.post(wire.url(False), content=body, headers=headers)

    assert response.status_code == 400, response.text
    assert response.json()["error"]["message"]
    assert site.upstream.requests == []


@ALL
async def test_without_a_licence_nothing_is_asked(site: Site, wire: Wire) -> None:
    response = await site.client.post(wire.url(False), json=wire.body)

    assert response.status_code == 401
    assert response.json()["error"]["message"]
    assert site.upstream.requests == []


@ALL
@pytest.mark.parametrize("header", ["x-api-key", "x-goog-api-key", "authorization"])
async def test_the_licence_may_come_as_any_sdk_sends_it(
    site: Site, wire: Wire, header: str
) -> None:
    site.upstream.default = answer(wire.whole)
    value = f"Bearer {site.key}" if header == "authorization" else site.key

    response = await site.client.post(wire.url(False), json=wire.body, headers={header: value})

    assert response.status_code == 200
    assert site.key not in str(site.upstream.requests[0].headers)


@ALL
async def test_another_method_is_refused(site: Site, wire: Wire) -> None:
    response = await site.client.put(wire.url(False), headers=site.headers())

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize("name", ["anthropic", "gemini"])
async def test_tokens_are_counted_by_the_platform(site: Site, wire: Wire) -> None:
    told = {"input_tokens": 11} if wire is ANTHROPIC else {"totalTokens": 11, "odd": 1}
    site.upstream.default = answer(told)
    path = {
        "anthropic": "/acme/v1/messages/count_tokens",
        "gemini": "/acme/v1beta/models/public:countTokens",
    }[wire.fields["protocol"]]
    body = {key: value for key, value in wire.body.items() if key != "max_tokens"}

    response = await site.client.post(path, json=body, headers=site.headers())

    assert (response.status_code, response.json()) == (200, told)
    assert "upstream" in site.upstream.requests[0].path + str(site.upstream.requests[0].json)
    [record] = await site.records(1)
    assert (record.endpoint, record.prompt_tokens, record.cost_micros) == ("count_tokens", 0, 0)
