"""A call's body, in JSON or as a form, as one set of fields. Blocks: run big ones in a thread."""

from typing import Any

from django.core.exceptions import (
    BadRequest as DjangoBadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError

from gateway.errors import ApiError, BadRequest
from gateway.faces.media import from_form
from gateway.faces.openai import json_object
from gateway.shapes import Json

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
MAX_NAME = 1000  # characters
MAX_DEPTH = 100
"""Lists and objects inside each other; what writes JSON takes 254, and less of it is ours."""


def fields_of(request: HttpRequest) -> dict[str, Json]:
    """The fields. Raises ApiError: 400 for a body that cannot be read, 415 for another type."""
    given = (request.content_type or "").lower()
    fields = _form(request) if given in _FORMS else _json(request, given)
    if _is_deep(fields):
        raise BadRequest(
            f"The body holds more than {MAX_DEPTH} lists and objects inside each other.",
            code="invalid_json",
        )
    return fields


def _json(request: HttpRequest, given: str) -> dict[str, Json]:
    if given and given != "application/json" and not given.endswith("+json"):
        raise ApiError(
            415,
            f"The body is declared as {given[:100]}; this path takes application/json or "
            "multipart/form-data.",
            code="unsupported_media_type",
        )
    return json_object(request.body)


def _form(request: HttpRequest) -> dict[str, Json]:
    try:
        texts = [(name, value) for name, values in request.POST.lists() for value in values]
        files = [(name, value) for name, values in request.FILES.lists() for value in values]
    except (TooManyFieldsSent, TooManyFilesSent, RequestDataTooBig) as error:
        raise BadRequest(f"The form is too big: {error}", code="invalid_form") from None
    except (MultiPartParserError, SuspiciousOperation, DjangoBadRequest, UnicodeError, LookupError):
        # The last three: of a charset that forms are not written in, or that is no charset.
        raise BadRequest(
            "The body is not the form that its Content-Type announces; with curl, use --form.",
            code="invalid_form",
        ) from None
    if any(len(name) > MAX_NAME for name, _value in (*texts, *files)):
        raise BadRequest(
            f"The name of a field is longer than {MAX_NAME} characters, the most.",
            code="invalid_form",
        )
    return from_form(texts, files)


def _is_deep(fields: dict[str, Json]) -> bool:
    """Whether it is nested too deeply. Level by level, because Python's own stack is not deep."""
    level: list[Any] = [fields]
    for _depth in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
