"""What every attempt at an upstream has in common, be it for chat or for a media task."""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path

from gateway.protocols import PROTOCOLS
from gateway.retry import VERDICTS
from gateway.shapes import Failure, UpstreamRequest
from gateway.signing import issued
from gateway.upstream import Upstream
from gateway.wires import UpstreamResponse
from platforms.errors import NoCredential
from platforms.routes import CredentialSpec, PlatformSpec

_NO_FILES: Mapping[str, Path] = {}


def tries(platform: PlatformSpec) -> Iterator[CredentialSpec]:
    """The platform's credentials in the order to try: by chance, by weight. Raises NoCredential."""
    left = list(platform.credentials)
    if not left:
        raise NoCredential(platform.slug)
    while len(left) > 1:
        chosen = random.choices(left, [credential.weight for credential in left])[0]  # noqa: S311
        yield chosen
        left.remove(chosen)
    yield left[0]


def following(
    order: Iterator[CredentialSpec], credential: CredentialSpec, failure: Failure
) -> CredentialSpec:
    """The credential to try next after this failure. Raises the failure where there is none."""
    again = VERDICTS[failure.kind].again
    chosen = next(order, credential if again == "same" else None) if again != "never" else None
    if chosen is None:
        raise failure
    return chosen


async def send(
    upstream: Upstream,
    platform: PlatformSpec,
    credential: CredentialSpec,
    request: UpstreamRequest,
    *,
    max_error: int,
    good: tuple[int, ...] = (200,),
    files: Mapping[str, Path] = _NO_FILES,
) -> UpstreamResponse:
    """The answer of one upstream call, if its status is a good one. Raises Failure.

    `max_error`: bytes of an error's body that are read; `files`: where the body's files are.
    """
    response = await upstream.send(platform, credential, request, files)
    if response.status in good:
        return response
    try:
        body = await response.read(max_error)
    finally:
        await response.aclose()
    failure = PROTOCOLS[platform.protocol].failure(
        response.status, response.headers, body, platform.dialect.error_codes
    )
    failure.status = response.status
    raise failure


def scrub(failure: Failure, credential: CredentialSpec) -> None:
    """Take the credential's secret out of a failure: platforms quote the key that they refuse."""
    for secret in filter(None, (credential.secret, *issued(credential))):
        failure.message = failure.message.replace(secret, "…")
        failure.code = failure.code and failure.code.replace(secret, "…")
        failure.param = failure.param and failure.param.replace(secret, "…")
