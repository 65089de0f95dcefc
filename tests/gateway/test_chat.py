"""Chat over real sockets: client, gateway, upstream; what arrives, what is booked, what ends."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest
from asgiref.sync import sync_to_async

from platforms.models import Credential, Platform
from tests import openai_schema
from tests.gateway.conftest import SECRET, Site
from tests.make import make_credential, make_mapping
from tests.upstreams import (
    DONE,
    USAGE,
    Play,
    answer,
    chunk,
    endless,
    hello,
    raw,
    sse,
    stream,
)


def events(text: str) -> list[Any]:
    """The data of a stream's events: JSON, or `[DONE]`; comments left out."""
    lines = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
    return [line if line == "[DONE]" else orjson.loads(line) for line in lines]


def said(chunks: list[Any]) -> str:
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])


async def gated(site: Site, gate: asyncio.Event) -> str:
    """A stream's text; the gate opens when the first of it is here."""
    body = {"model": "m-1", "messages": [{"role": "user", "content": "x"}], "stream": True}
    async with site.client.stream(
        "POST", "/acme/v1/chat/completions", json=body, headers=site.headers()
    ) as response:
        assert response.status_code == 200
        pieces = response.aiter_text()
        text = await anext(pieces)
        gate.set()
        return text + "".join([piece async for piece in pieces])


async def test_a_blocking_answer_is_openais_with_our_id_and_the_clients_model(site: Site) -> None:
    response = await site.chat()

    body = response.json()
    openai_schema.completion(body)
    assert response.status_code == 200
    assert body["id"] == response.headers["x-request-id"]
    assert body["id"].startswith("foaicmpl-")
    assert len(body["id"]) == len("foaicmpl-") + 32
    assert body["model"] == "m-1"
    assert body["choices"][0]["message"]["content"] == "Hello"


async def test_the_upstream_gets_the_credential_and_none_of_the_clients_headers(site: Site) -> None:
    await site.client.post(
        "/acme/v1/chat/completions",
        json={"model": "m-1", "messages": [{"role": "user", "content": "x"}]},
        headers={**site.headers(), "x-stainless-lang": "python", "cookie": "a=b"},
    )

    [request] = site.upstream.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert not {"x-stainless-lang", "cookie", "x-api-key"} & set(request.headers)


async def test_a_stream_has_one_id_and_ends_with_done(site: Site) -> None:
    site.upstream.plays = [hello()]

    response = await site.chat(stream=True)

    *chunks, last = events(response.text)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-accel-buffering"] == "no"
    assert last == "[DONE]"
    for each in chunks:
        openai_schema.chunk(each)
        assert "usage" not in each
    assert {each["id"] for each in chunks} == {response.headers["x-request-id"]}
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert said(chunks) == "Hello"


async def test_usage_is_the_last_chunk_for_those_who_ask(site: Site) -> None:
    site.upstream.plays = [hello()]

    response = await site.chat(stream=True, stream_options={"include_usage": True})

    *chunks, usage, _done = events(response.text)
    assert all(each["usage"] is None for each in chunks)
    assert (usage["choices"], usage["usage"]) == ([], USAGE)


async def test_usage_is_estimated_where_the_upstream_gives_none(site: Site) -> None:
    site.upstream.plays = [stream(sse(chunk("12345678"), chunk(reason="stop")), DONE)]

    response = await site.chat(stream=True, stream_options={"include_usage": True})

    usage = events(response.text)[-2]["usage"]
    [record] = await site.records(1)
    assert usage["completion_tokens"] == record.completion_tokens == 2
    assert not record.measured


async def test_every_event_is_passed_on_at_once(site: Site) -> None:
    gate = asyncio.Event()
    site.upstream.plays = [stream(sse(chunk("first")), sse(chunk(reason="stop")) + DONE, gate=gate)]
    body = {"model": "m-1", "messages": [{"role": "user", "content": "x"}], "stream": True}

    async with (
        asyncio.timeout(5),
        site.client.stream(
            "POST", "/acme/v1/chat/completions", json=body, headers=site.headers()
        ) as response,
    ):
        pieces = response.aiter_text()
        first = await anext(pieces)
        assert said(events(first)) == "first"  # while the upstream still holds back the rest
        gate.set()
        rest = "".join([piece async for piece in pieces])

    assert rest.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("last", "options", "code"),
    [
        (b": then nothing\n\n", {"end": False}, "upstream_error"),
        (b": then nothing\n\n", {}, "upstream_error"),
        (b": then nothing\n\n", {"hang": True}, "upstream_timeout"),
        (b'data: {"id": "chat', {}, "upstream_error"),
        (b"data: <html>\n\n", {}, "upstream_error"),
        (b"data: 7\n\n", {}, "upstream_error"),
        (sse({"choices": [1]}), {}, "upstream_error"),
        (sse({"error": {"message": "Oh"}}), {}, "upstream_error"),
        (b"data: " + b"x" * 17 * 2**20, {}, "upstream_error"),
    ],
    ids=["reset", "end", "silence", "half", "html", "number", "misshapen", "error", "too long"],
)
async def test_a_cut_stream_never_ends_cleanly(
    site: Site, last: bytes, options: Any, code: str
) -> None:
    await set_timeouts(site, idle_s=0.3)
    gate = asyncio.Event()
    site.upstream.plays = [stream(sse(chunk("Hel")), last, gate=gate, **options)]

    text = await gated(site, gate)

    first, error = events(text)
    assert said([first]) == "Hel"
    openai_schema.error(error)
    assert error["error"]["code"] == code
    [record] = await site.records(1)
    assert (record.outcome, record.status, record.error_code) == ("truncated", 200, code)
    assert record.completion_tokens == 1
    assert not record.measured


