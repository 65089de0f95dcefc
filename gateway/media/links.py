"""Links to stored files: signed, and good for a while only; made when a task is read."""

import hmac
import time
from pathlib import Path

from django.conf import settings
from django.utils.crypto import salted_hmac

from gateway.models import MediaFile

_SALT = "gateway.media.links"


def link(file: MediaFile, base: str) -> str:
    """An address under which anyone may fetch the file, until it expires.

    `base`: scheme and host under which the caller reached the gateway.
    """
    expires = time.time_ns() // 10**9 + settings.TOKENS_LINK_S
    if file.task is not None and file.task.expires_at is not None:
        expires = min(expires, int(file.task.expires_at.timestamp()))
    name = f"{file.id}{Path(file.name).suffix}"
    signature = _signature(file.id, expires)
    return f"{base}/media/{name}?expires={expires}&signature={signature}"


def is_signed(file_id: str, expires: str, signature: str) -> bool:
    """Whether this signature was made here, for this file and this moment."""
    if not expires.isdecimal() or len(expires) > 12:
        return False
    return hmac.compare_digest(_signature(file_id, int(expires)).encode(), signature.encode())


def is_over(expires: str) -> bool:
    """Whether the link's time is over."""
    return time.time_ns() // 10**9 >= int(expires)


def _signature(file_id: str, expires: int) -> str:
    value = f"{file_id}.{expires}"
    return salted_hmac(_SALT, value, algorithm="sha256").hexdigest()[:40]
