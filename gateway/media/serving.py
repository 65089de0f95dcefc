"""A stored file as an answer: ranges, validators, its true type, and headers that make it inert."""

import re
from collections.abc import AsyncIterator, Mapping

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from gateway.errors import ApiError
from gateway.media.storage import Store
from gateway.models import MediaFile

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.IGNORECASE)


def gone() -> ApiError:
    """The answer for a file whose days are over."""
    return ApiError(
        410,
        "This file was deleted, because its time was over. Files are kept for some days only; "
        "fetch them soon.",
        code="media_expired",
    )


async def serve(
    store: Store, file: MediaFile, headers: Mapping[str, str], *, method: str, max_age_s: int
) -> HttpResponseBase:
    """The file, or the part of it that the request's `Range` asks for (RFC 9110 §14).

    `max_age_s`: how long the caller may keep it. Raises ApiError where the file is gone.
    """
    etag = f'"{file.sha256}"'
    response: HttpResponseBase
    known = re.split(r"\s*,\s*", headers.get("If-None-Match", ""))
    if any(one.removeprefix("W/") in (etag, "*") for one in known):
        response = HttpResponse(status=304)
        return _with_headers(response, file, etag, max_age_s)
    wanted = _range(headers, etag, file.size)
    start, end = wanted or (0, file.size - 1)
    length = end - start + 1
    if method == "HEAD":
        response = HttpResponse()
    else:
        pieces = store.read(file.name, start, length)
        try:
            # The first piece now: a file that is gone is an error, and not a cut answer.
            first = await anext(pieces, b"")
        except FileNotFoundError:
            raise gone() from None

        async def body() -> AsyncIterator[bytes]:
            yield first
            async for piece in pieces:
                yield piece

        response = StreamingHttpResponse(body())
    response.status_code = 206 if wanted else 200
    if wanted:
        response["Content-Range"] = f"bytes {start}-{end}/{file.size}"
    response["Content-Length"] = str(length)
    return _with_headers(response, file, etag, max_age_s)


def _range(headers: Mapping[str, str], etag: str, size: int) -> tuple[int, int] | None:
    """First and last byte asked for; None where none or several are, or what is no range.

    Players that ask for a range trust a 206 alone, also for all of the file. Raises ApiError (416).
    """
    condition = headers.get("If-Range")
    if condition is not None and condition != etag:
        return None
    match = _RANGE.fullmatch(headers.get("Range", "").strip())
    if match is None or not (match[1] or match[2]):
        return None
    if match[1]:
        start = int(match[1])
        end = min(int(match[2]) if match[2] else size - 1, size - 1)
        if match[2] and int(match[2]) < start:
            return None
    else:  # the last so many
        start, end = max(0, size - int(match[2])), size - 1
    if start >= size:
        raise ApiError(
            416,
            f"The Range {match[0]} lies beyond this file, which has {size} bytes.",
            param="Range",
            code="range_not_satisfiable",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end


def _with_headers(
    response: HttpResponseBase, file: MediaFile, etag: str, max_age_s: int
) -> HttpResponseBase:
    response["Content-Type"] = file.content_type
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Cache-Control"] = f"private, max-age={max(0, max_age_s)}"
    # It was made elsewhere: a browser shall show it, and nothing else.
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; media-src 'self'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    name = file.name.rpartition("/")[2]
    response["Content-Disposition"] = f'inline; filename="{name}"'
    return response
