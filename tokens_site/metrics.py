"""`/metrics` on the main port, for those who have its token."""

import hmac

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from gateway.runtime import Gateway


@require_safe
async def metrics(request: HttpRequest) -> HttpResponse:
    """All processes' numbers. Without a token in the settings there is no such page."""
    if not settings.TOKENS_METRICS_TOKEN:
        raise Http404
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), settings.TOKENS_METRICS_TOKEN.encode()):
        return HttpResponse(
            "Send the metrics' token as “Authorization: Bearer <TOKENS_METRICS_TOKEN>”.\n",
            status=401,
            content_type="text/plain; charset=utf-8",
            headers={"WWW-Authenticate": "Bearer"},
        )
    gateway = await Gateway.current()
    status, body, content_type = await gateway.meter.answer(request.headers.get("accept", ""))
    return HttpResponse(body, status=status, content_type=content_type)
