"""Pictures that come with a call: uploaded, embedded or named; looked at, then kept as files."""

import asyncio
import contextlib
import hashlib
import io
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from django.utils import timezone

from gateway.bodies import Source
from gateway.errors import BadRequest
from gateway.faces.media import Asked, Input
from gateway.fetch import Limits, Refused
from gateway.media import kinds, spill
from gateway.media.storage import Draft
from gateway.media.tools import Tools
from gateway.models import MediaFile

MAX_PICTURE = 50 * 2**20  # bytes; OpenAI's own limit
_FETCH_S = 60.0
_PIECE = 256 * 2**10
_TYPES = frozenset(("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"))


@dataclass(frozen=True, slots=True)
class Taken:
    """One input, looked at: an address that is passed on, or a draft."""

    name: str
    url: str = ""
    draft: Draft | None = None
    kind: kinds.Kind | None = None

    @property
    def identity(self) -> str:
        """What a repetition of the same request has too."""
        return self.url or (self.draft.sha256 if self.draft else "")


class Intake:
    """All inputs of one call; `with` removes the drafts that were not kept."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Intake":
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    async def take(self, inputs: Iterable[Input], *, urls: bool) -> list[Taken]:
        """Look at each. `urls`: addresses are passed on; otherwise they are fetched now.

        Raises BadRequest that names the field.
        """
        return [await self._take(given, urls=urls) for given in inputs]

    async def _take(self, given: Input, *, urls: bool) -> Taken:
        is_address = bool(given.text) and given.text[:5].lower() != "data:"
        if is_address and urls:
            try:
                self._tools.fetcher.check(given.text)
            except Refused as refused:
                raise _bad(given.name, refused.message) from None
            return Taken(given.name, url=given.text)
        draft = self._stack.enter_context(self._tools.store.draft())
        if is_address:
            await self._fetch(given, draft)
        elif given.upload is not None:
            await asyncio.to_thread(_copy, given, draft)
        else:
            await asyncio.to_thread(_decode, given, draft)
        kind = await asyncio.to_thread(_kind, given.name, draft)
        return Taken(given.name, draft=draft, kind=kind)

    async def _fetch(self, given: Input, draft: Draft) -> None:
        try:
            async with self._tools.fetcher.open(
                given.text, Limits(MAX_PICTURE, _FETCH_S)
            ) as fetched:
                async for piece in fetched.pieces():
                    draft.write(piece)
        except Refused as refused:
            raise _bad(given.name, refused.message) from None

    async def keep(self, taken: Taken) -> tuple[Source, str | None]:
        """Store it; where protocols find it, and the id of its MediaFile."""
        if taken.draft is None or taken.kind is None:
            return Source(taken.name, url=taken.url), None
        file = await new_file(self._tools, taken.draft, "input", taken.kind)
        return Source(
            taken.name, file=file.name, content_type=file.content_type, size=file.size
        ), file.pk


async def new_file(
    tools: Tools,
    draft: Draft,
    variant: str,
    kind: kinds.Kind,
    position: int = 0,
    revised_prompt: str = "",
) -> MediaFile:
    """Store a draft; first the row, so that no file is there that nobody knows of."""
    now = timezone.now()
    id = secrets.token_hex(16)
    folder = "inputs" if variant == "input" else "results"
    file = MediaFile(
        id=id,
        variant=variant,
        position=position,
        name=f"{folder}/{now:%Y/%m/%d}/{id}{kind.extension}",
        content_type=kind.type,
        size=draft.size,
        sha256=draft.sha256,
        revised_prompt=revised_prompt,
        created_at=now,
    )
    await tools.database(file.save, force_insert=True)
    await tools.store.put(draft, file.name)
    return file


def fingerprint(endpoint: str, platform: str, asked: Asked, taken: Iterable[Taken]) -> str:
    """A digest of all that makes a request the one that it is."""
    said = [
        *(endpoint, platform, asked.model, asked.prompt, asked.n, asked.size, asked.seconds),
        *(asked.response_format, asked.is_async, asked.options),
        [[one.name, one.identity] for one in taken],
    ]
    return hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _copy(given: Input, draft: Draft) -> None:
    if given.upload.size > MAX_PICTURE:
        raise _bad(given.name, f"the file is longer than {MAX_PICTURE} bytes, the most.")
    for piece in given.upload.chunks(_PIECE):
        draft.write(piece)


def _decode(given: Input, draft: Draft) -> None:
    try:
        spill.decode(io.BytesIO(given.text.encode("utf-8", "replace")), draft, most=MAX_PICTURE)
    except ValueError as error:
        raise _bad(given.name, f"{error}.") from None


def _kind(name: str, draft: Draft) -> kinds.Kind:
    """What its bytes show. Raises BadRequest where that is no whole picture."""
    head = draft.head()
    kind = kinds.sniff(head)
    if kind is None or kind.type not in _TYPES:
        shown = kind.type if kind else kinds.describe(head)
        raise _bad(name, f"it is {shown}; it must be a PNG, JPEG, WebP or GIF picture.")
    if flaw := kinds.flaw(draft.file, kind, draft.size):
        raise _bad(name, f"the picture is broken: {flaw}.")
    return kind


def _bad(name: str, what: str) -> BadRequest:
    return BadRequest(f"'{name}' cannot be used: {what}", param=name, code="invalid_image")
