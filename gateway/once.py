"""A call that is answered whole by a DRF view: attempts as for a chat, without a stream.

route ─ described call ─ attempts(credential → upstream) ─ answer
"""

import asyncio
from collections.abc import AsyncIterator

from gateway.attempts import send
from gateway.failover import Attempts, Leg
from gateway.relay import sound
from gateway.runtime import Gateway
from gateway.shapes import Described, Failure, Json, Usage
from gateway.usage.entry import Entry
from platforms.routes import CredentialSpec, Route

Answer = tuple[dict[str, Json], Usage | None]


async def once(
    gateway: Gateway,
    entry: Entry,
    route: Route,
    call: Described,
    fallbacks: AsyncIterator[Leg[Described]] | None = None,
    sticky: str = "",
) -> Answer:
    """The answer of the first attempt that succeeds. Raises Failure, NoCredential, AllResting."""
    total_s = route.platform.timeouts.total_s

    async def attempt(leg: Leg[Described], credential: CredentialSpec) -> Answer:
        body = await _body(gateway, leg, credential)
        return sound(leg.call.read, body)

    try:
        async with asyncio.timeout(total_s):
            leg = Leg(route, call)
            async with Attempts(gateway, entry, leg, fallbacks, sticky=sticky) as attempts:
                return await attempts.first(attempt)
    except TimeoutError:
        raise Failure(
            "timeout", f"The platform had not answered after {total_s:g} seconds."
        ) from None


async def _body(gateway: Gateway, leg: Leg[Described], credential: CredentialSpec) -> bytes:
    """One attempt's answer."""
    platform, settings = leg.route.platform, gateway.settings
    first_byte_s = platform.timeouts.first_byte_s
    try:
        async with asyncio.timeout(first_byte_s):
            response = await send(
                gateway.upstream,
                platform,
                credential,
                leg.call.request,
                max_error=settings.max_error,
            )
    except TimeoutError:
        raise Failure(
            "timeout", f"The platform sent nothing for {first_byte_s:g} seconds."
        ) from None
    try:
        return await response.read(settings.max_answer)
    finally:
        await response.aclose()
