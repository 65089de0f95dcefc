"""Credentials that were put out of service, tried again now and then until they are well.

Asked is what costs nothing: the platform's list of models, or an empty chat. Each is claimed in the
database first, so that of many processes one asks.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from django.db import Error as DatabaseFailure

from gateway import model_names
from gateway.attempts import scrub
from gateway.protocols import PROTOCOLS
from gateway.shapes import Failure, UpstreamRequest
from gateway.upstream import Upstream
from platforms import sharing
from platforms.catalogue import spec_of
from platforms.models import Credential
from platforms.routes import CredentialSpec, PlatformSpec
from platforms.secrets import SecretUnreadable

logger = logging.getLogger(__name__)
T = TypeVar("T")

TIMEOUT_S = 20.0
LOOK_S = 1.0
AT_ONCE = 8


class Reviver:
    """Looks every second for credentials whose time has come."""

    def __init__(
        self, upstream: Upstream, run: Callable[[Callable[[], Any]], Awaitable[Any]]
    ) -> None:
        """`run`: runs a query in the database's thread."""
        self._upstream = upstream
        self._run = run

    async def run(self) -> None:
        """For ever. A database outage is waited out."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                due: list[Credential] = await self._run(partial(sharing.claim_probes, AT_ONCE))
            except DatabaseFailure:
                continue  # told by those who look for changes
            async with asyncio.TaskGroup() as group:
                for row in due:
                    group.create_task(self._probe(row))

    async def _probe(self, row: Credential) -> None:
        """Try one, and write down what came of it; where that fails, it is tried again."""
        try:
            await self._tried(row)
        except DatabaseFailure as error:
            logger.warning("What a probe has shown cannot be kept: %s", error)
        except Exception:  # whatever is odd about this one, the others are probed as ever
            logger.exception("Credential %s (%s) cannot be probed", row.pk, row.name)

    async def _tried(self, row: Credential) -> None:
        try:
            platform, key = spec_of(row.platform, row)
        except SecretUnreadable as error:
            await self._run(partial(sharing.still_out, row.pk, str(error)))
            return
        try:
            await self._knocked(platform, key)
        except Failure as failure:
            scrub(failure, key)
            reason = f"{failure.kind}: {failure.message}"
            logger.info("Credential %s (%s) is still out of service: %s", row.pk, row.name, reason)
            await self._run(partial(sharing.still_out, row.pk, reason))
        else:
            logger.warning("Credential %s (%s) is in service again.", row.pk, row.name)
            await self._run(partial(sharing.revive, row.pk))

    async def _knocked(self, platform: PlatformSpec, key: CredentialSpec) -> None:
        """Raises Failure, unless the key is a good one."""
        try:
            await reach(self._upstream, platform, key)
        except Failure as failure:
            if failure.kind != "not_found" or not platform.models_path:
                raise
            # It has no such list, whatever its row says: that tells nothing of the key.
            await reach(self._upstream, replace(platform, models_path=""), key)


async def reach(upstream: Upstream, platform: PlatformSpec, key: CredentialSpec) -> tuple[str, ...]:
    """The names of the models that the platform lists for this key. Raises Failure.

    None where it lists none; then an empty chat has shown that the key is good.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            if platform.models_path:
                return await model_names.fetch(upstream, platform, key)
            return await _knock(upstream, platform, key)
    except TimeoutError:
        raise Failure("timeout", f"No answer within {TIMEOUT_S:g} seconds.") from None


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
        raise PROTOCOLS[platform.protocol].failure(
            response.status, response.headers, body, platform.dialect.error_codes
        )
    return ()
