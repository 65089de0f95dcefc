"""Parts of a chat that its platform does not take as they are, made into ones that it does.

That is a file given by its address: OpenAI's `file` part takes data, not addresses (API document,
ChatCompletionRequestMessageContentPartFile); and a picture's address, where the platform takes
data only. They are fetched by the guarded fetcher.
"""

import base64
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from gateway.errors import BadRequest
from gateway.fetch import Fetcher, Limits, Refused
from gateway.media import kinds
from gateway.shapes import Chat

FETCH_S = 60.0
"""For all of a chat's addresses together."""
_TEXTS = ("text/plain", "text/markdown", "text/csv", "application/json", "text/xml")


async def take(
    chat: Chat, fetcher: Fetcher, limit: int, takes_address: Callable[[str], bool]
) -> None:
    """Replace addresses by what is there, `limit` bytes of it in all.

    `takes_address`: whether the platform fetches a picture from this address itself. Raises
    BadRequest that names the part.
    """
    left = limit
    for path, part in _addressed(chat, takes_address):
        if part["type"] == "file":
            left -= await _file(part["file"], f"{path}.file.file_data", fetcher, left)
        else:
            left -= await _image(part["image_url"], f"{path}.image_url.url", fetcher, left)


def are_to_be_fetched(chat: Chat, takes_address: Callable[[str], bool]) -> bool:
    """Whether there is anything for `take` to do."""
    return next(_addressed(chat, takes_address), None) is not None


def _addressed(
    chat: Chat, takes_address: Callable[[str], bool]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parts that are addresses and must not be, each with its path."""
    for number, message in enumerate(chat["messages"]):
        content = message.get("content")
        if type(content) is not list:
            continue
        for place, part in enumerate(content):
            if part["type"] == "file":
                wanted = _is_address(part["file"].get("file_data"))
            elif part["type"] == "image_url":
                url = part["image_url"]["url"]
                wanted = _is_address(url) and not takes_address(url)
            else:
                wanted = False
            if wanted:
                yield f"messages[{number}].content[{place}]", part


def _is_address(data: Any) -> bool:
    return isinstance(data, str) and "://" in data[:16]


async def _file(file: dict[str, Any], path: str, fetcher: Fetcher, limit: int) -> int:
    """Fetch a file; how many bytes it has."""
    url = file["file_data"]
    data, declared = await _fetched(url, path, fetcher, limit)
    media_type = _type(data, declared, path)
    file["file_data"] = _data_url(media_type, data)
    if not file.get("filename"):
        # OpenAI refuses a file without a name.
        name = unquote(urlsplit(url).path.rpartition("/")[2])[:200]
        file["filename"] = name or f"file.{media_type.rpartition('/')[2]}"
    return len(data)


async def _image(image: dict[str, Any], path: str, fetcher: Fetcher, limit: int) -> int:
    """Fetch a picture; how many bytes it has."""
    data, _declared = await _fetched(image["url"], path, fetcher, limit)
    kind = kinds.sniff(data[: kinds.HEAD])
    if kind is None or kind.family != "image":
        raise _bad(path, f"it is {kinds.describe(data[: kinds.HEAD])}; give a picture.")
    image["url"] = _data_url(kind.type, data)
    return len(data)


async def _fetched(url: str, path: str, fetcher: Fetcher, limit: int) -> tuple[bytes, str]:
    """What is at an address, and what it is declared to be."""
    pieces = []
    try:
        async with fetcher.open(url, Limits(max(limit, 1), FETCH_S)) as fetched:
            async for piece in fetched.pieces():
                pieces.append(piece)
            declared = fetched.content_type
    except Refused as refused:
        raise _bad(path, refused.message) from None
    return b"".join(pieces), declared


def _data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def _type(data: bytes, declared: str, path: str) -> str:
    """What its bytes show; for texts, which show nothing, what was declared."""
    kind = kinds.sniff(data[: kinds.HEAD])
    if kind is not None:
        return kind.type
    shown = kinds.describe(data[: kinds.HEAD])
    if shown in ("text", "JSON"):
        return declared if declared in _TEXTS else "text/plain"
    raise _bad(path, f"it is {shown}; give a PDF, a text or a picture.")


def too_slow() -> BadRequest:
    """The answer for addresses that take too long, all together."""
    return BadRequest(
        f"The addresses in 'messages' could not be fetched within {FETCH_S:g} seconds; send the "
        "files themselves.",
        param="messages",
        code="invalid_file",
    )


def _bad(path: str, what: str) -> BadRequest:
    return BadRequest(f"'{path}' cannot be used: {what}", param=path, code="invalid_file")
