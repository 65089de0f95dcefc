"""OpenTelemetry traces: one span per call, one within it per attempt. Imported only if wanted.

Made when a call has ended, from what its entry knows by then, so that nothing is done while it
runs. Names are those of OpenTelemetry's conventions for generative AI (1.41, "development"). No
contents, no messages of errors, no secrets.
"""

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

from django.conf import settings
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.models import Outcome
from gateway.shapes import Json
from platforms.catalogue import Catalogue

if TYPE_CHECKING:
    from gateway.usage.entry import Entry

CLOSE_S = 3.0  # for what is not sent yet at the end; a collector that is down gets no longer
_OPERATIONS = {"messages": "chat", "responses": "chat"}
_PROVIDERS = {
    "azure-openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "custom": "",  # the platform's short name instead
    "gemini": "gcp.gemini",
    "gemini-openai": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""The conventions' own names of platforms, where the preset is called otherwise."""
_FAILED = (Outcome.UPSTREAM_ERROR, Outcome.TRUNCATED)


class Traces:
    """Sends spans from a thread of its own; too many are dropped, and nobody waits for them.

    `finished` takes about 130 µs with one attempt (`python -m bench.metrics`, Nov 2026).
    """

    def __init__(self, catalogue: Catalogue) -> None:
        """Where to send, with which headers, and which share of calls, the environment says.

        By OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT and others.
        """
        told = {"service.version": settings.TOKENS_VERSION}
        if not os.environ.get("OTEL_SERVICE_NAME"):
            told["service.name"] = "tokens"
        self._provider = TracerProvider(resource=Resource.create(told), shutdown_on_exit=False)
        self._exporter = OTLPSpanExporter()
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("tokens", settings.TOKENS_VERSION)
        self._parents = TraceContextTextMapPropagator()
        self._catalogue = catalogue

    def finished(self, entry: "Entry") -> None:
        """A call has ended; its entry knows how."""
        operation = _OPERATIONS.get(entry.endpoint, entry.endpoint)
        parent = Context()
        if entry.traceparent:
            parent = self._parents.extract({"traceparent": entry.traceparent}, parent)
        span = self._tracer.start_span(
            f"{operation} {entry.model}".rstrip(),
            parent,
            SpanKind.SERVER,
            start_time=entry.at_ns,
        )
        if not span.is_recording():
            return
        end_ns = _after(entry, entry.elapsed_s())
        span.set_attributes(self._of_call(entry, operation))
        if entry.outcome in _FAILED:
            _fail(span, _why(entry))
        inside = set_span_in_context(span, parent)
        for number, tried in enumerate(entry.tries):
            self._attempt(entry, operation, number, tried, inside, end_ns)
        span.end(end_ns)

    async def aclose(self) -> None:
        """Send what is left, for at most CLOSE_S."""
        # A daemon: asyncio's own threads would be waited for at the process's end.
        thread = threading.Thread(target=self._provider.shutdown, daemon=True)
        thread.start()
        await asyncio.to_thread(thread.join, CLOSE_S)
        if thread.is_alive():
            # It would try again and again for half a minute: what it has in hand is its last.
            self._exporter.shutdown()  # type: ignore[no-untyped-call] # as OpenTelemetry has it

    def _attempt(
        self,
        entry: "Entry",
        operation: str,
        number: int,
        tried: dict[str, Json],
        inside: Context,
        end_ns: int,
    ) -> None:
        """One upstream call. The one that answered lasts as long as the answer."""
        began_s = entry.tried_at[number]
        failure = tried.get("failure")
        is_last = number == len(entry.tries) - 1
        span = self._tracer.start_span(
            f"{operation} {tried['model']}".rstrip(),
            inside,
            SpanKind.CLIENT,
            {
                "gen_ai.operation.name": operation,
                "gen_ai.provider.name": self._provider_of(str(tried["platform"])),
                "gen_ai.request.model": str(tried["model"]),
                "tokens.platform": str(tried["platform"]),
                "tokens.credential": str(tried["credential"]),
            },
            start_time=_after(entry, began_s),
        )
        if failure:
            _fail(span, str(failure))
        elif is_last:
            span.set_attributes(_used(entry))
            if entry.outcome in _FAILED:  # it had begun to answer
                _fail(span, _why(entry))
        lasts = is_last and not failure
        span.end(end_ns if lasts else _after(entry, began_s + tried.get("ms", 0) / 1000))

    def _of_call(self, entry: "Entry", operation: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "gen_ai.operation.name": operation,
            "gen_ai.request.stream": entry.stream,
            "http.response.status_code": entry.status,
            "tokens.request": entry.id,
            "tokens.outcome": str(entry.outcome),
            "tokens.attempts": entry.attempts,
            **_used(entry),
        }
        if entry.model:
            found["gen_ai.request.model"] = entry.model
        if entry.holder is not None:
            found["tokens.licence"] = entry.holder.id
        if entry.route is not None:
            slug = entry.route.platform.slug
            found["tokens.platform"] = slug
            found["gen_ai.provider.name"] = self._provider_of(slug)
        if entry.stream and entry.first_byte_s is not None:
            found["gen_ai.response.time_to_first_chunk"] = entry.first_byte_s
        return found

    def _provider_of(self, slug: str) -> str:
        platform = self._catalogue.snapshot.platforms.get(slug)
        preset = platform.preset if platform else ""
        return _PROVIDERS.get(preset, preset) or slug


def _used(entry: "Entry") -> dict[str, Any]:
    usage = entry.usage
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        "tokens.cost_micros": entry.cost_micros,
    }


def _why(entry: "Entry") -> str:
    return (entry.error and entry.error.code) or str(entry.outcome)


def _fail(span: Span, why: str) -> None:
    span.set_attribute("error.type", why)
    span.set_status(StatusCode.ERROR)


def _after(entry: "Entry", seconds: float) -> int:
    """This long after the call's beginning, in Unix nanoseconds."""
    return entry.at_ns + int(seconds * 1e9)
