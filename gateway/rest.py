"""For DRF views: who calls, and errors in OpenAI's shape."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from adrf.views import APIView
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponseBase
from rest_framework import exceptions
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from gateway.errors import ApiError, explain, method_not_allowed, not_found
from gateway.faces import anthropic_stream, gemini_stream
from gateway.faces.model_lists import shape_for
from gateway.models import Outcome
from gateway.runtime import Gateway
from gateway.shapes import RawHeaders
from gateway.usage.entry import Entry
from licences.holders import Holder

logger = logging.getLogger(__name__)

CLIENT_CLOSED = 499  # nginx's number for a client that left before it was answered


class OnlyJson(BaseContentNegotiation):
    """Answers what it answers: SDKs send `Accept` headers for files on paths that also err."""

    @override
    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next(iter(parsers))

    @override
    def select_renderer(
        self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class GatewayView(APIView):  # type: ignore[misc] # adrf has no types
    """An endpoint that does not stream. Subclasses write `async def get(self, request, …)`."""

    endpoint = ""
    """Its name in logs."""
    booked = False
    """Whether refused calls make a usage record; media tasks write their own when they end."""
    parser_classes = [JSONParser]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = OnlyJson
    gateway: Gateway
    entry: Entry
    error: ApiError | None = None

    @override
    async def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer, with the request's id in the header and one line in the access log."""
        self.gateway = await Gateway.current()
        platform = kwargs.get("platform") or ""
        journal = self.gateway.journal if self.booked else None
        self.entry = Entry(
            self.endpoint,
            platform,
            journal=journal,
            access=self.gateway.access,
            metrics=self.gateway.metrics,
            traces=self.gateway.traces,
        )
        self.entry.traceparent = request.headers.get("traceparent", "")
        self.gateway.live().begin(self.entry)
        try:
            response: HttpResponseBase = await super().async_dispatch(request, *args, **kwargs)
            return self._written(response)
        except asyncio.CancelledError:  # Django cancels a view whose client has left
            self.entry.write(Outcome.CANCELLED, CLIENT_CLOSED)
            raise
        finally:
            self.gateway.live().end(self.entry)
            if self.entry.reservation is not None:
                await self.gateway.limiter.sheltered(self.entry.settle())

    def _written(self, response: HttpResponseBase) -> HttpResponseBase:
        for name, value in self.entry.headers():
            response[name.decode("ascii")] = value.decode("ascii")
        ok = response.status_code < 400
        failed = response.status_code >= 500
        outcome = Outcome.UPSTREAM_ERROR if failed else Outcome.REFUSED
        self.entry.write(Outcome.COMPLETED if ok else outcome, response.status_code, self.error)
        return response

    async def options(self, request: Request, *_args: Any, **_kwargs: Any) -> Response:
        """The header `Allow` alone: DRF's own answer describes the code to whoever asks."""
        return Response(status=204)

    async def authenticate(self, request: Request) -> Holder:
        """The licence that calls. Raises LicenceError."""
        names = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
        headers: RawHeaders = [
            (name.encode("ascii"), request.headers[name].encode("latin-1", "replace"))
            for name in names
            if name in request.headers
        ]
        address = request.META.get("REMOTE_ADDR")
        self.entry.holder = await self.gateway.register.authenticate(headers, address)
        group, retries = (
            request.headers.get(name, "").encode("latin-1", "replace")
            for name in ("x-tokens-group", "x-tokens-retries")
        )
        self.entry.read_hints(group, retries)
        return self.entry.holder


class UnknownPath(GatewayView):
    """Everything under /<platform>/v1/ that is not served."""

    endpoint = "unknown"

    async def get(self, request: Request, *_args: Any, **_kwargs: Any) -> Response:
        """404, whatever the method."""
        raise not_found(request.path)

    post = put = patch = delete = head = options = get


def answer_exception(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: every failure in the client's own shape."""
    explained = explain(_translated(error, context))
    view = context.get("view")
    entry = getattr(view, "entry", None)
    if isinstance(view, GatewayView):
        view.error = explained
        view.gateway.metrics.refused(error)
    if explained.code == "internal_error":
        logger.error("Request %s failed", entry.id if entry else "?", exc_info=error)
    body = _in_the_clients_words(explained, context["request"])
    return Response(body, status=explained.status, headers=explained.headers)


def _in_the_clients_words(error: ApiError, request: Request) -> dict[str, Any]:
    """The error's body for whoever asks, as far as path and headers tell."""
    shape = shape_for(request.headers, beta="/v1beta/" in request.path)
    if "/v1/messages" in request.path:
        shape = "anthropic"
    if shape == "openai":
        return error.body()
    return (
        anthropic_stream.error_body(error)
        if shape == "anthropic"
        else gemini_stream.error_body(error)
    )


def _translated(error: Exception, context: dict[str, Any]) -> Exception:
    """DRF's and Django's own exceptions as ours."""
    request, view = context["request"], context["view"]
    if isinstance(error, exceptions.MethodNotAllowed):
        allowed = ", ".join(name for name in view.allowed_methods if name != "OPTIONS")
        return method_not_allowed(str(request.method), allowed)
    if isinstance(error, Http404 | exceptions.NotFound):
        return not_found(request.path)
    if isinstance(error, SuspiciousOperation):  # such as a thousand parameters in the query
        return ApiError(400, f"The request cannot be read: {error}", code="invalid_request")
    if isinstance(error, exceptions.UnsupportedMediaType):
        return ApiError(415, str(error.detail), code="unsupported_media_type")
    if isinstance(error, exceptions.APIException) and error.status_code < 500:
        return ApiError(error.status_code, str(error.detail), code="invalid_request")
    return error
