"""A body with files as a stream of bytes: each file is read piece by piece while it is sent."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from gateway.bodies import Blob, Body
from gateway.shapes import Failure

PIECE = 3 * 64 * 2**10  # bytes; a multiple of 3, so that pieces of base64 fit together


async def pieces(body: Body, files: Mapping[str, Path]) -> AsyncIterator[bytes]:
    """The body from its beginning to its end; `files` says where each `Source.file` is.

    Raises Failure when a file is not what it was when the request was described.
    """
    for piece in body:
        if isinstance(piece, Blob):
            async for part in _file(piece, files[piece.source.file]):
                yield part
        else:
            yield piece


async def read(path: Path, size: int = PIECE) -> AsyncIterator[bytes]:
    """A file piece by piece, in a thread: a disk may be slow."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while part := await asyncio.to_thread(file.read, size):
            yield part
    finally:
        file.close()


async def _file(blob: Blob, path: Path) -> AsyncIterator[bytes]:
    sent = 0
    async for part in read(path):
        sent += len(part)
        yield base64.b64encode(part) if blob.base64 else part
    if sent != blob.source.size:
        # The length was announced; a wrong body must not look like a whole one.
        raise Failure("broken", f"The file of '{blob.source.name}' has changed.", unsent=False)
