"""Django's middleware, where the gateway's paths need another."""

import re
import zoneinfo
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware
from typing_extensions import override

from gateway.console import gate, policy

_CONSOLE = "/admin/"
_DOCS = "/docs/"
_OPEN = re.compile(r"/(?:(?:[^/]+/)?v1(?:/|$)|media/|(?:healthz|readyz|metrics)$)")


class ConsoleMiddleware(CommonMiddleware):
    """Django's own, for the console alone.

    It refuses hosts that are not in TOKENS_ALLOWED_HOSTS, which protects sessions and links. The
    API has neither, streams never pass here, and a client that reaches one must reach the other.
    Load balancers, containers and Prometheus ask for health and numbers by address, not by name.
    """

    @override
    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        if _OPEN.match(request.path_info):
            return None
        return super().process_request(request)


@sync_and_async_middleware
def operators_zone(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Shows the console's times in the zone of the browser, which console.js puts into a cookie.

    Without one, or with one that nobody knows: in TOKENS_TIME_ZONE. The API is passed by. Both
    sync and async, so that no view costs a change of threads for it.
    """
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponse:
            with timezone.override(_zone(request)):
                found: HttpResponse = await get_response(request)
            return found

        return answer_async

    def answer(request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone(request)):
            found: HttpResponse = get_response(request)
        return found

    return answer


@sync_and_async_middleware
def console_gate(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """What is asked before a page of the console, what its answer says, and what is written down.

    The API is passed by, without a query or a change of threads: hence both sync and async.
    """
    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponse:
            if not _is_page(request):
                passed: HttpResponse = await get_response(request)
                return passed
            began = timezone.now()
            found = await sync_to_async(_instead)(request)
            if found is None:
                found = await get_response(request)
            await sync_to_async(_afterwards)(request, found, began)
            return found

        return answer_async

    def answer(request: HttpRequest) -> HttpResponse:
        if not _is_page(request):
            passed: HttpResponse = get_response(request)
            return passed
        began = timezone.now()
        found: HttpResponse = _instead(request) or get_response(request)
        _afterwards(request, found, began)
        return found

    return answer


def _is_page(request: HttpRequest) -> bool:
    return request.path_info.startswith((_CONSOLE, _DOCS))


def _instead(request: HttpRequest) -> HttpResponse | None:
    return gate.answer_instead(request) if request.path_info.startswith(_CONSOLE) else None


def _afterwards(request: HttpRequest, response: HttpResponse, began: datetime) -> None:
    policy.protect(response)
    wrote = request.method not in ("GET", "HEAD", "OPTIONS")
    if wrote and request.path_info.startswith(_CONSOLE) and request.user.is_authenticated:
        gate.write_down(request, response, began)


def _zone(request: HttpRequest) -> tzinfo:
    name = request.COOKIES.get("tokens_zone", "") if request.path_info.startswith(_CONSOLE) else ""
    try:
        return zoneinfo.ZoneInfo(name) if name else timezone.get_default_timezone()
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return timezone.get_default_timezone()
