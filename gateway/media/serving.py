"""A stored file as an answer: ranges, validators, its true type, and headers that make it inert."""

import re
from collections.abc import AsyncIterator, Mapping

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse

from gateway.errors import ApiError
from gateway.media.storage import Store
from gateway.models import MediaFile

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


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
    if etag in re.split(r"\s*,\s*", headers.get("If-None-Match", "")):
        response = HttpResponse(status=304)
        return _with_headers(response, file, etag, max_age_s)
    start, end = 0, file.size - 1
    wanted = _range(headers, etag, file.size)
    if wanted is None:
        response = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{file.size}"
        return response
    partial = wanted != (start, end)
    start, end = wanted
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
    response.status_code = 206 if partial else 200
    if partial:
        response["Content-Range"] = f"bytes {start}-{end}/{file.size}"
    response["Content-Length"] = str(length)
    return _with_headers(response, file, etag, max_age_s)


def _range(headers: Mapping[str, str], etag: str, size: int) -> tuple[int, int] | None:
    """First and last byte asked for; the whole file where none or several; None: impossible."""
    whole = (0, size - 1)
    condition = headers.get("If-Range")
    if condition is not None and condition != etag:
        return whole
    match = _RANGE.fullmatch(headers.get("Range", "").strip())
    if match is None or match[0] == "bytes=-":
        return whole
    if not match[1]:  # the last so many
        count = min(int(match[2]), size)
        return (size - count, size - 1) if count else None
    start = int(match[1])
    end = min(int(match[2]) if match[2] else size - 1, size - 1)
    if match[2] and int(match[2]) < start:
        return whole  # no valid range: as if there were none
    return (start, end) if start < size else None


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
