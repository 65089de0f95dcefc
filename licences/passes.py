"""Passes: keys of a few minutes by which the console calls on a licence's behalf. Free of Django.

Of a licence's key only a hash is stored, so the console cannot call with it. A pass is `tkp-`, the
licence's id, the user's, the unix second in which it ends, and an HMAC over these. Nothing of it
is stored: what it may do is what its licence may do when it is shown. It cannot be taken back by
itself, which is why it is short: a user who has lost the right to make passes is out when his last
one ends. With the secret that signs them, all of them end.
"""

import hmac
import re
from dataclasses import dataclass

PREFIX = b"tkp-"
LIFE_S = 300
MAX_LIFE_S = 600  # one that would end later is refused, whoever made it
_CONTEXT = b"licences.passes"  # so that nothing else that the secret signs is a pass
_FORM = re.compile(rb"(tkp-([0-9]{1,19})\.([0-9]{1,19})\.([0-9]{1,12}))\.([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass says, once its signature is found good."""

    licence_id: int
    user_id: int
    """Who asked for it."""
    expires_s: int
    """Unix second from which on it is refused."""


def signing_key(secret: str) -> bytes:
    """The key that signs passes, from the site's secret."""
    return hmac.digest(secret.encode(), _CONTEXT, "sha256")


def make(given: Pass, key: bytes) -> str:
    """The pass as it travels."""
    said = b"%s%d.%d.%d" % (PREFIX, given.licence_id, given.user_id, given.expires_s)
    return f"{said.decode('ascii')}.{_signature(said, key)}"


def read(shown: bytes, key: bytes, now_s: float) -> Pass | None:
    """What a pass says; None for one that was not made with this key, or whose time is over."""
    match = _FORM.fullmatch(shown)
    if match is None:
        return None
    said, licence_id, user_id, expires_s, signature = match.groups()
    if not hmac.compare_digest(_signature(said, key).encode("ascii"), signature):
        return None
    found = Pass(int(licence_id), int(user_id), int(expires_s))
    return found if now_s < found.expires_s <= now_s + MAX_LIFE_S else None


def _signature(said: bytes, key: bytes) -> str:
    return hmac.digest(key, said, "sha256").hex()
