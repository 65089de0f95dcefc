"""The keys that callers show: how they are made, recognised, hashed and named. Free of Django.

A key is `tk-`, 32 random characters and 6 characters of checksum over all before it. The checksum
is no secret; it lets a key that was cut, mistyped or meant for another service be recognised
without asking the database.
"""

import hmac
import re
import secrets
import string
import zlib

_PREFIX = "tk-"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_CHARS = 32  # 190 bits: far beyond guessing, and still one line in a terminal
_CHECK_CHARS = 6  # the fewest characters of this alphabet that hold the 32 bits of a CRC
_FORM = re.compile(rb"tk-[0-9A-Za-z]{%d}" % (_RANDOM_CHARS + _CHECK_CHARS))
_SHOWN_START = len(_PREFIX) + 5
_SHOWN_END = 4
# Three characters tell the kind of a foreign secret (sk-, xai); of a short one even they are much.
_FOREIGN_START, _FOREIGN_LENGTH = 3, 16


def new_key() -> str:
    """A fresh random key. Whoever calls this shows it once and keeps only its hash."""
    first = _PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARS))
    return first + _checksum(first.encode("ascii")).decode("ascii")


def wellformed(key: bytes) -> bool:
    """Whether this can be one of our keys at all; nothing is looked up."""
    return bool(_FORM.fullmatch(key)) and _checksum(key[:-_CHECK_CHARS]) == key[-_CHECK_CHARS:]


def hash_key(key: bytes, pepper: bytes) -> str:
    """The HMAC-SHA256 by which a key is stored and found, 64 hexadecimal characters.

    The pepper is a secret of the server, so a stolen database alone confirms no guessed key.
    """
    return hmac.digest(pepper, key, "sha256").hex()


def start_and_end(key: str) -> tuple[str, str]:
    """What people may see of a key to tell it from others: `tk-` and 5 characters, the last 4."""
    return key[:_SHOWN_START], key[-_SHOWN_END:]


def shown(key: bytes) -> str:
    """A form of what a caller sent as key that may stand in an error message and in a log.

    A key of ours is named by its ends; anything else may be the secret of another service, so of
    that almost nothing is repeated.
    """
    if _FORM.fullmatch(key):
        start, end = start_and_end(key.decode("ascii"))
        return f"{start}…{end}"
    foreign = key[:_FOREIGN_START].decode("ascii", "replace")
    if len(key) < _FOREIGN_LENGTH or not foreign.isascii() or not foreign.isprintable():
        return "…"
    return f"{foreign}…"


def _checksum(first: bytes) -> bytes:
    number = zlib.crc32(first)
    characters = bytearray()
    for _ in range(_CHECK_CHARS):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(ord(_ALPHABET[digit]))
    return bytes(characters)
