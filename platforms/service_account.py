"""A Google service account's key file: what must stand in it to be of use. Free of Django and I/O.

The file is what Google's console gives out as JSON when a key is created.
"""

import json
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_TYPE = "service_account"
_NEEDED = ("client_email", "private_key", "token_uri")
_WORD = re.compile(r"[a-z_]{1,40}")


class NoServiceAccount(ValueError):
    """A text that is no usable key of a service account; the sentence never quotes a key."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """Who asks for a token, where, and with which key."""

    email: str
    token_uri: str
    key: RSAPrivateKey = field(repr=False)
    key_id: str | None = None
    """By it Google finds the public key."""


def read(secret: str, *, proved: bool = False) -> ServiceAccount:
    """The account of a key file. Raises NoServiceAccount.

    `proved`: this has said already that the key's numbers belong together, which takes about
    40 ms for one of 2,048 bits and holds up every other thread meanwhile.
    """
    info = _object(secret)
    kind = info.get("type")
    if kind != _TYPE:
        # Named only if it can be nothing but a kind: someone may have put a key in its place.
        named = isinstance(kind, str) and _WORD.fullmatch(kind)
        said = f"its “type” is “{kind}”" if named else "it has no usable “type”"
        raise NoServiceAccount(
            f"This is not the key of a service account: {said}, not “{_TYPE}”. Create a key of "
            "type JSON for a service account, and paste that file."
        )
    missing = [name for name in _NEEDED if not isinstance(info.get(name), str) or not info[name]]
    if missing:
        names = ", ".join(f"“{name}”" for name in missing)
        raise NoServiceAccount(
            f"The service account's JSON lacks {names}; paste the whole file as it was downloaded."
        )
    key_id = info.get("private_key_id")
    return ServiceAccount(
        email=info["client_email"],
        token_uri=_address(info["token_uri"]),
        key=_key(info["private_key"], proved=proved),
        key_id=key_id if isinstance(key_id, str) and key_id else None,
    )


def one_line(secret: str) -> str:
    """The key file as it is stored: one line of ASCII. Raises NoServiceAccount."""
    read(secret)
    return json.dumps(_object(secret), separators=(",", ":"))


def _object(secret: str) -> dict[str, Any]:
    try:
        # Not strict: a shell may have made real line breaks of those in the private key.
        info = json.loads(secret, strict=False)
    except (ValueError, RecursionError):
        info = None  # raised below: this error would carry the whole text along
    if not isinstance(info, dict):
        raise NoServiceAccount(
            "This is not the JSON of a service account; paste the whole file, from { to }."
        )
    return info


def _key(pem: str, *, proved: bool) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(
            pem.encode(), password=None, unsafe_skip_rsa_key_validation=proved
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: it wants a password
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise NoServiceAccount(
            "The “private_key” in the service account's JSON cannot be read; it must be an RSA key "
            "without a password, as it was downloaded."
        )
    return key


def _address(uri: str) -> str:
    """The address for tokens, if it may be asked: what goes there is worth an hour's access."""
    try:
        parts = urlsplit(uri)
        host, _port = parts.hostname or "", parts.port  # the port raises where it is none
        plain = not (parts.username or parts.password or parts.fragment)
    except ValueError:
        parts, host, plain = urlsplit(""), "", False
    good = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    if not host or not plain or not good or not uri.isascii() or not uri.isprintable():
        raise NoServiceAccount(
            "The “token_uri” in the service account's JSON must be an address that begins with "
            "https://, such as https://oauth2.googleapis.com/token."
        )
    return uri


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
