"""Django's middleware, where the gateway's paths need another."""

import re

from django.http import HttpRequest, HttpResponsePermanentRedirect
from django.middleware.common import CommonMiddleware
from typing_extensions import override

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
