"""Traces as a collector receives them: a real exporter, over HTTP, to a receiver of our own."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from platforms.models import Credential
from tests.gateway.conftest import SECRET, Site
from tests.gateway.test_metrics import cancelled, cut, mapped
from tests.upstreams import Upstream, answer, hello

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CONTENT = "MARKER-CONTENT"


@pytest.fixture
async def collector(settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Upstream]:
    """To be named before `site`, which then sends its traces there."""
    async with Upstream() as receiver:
        receiver.default = answer(b"", content_type="application/x-protobuf")
        settings.TOKENS_OTEL = True
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.base_url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        yield receiver
    # A collector that is gone ends the last sending of one that was down. No thread of it may
    # live on beside other tests: hypothesis blames a draw for the random numbers of its back-off.
    async with asyncio.timeout(10):
        while any(thread.name.startswith("OtelBatch") for thread in threading.enumerate()):
            await asyncio.sleep(0.01)


async def received(collector: Upstream, count: int) -> list[Span]:
    """So many spans, in order of their beginning, callers first."""
    async with asyncio.timeout(10):
        while True:
            spans = [
                span
                for request in collector.requests
                for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ]
            if len(spans) >= count:
                assert len(spans) == count
                return sorted(spans, key=lambda span: (span.start_time_unix_nano, span.kind))
            await asyncio.sleep(0.01)


def attributes(span: Span) -> dict[str, Any]:
    found = {}
    for pair in span.attributes:
        kind = pair.value.WhichOneof("value")
        assert kind is not None
        found[pair.key] = getattr(pair.value, kind)
    return found


@pytest.mark.parametrize("stream", [False, True], ids=["blocking", "streamed"])
async def test_a_call_is_a_span_with_its_attempt_inside(
    collector: Upstream, site: Site, stream: bool
) -> None:
    await mapped(site)
    if stream:
        site.upstream.plays = [hello()]

    response = await site.chat(stream=stream)

    call, attempt = await received(collector, 2)
    assert (call.name, call.kind) == ("chat m-1", Span.SPAN_KIND_SERVER)
    assert (attempt.name, attempt.kind) == ("chat m-1", Span.SPAN_KIND_CLIENT)
    assert attempt.parent_span_id == call.span_id
    assert attempt.trace_id == call.trace_id
    assert call.parent_span_id == b""
    assert call.start_time_unix_nano <= attempt.start_time_unix_nano
    assert attempt.start_time_unix_nano < attempt.end_time_unix_nano <= call.end_time_unix_nano
    [record] = await site.records(1)
    said = attributes(call)
    assert said.pop("tokens.licence") == record.licence_id
    assert (said.pop("gen_ai.response.time_to_first_chunk", 0) > 0) == stream
    assert said == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "acme",
        "gen_ai.request.model": "m-1",
        "gen_ai.request.stream": stream,
        "gen_ai.usage.input_tokens": record.prompt_tokens,
        "gen_ai.usage.output_tokens": record.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 0,
        "http.response.status_code": 200,
        "tokens.attempts": 1,
        "tokens.cost_micros": 1000,
        "tokens.outcome": "completed",
        "tokens.platform": "acme",
        "tokens.request": response.headers["x-request-id"],
    }
    assert attributes(attempt)["tokens.credential"] == "main"


@pytest.mark.parametrize(("flags", "spans"), [("01", 2), ("00", 0)], ids=["sampled", "not sampled"])
async def test_the_callers_trace_goes_on(
    collector: Upstream, site: Site, flags: str, spans: int
) -> None:
    headers = {**site.headers(), "traceparent": f"00-{TRACE}-{PARENT}-{flags}"}
    body = {"model": "m-1", "messages": [{"role": "user", "content": "x"}]}
    await site.client.post("/acme/v1/chat/completions", json=body, headers=headers)
    await site.client.get("/acme/v1/models", headers=headers)
    assert (await site.chat()).status_code == 200  # a call of its own, to wait for

    found = await received(collector, spans + (spans > 0) + 2)

    inside = [span for span in found if span.trace_id.hex() == TRACE]
    assert len(inside) == spans + (spans > 0)
    assert {s.name for s in inside if s.parent_span_id.hex() == PARENT} == (
        {"chat m-1", "models"} if spans else set()
    )


async def test_an_odd_traceparent_is_no_trouble(collector: Upstream, site: Site) -> None:
    authorization = site.headers()["Authorization"].encode()
    headers = {b"authorization": authorization, b"traceparent": "00-é-%x".encode()}
    response = await site.client.get("/acme/v1/models", headers=headers)

    assert response.status_code == 200
    [span] = await received(collector, 1)
    assert span.parent_span_id == b""


async def test_every_attempt_is_seen_with_what_became_of_it(
    collector: Upstream, site: Site
) -> None:
    platform = (await Credential.objects.aget()).platform_id
    first = await Credential.objects.aget()
    await Credential.objects.acreate(
        platform_id=platform, name="spare", secret_encrypted=first.secret_encrypted, tier=2
    )
    site.configure(attempts=2)
    await site.reload()
    site.upstream.plays = [answer({"error": {"message": f"{CONTENT} {SECRET}"}}, status=429)]

    assert (await site.chat(messages=[{"role": "user", "content": CONTENT}])).status_code == 200

    call, refused, answered = await received(collector, 3)
    assert call.status.code == Status.STATUS_CODE_UNSET
    assert refused.status.code == Status.STATUS_CODE_ERROR
    assert attributes(refused)["error.type"] == "rate"
    assert refused.end_time_unix_nano <= answered.start_time_unix_nano
    assert attributes(answered)["tokens.credential"] == "spare"
    assert answered.status.code == Status.STATUS_CODE_UNSET
    sent = b"".join(request.body for request in collector.requests)
    for secret in (CONTENT, SECRET, site.key):
        assert secret.encode() not in sent


@pytest.mark.parametrize(
    ("call", "outcome", "is_error"), [(cut, "truncated", True), (cancelled, "cancelled", False)]
)
async def test_streams_that_do_not_end_well_say_so(
    collector: Upstream, site: Site, call: Any, outcome: str, is_error: bool
) -> None:
    await call(site)

    spans = await received(collector, 2)

    assert attributes(spans[0])["tokens.outcome"] == outcome
    codes = {span.status.code for span in spans}
    assert codes == {Status.STATUS_CODE_ERROR if is_error else Status.STATUS_CODE_UNSET}


async def test_a_refused_call_is_a_span_alone(collector: Upstream, site: Site) -> None:
    site.key = "tk-unknown"

    assert (await site.chat()).status_code == 401

    [span] = await received(collector, 1)
    assert span.name == "chat"
    assert attributes(span)["tokens.outcome"] == "refused"


async def test_a_collector_that_is_down_is_waited_for_by_nobody(
    collector: Upstream, site: Site
) -> None:
    """It accepts connections and says nothing, the worst way to be down."""

    async def silent(peer: Any) -> None:
        await peer.until_closed()

    collector.default = silent
    loop = asyncio.get_running_loop()
    for _ in range(5):
        began = loop.time()
        assert (await site.chat()).status_code == 200
        assert loop.time() - began < 2
    assert site.gateway.traces is not None

    began = loop.time()
    await site.gateway.traces.aclose()

    assert loop.time() - began < 5
