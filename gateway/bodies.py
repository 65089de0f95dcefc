"""Bodies of requests that may hold files: pieces in memory, and files that are read when sent.

A 50 MB picture is never in memory: a protocol puts a reference to it into the body, as a part of a
form or as base64 inside JSON, and the transport reads the file piece by piece. Pure.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.shapes import Json


@dataclass(frozen=True, slots=True)
class Source:
    """One input of a call, a picture, mask or film: an address, or a file of our own."""

    name: str
    """The field that it came in, for messages: `image[0]`, `input_reference`."""
    url: str = ""
    """Where anyone may fetch it; "" for a file."""
    file: str = ""
    """The stored file's name; "" for an address."""
    content_type: str = ""
    """What its bytes show; "" for an address."""
    size: int = 0
    """Bytes; 0 for an address."""

    @property
    def filename(self) -> str:
        """A name for a form's part; platforms look at its ending."""
        stem = self.name.partition("[")[0] or "file"
        return f"{stem}.{self.content_type.rpartition('/')[2] or 'bin'}"


@dataclass(frozen=True, slots=True)
class Blob:
    """A source's bytes at this place of a body."""

    source: Source
    base64: bool = False

    @property
    def length(self) -> int:
        """Bytes that it takes in the body."""
        return (self.source.size + 2) // 3 * 4 if self.base64 else self.source.size


Body = tuple[bytes | Blob, ...]
"""A body in the order in which it is sent."""


class Embedded:
    """A place in a JSON value that a source takes: as data URL, as bare base64, or by address."""

    __slots__ = ("bare", "source")

    def __init__(self, source: Source, *, bare: bool = False) -> None:
        """`bare`: without the `data:` prefix."""
        self.source = source
        self.bare = bare


def length(body: Body) -> int:
    """Bytes of the whole body."""
    return sum(piece.length if isinstance(piece, Blob) else len(piece) for piece in body)


def json_body(value: Json) -> Body:
    """A JSON document in which `Embedded` values stand for files."""
    mark = secrets.token_hex(16)  # nobody can have put it into the value
    found: list[Source] = []

    def place(embedded: Any) -> str:
        if not isinstance(embedded, Embedded):
            raise TypeError(f"{type(embedded).__name__} is no JSON")
        source = embedded.source
        if source.url:
            return source.url
        found.append(source)
        prefix = "" if embedded.bare else f"data:{source.content_type};base64,"
        return f"{prefix}{mark}"

    pieces = orjson.dumps(value, default=place).split(mark.encode("ascii"))
    body: list[bytes | Blob] = [pieces[0]]
    for source, piece in zip(found, pieces[1:], strict=True):
        body += (Blob(source, base64=True), piece)
    return tuple(body)


def form_body(
    fields: Iterable[tuple[str, str]], files: Iterable[tuple[str, Source]]
) -> tuple[str, Body]:
    """A form with files: its Content-Type and its body. A field may come several times."""
    boundary = secrets.token_hex(16)
    body: list[bytes | Blob] = []
    text = ""
    for name, value in fields:
        text += _head(boundary, f'name="{_quoted(name)}"') + value + "\r\n"
    for name, source in files:
        text += _head(
            boundary,
            f'name="{_quoted(name)}"; filename="{_quoted(source.filename)}"',
            source.content_type or "application/octet-stream",
        )
        body += (text.encode(), Blob(source))
        text = "\r\n"
    body.append(f"{text}--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", tuple(body)


def _head(boundary: str, disposition: str, content_type: str = "") -> str:
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n"


def _quoted(name: str) -> str:
    """As browsers do (WHATWG HTML, multipart/form-data encoding)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
