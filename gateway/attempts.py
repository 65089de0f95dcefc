"""What every attempt at an upstream has in common, be it for chat or for a media task."""

from collections.abc import Mapping
from pathlib import Path

from gateway.protocols import PROTOCOLS
from gateway.retry import VERDICTS
from gateway.shapes import Failure, UpstreamRequest
from gateway.signing import issued
from gateway.upstream import Upstream
from gateway.wires import UpstreamResponse
from platforms.pool import Use
from platforms.routes import CredentialSpec, PlatformSpec

_NO_FILES: Mapping[str, Path] = {}


def told(use: Use, failure: Failure) -> None:
    """Let the pool know what this failure says of the credential."""
    means = VERDICTS[failure.kind].credential
    if means == "cool":
        use.cool(failure.retry_after_s, failure.message)
    elif means == "disable":
        use.disable(f"{failure.kind}: {failure.message}")
    elif means == "count":
        use.failed()
    else:
        use.succeeded()


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
