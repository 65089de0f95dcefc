"""What an upstream has made, fetched into drafts and looked at: by address, by call, or inline."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from gateway import attempts
from gateway.fetch import Fetcher, Limits, Refused
from gateway.jobs import Progress, Result
from gateway.media import kinds, spill
from gateway.media.storage import Draft, Store
from gateway.shapes import Failure, UpstreamRequest
from gateway.upstream import Upstream
from gateway.wires import UpstreamResponse
from platforms.routes import CredentialSpec, PlatformSpec

_MAX_ERROR = 2**20
_MOST_JSON = 4 * 2**20  # bytes of an answer beside its pictures
_BATCH = 256 * 2**10  # written at once, in a thread
_NOUNS = {"image": "picture", "video": "film", "thumbnail": "thumbnail", "spritesheet": "picture"}
MISSHAPEN = (AttributeError, KeyError, TypeError, ValueError, IndexError)
ACCEPTED = (200, 201, 202)


class BrokenMedia(Failure):
    """The upstream's file is none, or not whole: asking for it again would not help."""

    def __init__(self, message: str) -> None:
        super().__init__("broken", message, code="broken_media")


class Results:
    """Fetches what upstreams have made; every file ends as a draft that was looked at."""

    def __init__(self, upstream: Upstream, store: Store, fetcher: Fetcher, max_file: int) -> None:
        """`max_file`: bytes of the largest result."""
        self._upstream = upstream
        self._store = store
        self._fetcher = fetcher
        self._max_file = max_file

    async def read(
        self,
        response: UpstreamResponse,
        read: Callable[[bytes], Progress],
        stack: contextlib.ExitStack,
    ) -> tuple[Progress, dict[int, Draft]]:
        """An answer of JSON, and the drafts of what is inline in it, by the places of `results`.

        Raises Failure.
        """
        spilled = stack.enter_context(
            contextlib.closing(spill.Spill(lambda: self._kept(stack).file, most=_MOST_JSON))
        )
        try:
            while piece := await response.some():
                await asyncio.to_thread(spilled.feed, piece) if len(piece) > _BATCH else (
                    spilled.feed(piece)
                )
            progress = read(spilled.end())
        except spill.TooLong as error:
            raise Failure("broken", f"The platform's answer is too long: {error}.") from error
        except MISSHAPEN as error:
            raise Failure(
                "broken", "The platform's answer is not of the shape it should be."
            ) from error
        drafts = {}
        for place, result in enumerate(progress.results):
            if not (result.url or result.path):
                draft = drafts[place] = self._kept(stack)
                source = _inline(result.data, spilled.files)
                await asyncio.to_thread(self._decode, result, source, draft)
        return progress, drafts

    def _kept(self, stack: contextlib.ExitStack) -> Draft:
        return stack.enter_context(self._store.draft())

    def _decode(self, result: Result, source: BinaryIO, draft: Draft) -> None:
        source.seek(0)
        if not source.read(1):
            raise BrokenMedia(f"The platform's {_NOUNS[result.variant]} is empty.")
        source.seek(0)
        try:
            spill.decode(source, draft, most=self._max_file)
        except ValueError as error:
            noun = _NOUNS[result.variant]
            raise BrokenMedia(f"The platform's {noun} cannot be read: {error}.") from error

    async def fetch(
        self, result: Result, platform: PlatformSpec, credential: CredentialSpec, draft: Draft
    ) -> None:
        """Fetch one result into the draft. Raises Failure."""
        if result.url[:5].lower() == "data:":
            return await asyncio.to_thread(self._decode, result, _inline(result.url, []), draft)
        if result.path:
            location = await self._call(result, platform, credential, draft)
            if not location:
                return
        else:
            location = result.url
        origin = _origin(platform.base_url)
        keyed = result.with_key and _origin(location) == origin
        try:
            async with self._fetcher.open(
                location,
                Limits(self._max_file, platform.timeouts.total_s),
                also=(origin,),
                headers=await self._upstream.headers(platform, credential) if keyed else (),
            ) as fetched:
                await _write(fetched.pieces(), draft)
        except Refused as refused:
            noun = _NOUNS[result.variant]
            message = f"The platform's {noun} could not be fetched: {refused.message}"
            raise Failure("broken", message) from refused

    async def _call(
        self, result: Result, platform: PlatformSpec, credential: CredentialSpec, draft: Draft
    ) -> str:
        """Fetch a result as an API call; where it redirects to, "" where it is done."""
        response = await attempts.send(
            self._upstream,
            platform,
            credential,
            UpstreamRequest("GET", result.path),
            max_error=_MAX_ERROR,
            good=(200, 301, 302, 303, 307, 308),
        )
        try:
            if response.status != 200:
                return urljoin(f"{platform.base_url}/", response.headers.get("location", ""))
            await _write(self._bounded(response), draft)
        finally:
            await response.aclose()
        return ""

    async def _bounded(self, response: UpstreamResponse) -> AsyncIterator[bytes]:
        size = 0
        while piece := await response.some():
            size += len(piece)
            if size > self._max_file:
                raise BrokenMedia(f"The platform's file is longer than {self._max_file} bytes.")
            yield piece


def _inline(data: str, spilled: list[BinaryIO]) -> BinaryIO:
    """What stands in an answer itself: the text, or what was put aside while it was read."""
    place = data.removeprefix("spilled:")
    if place != data and place.isdecimal() and int(place) < len(spilled):
        return spilled[int(place)]
    return io.BytesIO(data.encode("utf-8", "replace"))


async def look(result: Result, draft: Draft) -> kinds.Kind:
    """What a fetched result is. Raises BrokenMedia where it is not what it should be."""
    return await asyncio.to_thread(_look, result, draft)


def _look(result: Result, draft: Draft) -> kinds.Kind:
    noun = _NOUNS[result.variant]
    head = draft.head()
    kind = kinds.sniff(head)
    family = "video" if result.variant == "video" else "image"
    if kind is None or kind.family != family:
        shown = kind.type if kind else kinds.describe(head)
        raise BrokenMedia(f"The platform's {noun} is {shown}, not a {noun}.")
    if flaw := kinds.flaw(draft.file, kind, draft.size):
        raise BrokenMedia(f"The platform's {noun} is broken: {flaw}.")
    return kind


async def _write(pieces: AsyncIterator[bytes], draft: Draft) -> None:
    """Write what comes, some at a time in a thread: hashing and disks must not hold up streams."""
    waiting: list[bytes] = []
    size = 0
    async for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _BATCH:
            await asyncio.to_thread(draft.write, b"".join(waiting))
            waiting, size = [], 0
    if waiting:
        await asyncio.to_thread(draft.write, b"".join(waiting))


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
