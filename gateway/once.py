"""A call that is answered whole by a DRF view: attempts as for a chat, without a stream.

route ─ described call ─ attempts(credential → upstream) ─ answer
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from gateway.attempts import following, scrub, send, tries
from gateway.relay import MISSHAPEN
from gateway.runtime import Gateway
from gateway.shapes import Failure, UpstreamRequest
from gateway.usage.entry import Entry
from platforms.routes import CredentialSpec, Route

T = TypeVar("T")


async def once(
    gateway: Gateway,
    entry: Entry,
    route: Route,
    request: UpstreamRequest,
    read: Callable[[bytes], T],
) -> T:
    """The answer of the first attempt that succeeds. Raises Failure, NoCredential.

    `read`: a body of a 200 to what is answered; raises Failure.
    """
    platform = route.platform
    order = tries(platform)
    credential = next(order)
    try:
        async with asyncio.timeout(platform.timeouts.total_s):
            while True:
                entry.credential = credential
                entry.attempts += 1
                try:
                    return read(await _body(gateway, route, credential, request))
                except MISSHAPEN as error:
                    raise Failure(
                        "broken", "The platform's answer is not of the shape it should be."
                    ) from error
                except Failure as failure:
                    scrub(failure, credential)
                    gateway.note_failure(credential, failure)
                    if entry.attempts >= gateway.settings.attempts:
                        raise
                    credential = following(order, credential, failure)
    except TimeoutError:
        seconds = platform.timeouts.total_s
        raise Failure(
            "timeout", f"The platform had not answered after {seconds:g} seconds."
        ) from None


async def _body(
    gateway: Gateway, route: Route, credential: CredentialSpec, request: UpstreamRequest
) -> bytes:
    """One attempt's answer."""
    first_byte_s = route.platform.timeouts.first_byte_s
    settings = gateway.settings
    try:
        async with asyncio.timeout(first_byte_s):
            response = await send(
                gateway.upstream, route.platform, credential, request, max_error=settings.max_error
            )
    except TimeoutError:
        raise Failure(
            "timeout", f"The platform sent nothing for {first_byte_s:g} seconds."
        ) from None
    try:
        return await response.read(settings.max_answer)
    finally:
        await response.aclose()
