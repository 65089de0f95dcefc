"""Our own copies: files in Django's default storage, a local folder or an S3 bucket.

Whatever comes is first written to a draft on the local disk, looked at, and only then stored:
nothing half-finished is ever in the storage, and nothing is ever whole in memory.
"""

import asyncio
import contextlib
import hashlib
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import Storage, default_storage
from typing_extensions import override

_PIECE = 256 * 2**10


class Draft:
    """A file being written, in the temporary folder; gone when closed, unless it was stored."""

    def __init__(self, folder: Path) -> None:
        handle, name = tempfile.mkstemp(dir=folder, prefix="draft-")
        self.path = Path(name)
        self.file = os.fdopen(handle, "w+b")
        self.size = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what was written so far, in hex."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        """Add bytes at the end."""
        self._digest.update(data)
        self.size += len(data)
        return self.file.write(data)

    def head(self) -> bytes:
        """The first bytes, which show its kind."""
        self.file.flush()
        self.file.seek(0)
        head = self.file.read(4096)
        self.file.seek(0, os.SEEK_END)
        return head

    def close(self) -> None:
        """Remove it, if it is still there."""
        self.file.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def __enter__(self) -> "Draft":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class _Movable(File):  # type: ignore[type-arg] # generic in its stubs only
    """A draft as Django's local storage wants it: moved into place, not copied."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft.file, name=str(draft.path))

    def temporary_file_path(self) -> str:
        """Where `FileSystemStorage` finds it."""
        return str(self.name)

    @override
    def close(self) -> None:
        """Left to the draft."""


class Store:
    """The storage, asynchronously; all work on disks and buckets is done in threads."""

    def __init__(self, folder: Path, storage: Storage | None = None) -> None:
        """`folder`: for drafts, on the local disk."""
        self._folder = folder
        self._storage: Any = storage or default_storage
        folder.mkdir(parents=True, exist_ok=True)

    def draft(self) -> Draft:
        """A new, empty draft."""
        return Draft(self._folder)

    async def put(self, draft: Draft, name: str) -> None:
        """Store the draft under this name; afterwards it is closed."""

        def save() -> None:
            draft.file.flush()
            draft.file.seek(0)
            self._storage.save(name, _Movable(draft))
            draft.close()

        await asyncio.to_thread(save)

    async def delete(self, name: str) -> None:
        """Remove the file, if it is there."""
        await asyncio.to_thread(self._storage.delete, name)

    @contextlib.asynccontextmanager
    async def local(self, names: Iterable[str]) -> AsyncIterator[Mapping[str, Path]]:
        """The files on the local disk, by name: themselves, or copies from the bucket."""
        with contextlib.ExitStack() as stack:
            found = {}
            for name in names:
                try:
                    found[name] = Path(self._storage.path(name))
                except NotImplementedError:  # a storage elsewhere
                    draft = stack.enter_context(self.draft())
                    async for piece in self.read(name):
                        await asyncio.to_thread(draft.write, piece)
                    draft.file.flush()
                    found[name] = draft.path
            yield found

    async def read(
        self, name: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The file's bytes from `start` on, `length` of them. Raises FileNotFoundError."""
        bucket = getattr(self._storage, "bucket", None)
        found = self._bucket(bucket, name, start, length) if bucket else self._disk(name, start)
        left = length
        async with contextlib.aclosing(found) as pieces:
            async for piece in pieces:
                part = piece if left is None else piece[:left]
                if part:
                    yield part
                if left is not None:
                    left -= len(part)
                    if left <= 0:
                        return

    async def _disk(self, name: str, start: int) -> AsyncGenerator[bytes, None]:
        file = await asyncio.to_thread(self._storage.open, name, "rb")
        try:
            await asyncio.to_thread(file.seek, start)
            while piece := await asyncio.to_thread(file.read, _PIECE):
                yield piece
        finally:
            await asyncio.to_thread(file.close)

    async def _bucket(
        self, bucket: Any, name: str, start: int, length: int | None
    ) -> AsyncGenerator[bytes, None]:
        """Read an S3 object directly: django-storages would fetch all of it before the first byte.

        (django-storages 1.14.6, `S3File._get_file`.)
        """
        end = "" if length is None else start + length - 1
        options = {"Range": f"bytes={start}-{end}"} if start or length is not None else {}
        key = self._storage._normalize_name(name)

        def get() -> Any:
            try:
                return bucket.Object(key).get(**options)["Body"]
            except bucket.meta.client.exceptions.NoSuchKey:
                raise FileNotFoundError(name) from None

        body = await asyncio.to_thread(get)
        try:
            while piece := await asyncio.to_thread(body.read, _PIECE):
                yield piece
        finally:
            await asyncio.to_thread(body.close)
