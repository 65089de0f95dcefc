"""The people of the tests: ada may do all, bob a little, eve has no licence."""

from typing import Any

from django.conf import settings

from licences.issuing import issue
from licences.keys import new_key
from licences.models import Licence

PEPPER = settings.TOKENS_LICENCE_PEPPER.encode()
BOBS_REACH = {"platforms": ["acme"], "model_patterns": ["m-*"], "networks": ["10.0.0.0/8"]}


def ada(**over: Any) -> tuple[Licence, str]:
    """A licence for everything, and its key."""
    return issue(name="ada", **over)


def bob(**over: Any) -> tuple[Licence, str]:
    """A licence for one platform, some models, from one network; and its key."""
    return issue(name="bob", owner="Bob's team", **{**BOBS_REACH, **over})


def eves_key() -> str:
    """A key that is well-formed and nobody's."""
    return new_key()


def bearer(key: str | bytes) -> list[tuple[bytes, bytes]]:
    """The headers of a call with this key."""
    text = key if isinstance(key, bytes) else key.encode("ascii")
    return [(b"host", b"tokens.test"), (b"authorization", b"Bearer " + text)]
