"""Parts of a chat that its platform does not take as they are, made into ones that it does.

So far that is a file given by its address: OpenAI's `file` part takes data, not addresses (API
document, ChatCompletionRequestMessageContentPartFile). It is fetched by the guarded fetcher.
"""

import base64
from typing import Any
from urllib.parse import unquote, urlsplit

from gateway.errors import BadRequest
from gateway.fetch import Fetcher, Limits, Refused
from gateway.media import kinds
from gateway.shapes import Chat

_FETCH_S = 60.0
_TEXTS = ("text/plain", "text/markdown", "text/csv", "application/json", "text/xml")


async def take(chat: Chat, fetcher: Fetcher, limit: int) -> None:
    """Replace addresses of files by the files themselves, `limit` bytes of them in all.

    Raises BadRequest that names the part.
    """
    left = limit
    for number, message in enumerate(chat["messages"]):
        content = message.get("content")
        if type(content) is not list:
            continue
        for place, part in enumerate(content):
            if part["type"] == "file" and _is_address(part["file"].get("file_data")):
                path = f"messages[{number}].content[{place}].file.file_data"
                left -= await _fetch(part["file"], path, fetcher, left)


def _is_address(data: Any) -> bool:
    return isinstance(data, str) and "://" in data[:16]


async def _fetch(file: dict[str, Any], path: str, fetcher: Fetcher, limit: int) -> int:
    """Fetch one; how many bytes it has."""
    url = file["file_data"]
    pieces = []
    try:
        async with fetcher.open(url, Limits(max(limit, 1), _FETCH_S)) as fetched:
            async for piece in fetched.pieces():
                pieces.append(piece)
            declared = fetched.content_type
    except Refused as refused:
        raise _bad(path, refused.message) from None
    data = b"".join(pieces)
    media_type = _type(data, declared, path)
    file["file_data"] = f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
    if not file.get("filename"):
        # OpenAI refuses a file without a name.
        name = unquote(urlsplit(url).path.rpartition("/")[2])[:200]
        file["filename"] = name or f"file.{media_type.rpartition('/')[2]}"
    return len(data)


def _type(data: bytes, declared: str, path: str) -> str:
    """What its bytes show; for texts, which show nothing, what was declared."""
    kind = kinds.sniff(data[: kinds.HEAD])
    if kind is not None:
        return kind.type
    shown = kinds.describe(data[: kinds.HEAD])
    if shown in ("text", "JSON"):
        return declared if declared in _TEXTS else "text/plain"
    raise _bad(path, f"it is {shown}; give a PDF, a text or a picture.")


def _bad(path: str, what: str) -> BadRequest:
    return BadRequest(f"'{path}' cannot be used: {what}", param=path, code="invalid_file")