async def test_what_came_before_an_error_in_the_same_read_is_passed_on(site: Site) -> None:
    gate = asyncio.Event()
    last = sse(chunk("lo"), {"error": {"message": "Oh"}})
    site.upstream.plays = [stream(sse(chunk("Hel")), last, gate=gate)]

    text = await gated(site, gate)

    *chunks, error = events(text)
    assert said(chunks) == "Hello"
    assert error["error"]["message"] == "Oh"


async def test_a_stream_whose_last_chunk_came_may_lack_the_rest(site: Site) -> None:
    site.upstream.plays = [stream(sse(chunk("Hi"), chunk(reason="stop")), end=False)]

    response = await site.chat(stream=True)

    assert events(response.text)[-1] == "[DONE]"


async def test_an_upstream_that_ignores_stream_is_made_a_stream(site: Site) -> None:
    response = await site.chat(stream=True, stream_options={"include_usage": True})

    *chunks, done = events(response.text)
    assert done == "[DONE]"
    for each in chunks:
        openai_schema.chunk(each)
    assert said(chunks) == "Hello"
    assert chunks[-1]["usage"]["prompt_tokens"] == USAGE["prompt_tokens"]


@pytest.mark.parametrize(
    ("play", "status", "code"),
    [
        (answer(b"<html>", 502, "text/html"), 502, "upstream_error"),
        (answer(b"<html>", 200, "text/html"), 502, "upstream_error"),
        (answer(b""), 502, "upstream_error"),
        (answer(b"\x00\xff garbage"), 502, "upstream_error"),
        (answer(b'{"choices": ['), 502, "upstream_error"),
        (answer({"choices": [{"message": 5}]}), 502, "upstream_error"),
        (answer({"error": {"message": "In a 200"}}), 502, "upstream_error"),
        (answer(b"", 302, location="http://127.0.0.1/"), 502, "upstream_error"),
        (answer({"error": {"message": "m", "code": None}}, 400), 400, None),
        (answer({"error": {"message": "m"}}, 401), 502, "upstream_credential_refused"),
        (answer({"error": {"message": "m"}}, 404), 404, "model_not_found"),
        (answer({"error": {"message": "m"}}, 429, retry_after="7"), 429, "rate_limit_exceeded"),
        (answer({"error": {"message": "m"}}, 402), 503, "upstream_quota_exhausted"),
        (answer({"error": {"message": "m"}}, 503), 503, "server_is_overloaded"),
        (endless, 502, "upstream_error"),
        (raw(b""), 502, "upstream_unreachable"),
        (raw(b"SSH-2.0-x\r\n"), 502, "upstream_error"),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"), 502, "upstream_error"),
        (
            raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
            502,
            "upstream_error",
        ),
        (raw(b"", hang=True), 504, "upstream_timeout"),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n", hang=True), 504, "upstream_timeout"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["blocking", "stream"])
async def test_whatever_an_upstream_does_the_caller_hears_it_in_openais_shape(
    site: Site, play: Play, status: int, code: str | None, streamed: bool
) -> None:
    await set_timeouts(site, first_byte_s=0.4)
    site.configure(max_answer=300_000)
    site.upstream.plays = [play]

    response = await site.chat(stream=streamed)

    openai_schema.error(response.json())
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    [record] = await site.records(1)
    assert record.outcome == ("refused" if status in (400, 404) else "upstream_error")
    assert (record.cost_micros, record.completion_tokens) == (0, 0)


async def set_timeouts(site: Site, **seconds: float) -> None:
    await sync_to_async(Platform.objects.update)(**seconds)
    await site.gateway.in_database_thread(site.gateway.catalogue.load)


async def test_retry_after_is_passed_on(site: Site) -> None:
    site.upstream.plays = [answer({"error": {"message": "m"}}, 429, retry_after="7")]

    assert (await site.chat()).headers["retry-after"] == "7"


async def test_nobody_listening_is_a_502_in_plain_words(site: Site) -> None:
    await sync_to_async(Platform.objects.update)(base_url="http://127.0.0.1:1/v1")
    await site.gateway.in_database_thread(site.gateway.catalogue.load)

    response = await site.chat()

    assert response.status_code == 502
    assert "refuses connections" in response.json()["error"]["message"]


async def test_another_credential_is_tried_before_the_client_hears_of_it(site: Site) -> None:
    await sync_to_async(lambda: make_credential(Platform.objects.get(), "second", "sk-2"))()
    await site.reload()
    site.configure(attempts=3)
    site.upstream.plays = [answer({"error": {"message": "m"}}, 401)]

    response = await site.chat()

    assert response.status_code == 200
    keys = {request.headers["authorization"] for request in site.upstream.requests}
    assert len(keys) == 2
    [record] = await site.records(1)
    assert (record.attempts, record.outcome) == (2, "completed")


async def test_the_callers_own_fault_is_not_tried_again(site: Site) -> None:
    await sync_to_async(lambda: make_credential(Platform.objects.get(), "second", "sk-2"))()
    await site.reload()
    site.configure(attempts=3)
    site.upstream.plays = [answer({"error": {"message": "m"}}, 400)]

    assert (await site.chat()).status_code == 400
    assert len(site.upstream.requests) == 1


async def test_a_failure_that_may_be_billed_is_not_repeated_with_the_same_credential(
    site: Site,
) -> None:
    site.configure(attempts=3)
    site.upstream.plays = [answer({"error": {"message": "m"}}, 500)]

    assert (await site.chat()).status_code == 502
    assert len(site.upstream.requests) == 1


async def test_a_closed_connection_is_tried_again_with_the_only_credential(site: Site) -> None:
    site.configure(attempts=3)
    site.upstream.plays = [raw(b"")]

    assert (await site.chat()).status_code == 200
    assert len(site.upstream.requests) == 2


async def test_a_refused_credential_shows_why_in_the_admin_and_never_itself(site: Site) -> None:
    words = {"error": {"message": f"Incorrect API key provided: {SECRET}."}}
    site.upstream.plays = [answer(words, 401)]

    response = await site.chat()
    await site.gateway.in_database_thread(site.gateway._refresh)

    credential = await Credential.objects.aget()
    assert credential.last_error == "Incorrect API key provided: …."
    assert SECRET not in response.text
    assert "Incorrect" not in response.text


@pytest.mark.parametrize("streamed", [False, True], ids=["blocking", "stream"])
@pytest.mark.parametrize("where", ["before the head", "in the body"])
async def test_a_client_that_leaves_closes_the_upstream_within_a_second(
    site: Site, streamed: bool, where: str
) -> None:
    if where == "before the head":
        site.upstream.plays = [raw(b"", hang=True)]
    elif streamed:
        site.upstream.plays = [stream(sse(chunk("Hel")), hang=True)]
    else:
        head = b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"
        site.upstream.plays = [raw(head, hang=True)]
    with pytest.raises(httpx.ReadTimeout):
        await site.client.post(
            "/acme/v1/chat/completions",
            json={
                "model": "m-1",
                "messages": [{"role": "user", "content": "x"}],
                "stream": streamed,
            },
            headers=site.headers(),
            timeout=0.3,
        )

    async with asyncio.timeout(1):
        await site.upstream.closed.wait()
    [record] = await site.records(1)
    assert (record.outcome, record.status) == ("cancelled", 499)


async def test_pings_come_while_the_upstream_thinks_even_before_its_status(site: Site) -> None:
    site.configure(ping_s=0.05)
    gate = asyncio.Event()

    async def thinks(peer: Any) -> None:
        await gate.wait()
        await hello()(peer)

    site.upstream.plays = [thinks]
    body = {"model": "m-1", "messages": [{"role": "user", "content": "x"}], "stream": True}
    async with (
        asyncio.timeout(5),
        site.client.stream(
            "POST", "/acme/v1/chat/completions", json=body, headers=site.headers()
        ) as response,
    ):
        pieces = response.aiter_text()
        assert await anext(pieces) == ": ping\n\n"
        gate.set()
        rest = "".join([piece async for piece in pieces])

    assert said(events(rest)[:-1]) == "Hello"
    assert events(rest)[-1] == "[DONE]"


async def test_an_error_after_a_ping_is_an_event_without_done(site: Site) -> None:
    site.configure(ping_s=0.05)
    await set_timeouts(site, first_byte_s=0.3)
    site.upstream.plays = [raw(b"", hang=True)]

    response = await site.chat(stream=True)

    assert response.status_code == 200
    assert response.text.startswith(": ping\n\n")
    [error] = events(response.text)
    assert error["error"]["code"] == "upstream_timeout"
    [record] = await site.records(1)
    assert (record.outcome, record.error_code) == ("upstream_error", "upstream_timeout")


async def test_the_total_time_out_ends_a_stream_that_goes_on_for_ever(site: Site) -> None:
    await set_timeouts(site, total_s=0.5)

    async def babble(peer: Any) -> None:
        await peer.head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
        while True:
            await peer.piece(sse(chunk("bla ")))
            await asyncio.sleep(0)

    site.upstream.plays = [babble]

    response = await site.chat(stream=True)

    last = events(response.text)[-1]
    assert "total time-out" in last["error"]["message"]


async def test_a_slow_client_is_not_a_silent_platform(site: Site) -> None:
    await set_timeouts(site, idle_s=0.2)
    much = [sse(*(chunk("x" * 1000) for _ in range(400)))] * 50  # 25 MB: more than buffers hold
    site.upstream.plays = [stream(*much, sse(chunk(reason="stop")) + DONE)]
    host, _, port = site.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1000)
    body = orjson.dumps(
        {"model": "m-1", "messages": [{"role": "user", "content": "x"}], "stream": True}
    )
    head = f"POST /acme/v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {site.key}"
    writer.write(f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)

    await reader.readuntil(b"data: ")
    await asyncio.sleep(1)  # five times the idle time-out
    end = b""
    async with asyncio.timeout(20):
        while b"[DONE]" not in end and (piece := await reader.read(2**20)):
            end = end[-100:] + piece
    writer.transport.abort()

    assert b"data: [DONE]" in end


async def test_nothing_is_tried_after_the_total_time_out(site: Site) -> None:
    await sync_to_async(lambda: make_credential(Platform.objects.get(), "second", "sk-2"))()
    await set_timeouts(site, total_s=0.3)
    site.configure(attempts=3)
    site.upstream.default = raw(b"", hang=True)

    async with asyncio.timeout(5):
        response = await site.chat()

    assert response.status_code == 504
    assert "total time-out" in response.json()["error"]["message"]
    assert len(site.upstream.requests) == 1


async def test_a_mapping_gives_another_name_and_a_price(site: Site) -> None:
    await sync_to_async(
        lambda: make_mapping(
            Platform.objects.get(),
            "nice",
            upstream_name="upstream-1",
            price_prompt_micros=2_000_000,
            price_completion_micros=10_000_000,
        )
    )()
    await site.reload()

    response = await site.chat(model="nice")

    assert response.json()["model"] == "nice"
    assert site.upstream.requests[0].json["model"] == "upstream-1"
    [record] = await site.records(1)
    assert (record.model, record.upstream_model) == ("nice", "upstream-1")
    assert record.cost_micros == 9 * 2 + 4 * 10
    assert (record.price_version, record.prices["prompt"]) == (1, 2_000_000)


@pytest.mark.parametrize(
    ("over", "status", "code"),
    [
        ({"model": "off"}, 404, "model_not_found"),
        ({"model": "painter"}, 400, "invalid_value"),
        ({"model": "unmapped"}, 404, "model_not_found"),
    ],
)
async def test_models_that_cannot_be_called_are_refused_by_name(
    site: Site, over: Any, status: int, code: str
) -> None:
    def rows() -> None:
        platform = Platform.objects.get()
        make_mapping(platform, "off", enabled=False)
        make_mapping(platform, "painter", kind="image")
        platform.pass_unmapped = False
        platform.save()

    await sync_to_async(rows)()
    await site.reload()

    response = await site.chat(**over)

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert response.json()["error"]["param"] == "model"
    assert over["model"] in response.json()["error"]["message"]
    assert site.upstream.requests == []


async def test_an_unknown_exception_is_told_without_detail(site: Site) -> None:
    class Broken:
        def platform(self, slug: str) -> None:
            raise RuntimeError("a secret detail")

    site.gateway.catalogue = Broken()  # type: ignore[assignment]

    response = await site.chat()

    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret detail" not in response.text


async def test_the_access_line_says_who_what_and_how_long_and_no_key(site: Site) -> None:
    response = await site.chat()
    site.gateway.access.flush()

    text = site.log.read_text()
    line = orjson.loads(text.splitlines()[-1])
    assert line["request"] == response.headers["x-request-id"]
    assert (line["platform"], line["model"], line["status"]) == ("acme", "m-1", 200)
    assert (line["prompt_tokens"], line["completion_tokens"]) == (9, 4)
    assert site.key not in text
    assert site.key.startswith(line["licence"])
