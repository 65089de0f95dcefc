"""For load balancers and monitors: is this process alive, and can it do its work?"""

import asyncio

from django.conf import settings
from django.db import Error as DatabaseFailure, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from gateway.runtime import Gateway

TIMEOUT_S = 2.0


async def healthz(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all."""
    return JsonResponse({"status": "ok", "version": settings.TOKENS_VERSION})


async def no_icon(request: HttpRequest) -> HttpResponse:
    """Browsers ask for an icon on their own; that there is none is no error in their console."""
    return HttpResponse(status=204)


async def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database and journal work; 503 names what does not."""
    gateway = await Gateway.current()
    database = "ok"
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await gateway.in_database_thread(_ask_database)
    except TimeoutError:
        database = f"no answer within {TIMEOUT_S:g} seconds"
    except DatabaseFailure:
        database = "fails; the log says how"
    checks = {"database": database, "journal": gateway.journal.trouble or "ok"}
    ready = all(state == "ok" for state in checks.values())
    return JsonResponse(
        {
            "status": "ok" if ready else "not ready",
            **checks,
            "journal_lag_bytes": gateway.booking.lag_bytes,
            "version": settings.TOKENS_VERSION,
        },
        status=200 if ready else 503,
    )


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
