"""One try of a platform with one credential, for the admin's and the commands' tests."""

import asyncio
import time

from gateway import model_names
from gateway.attempts import scrub
from gateway.protocols import PROTOCOLS
from gateway.shapes import Failure, UpstreamRequest
from gateway.upstream import Upstream
from platforms.catalogue import spec_of
from platforms.models import Credential, Platform
from platforms.probing import ProbeResult
from platforms.routes import CredentialSpec, PlatformSpec
from platforms.secrets import SecretUnreadable

TIMEOUT_S = 20.0


def probe(platform: Platform, credential: Credential | None) -> ProbeResult:
    """Ask for the list of models; where there is none, whether the base URL answers. Blocks."""
    started = time.monotonic()
    try:
        spec, key = spec_of(platform, credential)
    except SecretUnreadable as error:
        return ProbeResult(False, None, 0, str(error))
    try:
        names = asyncio.run(_ask(spec, key))
    except Failure as failure:
        scrub(failure, key)
        detail = f"{failure.kind}: {failure.message}"
        return ProbeResult(False, failure.status, _since_ms(started), detail)
    detail = f"{len(names)} models listed" if spec.models_path else "answers; it lists no models"
    return ProbeResult(True, 200, _since_ms(started), detail, names)


async def _ask(platform: PlatformSpec, key: CredentialSpec) -> tuple[str, ...]:
    upstream = Upstream()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            if platform.models_path:
                return await model_names.fetch(upstream, platform, key)
            return await _knock(upstream, platform, key)
    except TimeoutError:
        raise Failure("timeout", f"No answer within {TIMEOUT_S:g} seconds.") from None
    finally:
        await upstream.aclose()


async def _knock(
    upstream: Upstream, platform: PlatformSpec, key: CredentialSpec
) -> tuple[str, ...]:
    """An empty chat: a good credential is told that it is wrong, a bad one is turned away."""
    request = UpstreamRequest("POST", platform.chat_path, b"{}")
    response = await upstream.send(platform, key, request)
    try:
        body = await response.read(model_names.MAX_LIST)
    finally:
        await response.aclose()
    if response.status not in (200, 400, 422):
        raise PROTOCOLS[platform.protocol].failure(response.status, response.headers, body)
    return ()


def _since_ms(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
