"""A call's body, in JSON or as a form, as one set of fields. Blocks: run big ones in a thread."""

import orjson
from django.core.exceptions import (
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError

from gateway.errors import ApiError, BadRequest
from gateway.faces.media import from_form
from gateway.shapes import Json

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


def fields_of(request: HttpRequest) -> dict[str, Json]:
    """The fields. Raises ApiError: 400 for a body that cannot be read, 415 for another type."""
    given = (request.content_type or "").lower()
    if given in _FORMS:
        return _form(request)
    if given and given != "application/json" and not given.endswith("+json"):
        raise ApiError(
            415,
            f"The body is declared as {given[:100]}; this path takes application/json or "
            "multipart/form-data.",
            code="unsupported_media_type",
        )
    body = request.body
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        what = f"{error.msg} (line {error.lineno}, column {error.colno})" if body else "it is empty"
        raise BadRequest(f"The body is not valid JSON: {what}.", code="invalid_json") from None
    if not isinstance(fields, dict):
        raise BadRequest("The body must be a JSON object.", code="invalid_type")
    return fields


def _form(request: HttpRequest) -> dict[str, Json]:
    try:
        texts = [(name, value) for name, values in request.POST.lists() for value in values]
        files = [(name, value) for name, values in request.FILES.lists() for value in values]
    except (TooManyFieldsSent, TooManyFilesSent, RequestDataTooBig) as error:
        raise BadRequest(f"The form is too big: {error}", code="invalid_form") from None
    except (MultiPartParserError, SuspiciousOperation, UnicodeError):
        raise BadRequest(
            "The body is not the form that its Content-Type announces; with curl, use --form.",
            code="invalid_form",
        ) from None
    return from_form(texts, files)
