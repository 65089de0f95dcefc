"""Secrets that an operator did not give: made once, kept in the data folder, mode 600."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet


def new_token() -> str:
    """A random secret of 384 bits, as text."""
    return secrets.token_urlsafe(48)


def new_fernet_key() -> str:
    """A key for `cryptography.fernet`."""
    return Fernet.generate_key().decode("ascii")


def made(folder: Path) -> Path:
    """The folder, made if need be, for its owner alone: it holds the database and the secrets."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def secret(folder: Path, name: str, make: Callable[[], str]) -> str:
    """The secret kept in `folder/secrets/name`; made on first use, by whichever process is first.

    Written to a side file and linked into place, so that two processes starting together agree and
    nobody ever reads half a secret.
    """
    path = folder / "secrets" / name
    if not path.exists():
        made(path.parent)
        handle, draft = tempfile.mkstemp(dir=path.parent)  # mkstemp: mode 600
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was first: its counts
                os.link(draft, path)
        finally:
            os.unlink(draft)
    return path.read_text("ascii").strip()
