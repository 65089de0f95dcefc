"""The models that a platform itself lists, remembered for a while."""

import asyncio
import logging
import time
from dataclasses import dataclass

from gateway.protocols import PROTOCOLS
from gateway.shapes import Failure, UpstreamRequest
from gateway.upstream import Upstream
from platforms.routes import CredentialSpec, PlatformSpec

logger = logging.getLogger(__name__)

FRESH_S = 300.0
FAILED_S = 15.0  # how long a failure is remembered, so that a sick platform is not asked each time
TIMEOUT_S = 10.0
MAX_LIST = 8 * 2**20  # bytes; OpenRouter's list has about 1 MB


@dataclass(slots=True)
class _Kept:
    names: tuple[str, ...]
    until: float


class ModelNames:
    """Names by platform; each asked for at most once at a time."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._kept: dict[tuple[int, str], _Kept] = {}
        self._locks: dict[tuple[int, str], asyncio.Lock] = {}

    async def of(self, platform: PlatformSpec) -> tuple[str, ...]:
        """The platform's own names; empty where it has no list or does not answer."""
        if not platform.models_path or not platform.credentials:
            return ()
        key = (platform.id, platform.base_url)  # at another address it lists others
        async with self._locks.setdefault(key, asyncio.Lock()):
            kept = self._kept.get(key)
            if kept is None or kept.until < time.monotonic():
                kept = self._kept[key] = await self._asked(platform)
            return kept.names

    async def _asked(self, platform: PlatformSpec) -> _Kept:
        try:
            names = await fetch(self._upstream, platform, platform.credentials[0])
        except Failure as failure:
            logger.info("The models of %s cannot be listed: %s", platform.slug, failure.kind)
            return _Kept((), time.monotonic() + FAILED_S)
        return _Kept(names, time.monotonic() + FRESH_S)


async def fetch(
    upstream: Upstream, platform: PlatformSpec, credential: CredentialSpec
) -> tuple[str, ...]:
    """Ask a platform for its models with one credential. Raises Failure."""
    protocol = PROTOCOLS[platform.protocol]
    try:
        async with asyncio.timeout(TIMEOUT_S):
            request = UpstreamRequest("GET", platform.models_path + protocol.models_query)
            response = await upstream.send(platform, credential, request)
            try:
                body = await response.read(MAX_LIST)
            finally:
                await response.aclose()
    except TimeoutError:
        raise Failure(
            "timeout", f"The platform did not list its models within {TIMEOUT_S:g} seconds."
        ) from None
    if response.status != 200:
        raise protocol.failure(
            response.status, response.headers, body, platform.dialect.error_codes
        )
    return tuple(protocol.model_names(body))
