"""What a stored secret becomes on the wire: itself, or a token that is fetched and kept.

A service account's secret never travels. It signs an assertion (RFC 7523) that its token endpoint
exchanges for an access token of about an hour. Of google-auth only the signing is used: its own
refresh blocks, and looks up regional access boundaries that nothing here wants.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson

from gateway.shapes import Failure, FailureKind, Headers
from gateway.wires import ERRORS, Wire
from platforms import service_account
from platforms.routes import CredentialSpec, PlatformSpec

logger = logging.getLogger(__name__)

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
EARLY_S = 300.0  # a token is renewed that long before its end, or at half of a short life
TIMEOUT_S = 10.0
PAUSE_S = 30.0  # between attempts to renew a token that is still good
HOLD_S = 2.0  # for which a failure is everybody's answer, where there is no token
_FRESH_S = 60.0  # a token younger than that is not given up for the platform's refusal
_LIFE_S = 3600.0  # asked for, and meant by an answer that says nothing about it
_MAX_ANSWER = 64 * 2**10
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_FORM: Headers = (("Content-Type", "application/x-www-form-urlencoded"),)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}")  # RFC 6750, 2.1
_SAID = 200  # characters of a refusal's own words that are passed on
_LONG = re.compile(r"\S{100,}")  # what else may be in them: an assertion, quoted
_issued: dict[int, tuple[str, ...]] = {}  # of the process, as failures are scrubbed anywhere in it


def issued(credential: CredentialSpec) -> tuple[str, ...]:
    """The last tokens of a credential, for those who must leave them out of what they say."""
    return _issued.get(credential.id, ())


class _Kept:
    """One credential's token. Defines no repr that could show it."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.lock = asyncio.Lock()
        self.token = ""
        self.fetched_s = self.renew_s = self.expires_s = self.failed_s = float("-inf")
        self.failure: tuple[FailureKind, str] = ("key", "")

    def usable(self, now_s: float, *, busy: bool) -> str:
        """The token to use, "" where one must be asked for; `busy`: somebody is asking already.

        Raises Failure where that has just failed.
        """
        if now_s < self.renew_s:
            return self.token
        if now_s < self.expires_s:
            return self.token if busy or now_s < self.failed_s + PAUSE_S else ""
        if now_s < self.failed_s + HOLD_S:
            raise _failure(*self.failure)
        return ""

    def keep(self, token: str, life_s: float, asked_s: float) -> None:
        """Use this one from now on."""
        self.token, self.fetched_s = token, asked_s
        self.expires_s = asked_s + life_s
        self.renew_s = self.expires_s - min(EARLY_S, life_s / 2)


class Signer:
    """The headers of credentials. One per process, with the connections of its `Upstream`."""

    def __init__(
        self,
        wire_of: Callable[[PlatformSpec, CredentialSpec], Wire],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wire_of`: what carries a credential's requests, its proxy included."""
        self._wire_of = wire_of
        self._clock = clock
        self._kept: dict[int, _Kept] = {}

    async def headers(self, platform: PlatformSpec, credential: CredentialSpec) -> Headers:
        """All headers of a call with this credential. Raises Failure where it gets no token."""
        if not credential.service_account:
            return credential.headers
        kept = self._kept.get(credential.id)
        if kept is None or kept.secret != credential.secret:
            kept = self._kept[credential.id] = _Kept(credential.secret)
        token = kept.usable(self._clock(), busy=kept.lock.locked())
        if not token:
            async with kept.lock:
                # Whoever had the lock before may have been given one, or a refusal.
                token = kept.usable(self._clock(), busy=False)
                token = token or await self._renewed(kept, platform, credential)
        return (("Authorization", f"Bearer {token}"), *credential.headers)

    def refused(self, credential: CredentialSpec) -> None:
        """The platform did not take this credential's token: ask for another at the next call.

        For tokens that end before their time: revoked, or kept by a machine that was asleep.
        """
        kept = self._kept.get(credential.id)
        if kept is not None and self._clock() > kept.fetched_s + _FRESH_S:
            kept.renew_s = kept.expires_s = float("-inf")

    async def _renewed(
        self, kept: _Kept, platform: PlatformSpec, credential: CredentialSpec
    ) -> str:
        """A new token, or the old one where it is still good. Raises Failure."""
        asked_s = self._clock()
        try:
            token, life_s = await self._fetched(platform, credential)
        except Failure as failure:
            kept.failed_s, kept.failure = self._clock(), (failure.kind, failure.message)
            if kept.failed_s >= kept.expires_s:
                raise
            sentence = "The token of credential %s could not be renewed: %s"
            logger.warning(sentence, credential.id, failure.message)
            return kept.token
        kept.keep(token, life_s, asked_s)
        _issued[credential.id] = (token, *issued(credential)[:3])
        return token

    async def _fetched(
        self, platform: PlatformSpec, credential: CredentialSpec
    ) -> tuple[str, float]:
        """A token and the seconds it lives. Raises Failure."""
        try:
            account = service_account.read(credential.secret, proved=True)  # when it was stored
        except service_account.NoServiceAccount as error:
            raise _failure("key", str(error)) from None
        body = urlencode({"grant_type": _GRANT, "assertion": _assertion(account)}).encode()
        wire, connect_s = self._wire_of(platform, credential), platform.timeouts.connect_s
        try:
            async with asyncio.timeout(TIMEOUT_S):
                response = await wire.send("POST", account.token_uri, _FORM, body, connect_s, {})
                try:
                    answer = await response.read(_MAX_ANSWER)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise _failure("timeout", "The service account's token endpoint is silent.") from None
        except (*ERRORS, Failure):  # their words may hold a proxy's password
            sentence = "The service account's token endpoint could not be reached, or broke off."
            raise _failure("unreachable", sentence) from None
        return _read(response.status, answer)


def _assertion(account: service_account.ServiceAccount) -> str:
    """Who we are and what we want, signed: under a millisecond, once an hour."""
    now = int(datetime.now(UTC).timestamp())
    wanted = {"iss": account.email, "aud": account.token_uri, "scope": SCOPE}
    claims = {**wanted, "iat": now, "exp": now + int(_LIFE_S)}
    from google.auth import crypt, jwt  # 3 MB for those who have no such account

    signer = crypt.RSASigner(account.key, account.key_id)  # type: ignore[no-untyped-call]
    signed: bytes = jwt.encode(signer, claims)  # type: ignore[no-untyped-call]
    return signed.decode("ascii")


def _read(status: int, body: bytes) -> tuple[str, float]:
    """What the endpoint answered: a token and its seconds. Raises Failure."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    answer = answer if isinstance(answer, dict) else {}
    if status in (400, 401, 403):
        said = _said(answer)
        raise _failure("key", f"The token endpoint refused the service account{said} ({status}).")
    if status != 200:
        raise _failure("unreachable", f"The service account's token endpoint answered {status}.")
    token, life_s = answer.get("access_token"), answer.get("expires_in", _LIFE_S)
    lives = type(life_s) in (int, float) and life_s > 0
    if not lives or not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _failure("unreachable", "The service account's token endpoint gave no usable token.")
    return token, float(life_s)


def _said(answer: dict[str, Any]) -> str:
    """The endpoint's own reason, bounded, and without anything that could be a secret."""
    words = [answer.get("error"), answer.get("error_description")]
    text = ": ".join(word for word in words if isinstance(word, str) and word.isprintable())
    return f": {_LONG.sub('…', text)[:_SAID].rstrip('.')}" if text else ""


def _failure(kind: FailureKind, sentence: str) -> Failure:
    return Failure(kind, sentence, unsent=True)  # whatever it was, the platform has heard nothing
