"""`/openapi.json` and `/docs/`: for everybody who may call; there is nothing secret in them."""

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from gateway.reference.document import document


@require_safe
async def openapi(request: HttpRequest) -> HttpResponse:
    """The document, in the language of whoever asks."""
    return HttpResponse(
        orjson.dumps(document()),
        content_type="application/json",
        headers={"Access-Control-Allow-Origin": "*", "Vary": "Accept-Language"},
    )


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The document as a page, in which calls can be tried."""
    return render(request, "reference/docs.html")
