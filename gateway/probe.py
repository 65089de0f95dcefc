"""One try of a platform with one credential, for the admin's and the commands' tests.

First its list of models, or whether it answers at all; then, if that went well, a chat of one token
with each mapped chat model.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from django.utils.translation import gettext, ngettext

from gateway import attempts
from gateway.attempts import scrub
from gateway.errors import ApiError
from gateway.protocols import PROTOCOLS
from gateway.relay import sound
from gateway.reviving import TIMEOUT_S, reach
from gateway.shapes import Failure, Reply
from gateway.upstream import Upstream
from platforms.catalogue import spec_of
from platforms.models import Credential, Kind, ModelMapping, Platform
from platforms.probing import ModelResult, ProbeResult
from platforms.routes import FREE, CredentialSpec, PlatformSpec, Route
from platforms.secrets import SecretUnreadable

T = TypeVar("T")
MOST_MODELS = 20
SIDE_BY_SIDE = 4
_MAX_ANSWER = 2**20


def probe(platform: Platform, credential: Credential | None) -> ProbeResult:
    """Ask for the list of models, and each mapped chat model for a token. Blocks."""
    mapped = ModelMapping.objects.filter(platform_id=platform.pk, kind=Kind.CHAT, enabled=True)
    names = mapped.order_by("public_name").values_list("public_name", "upstream_name")
    return _asked(platform, credential, list(names[:MOST_MODELS]))


def list_models(platform: Platform, credential: Credential | None) -> ProbeResult:
    """Ask for the list of models, and no model for anything. Blocks."""
    return _asked(platform, credential, [])


def _asked(
    platform: Platform, credential: Credential | None, mapped: list[tuple[str, str]]
) -> ProbeResult:
    started = time.monotonic()
    try:
        spec, key = spec_of(platform, credential)
    except SecretUnreadable as error:
        return ProbeResult(False, None, 0, str(error))
    try:
        return asyncio.run(_probe(spec, key, mapped, started))
    except Failure as failure:
        scrub(failure, key)
        detail = f"{failure.kind}: {failure.message}"
        return ProbeResult(False, failure.status, _since_ms(started), detail)


async def _probe(
    platform: PlatformSpec, key: CredentialSpec, mapped: list[tuple[str, str]], started: float
) -> ProbeResult:
    upstream = Upstream()
    room = asyncio.Semaphore(SIDE_BY_SIDE)
    try:
        names = await reach(upstream, platform, key)
        listed = (
            ngettext("%(count)d model listed", "%(count)d models listed", len(names))
            % {"count": len(names)}
            if platform.models_path
            else gettext("answers; it lists no models")
        )
        took_ms = _since_ms(started)
        async with asyncio.TaskGroup() as group:
            chats = [
                group.create_task(_try(upstream, platform, key, public, name or public, room))
                for public, name in mapped
            ]
        tried = tuple(chat.result() for chat in chats)
        return ProbeResult(True, 200, took_ms, listed, names, tried)
    finally:
        await upstream.aclose()


async def _try(
    upstream: Upstream,
    platform: PlatformSpec,
    key: CredentialSpec,
    public: str,
    name: str,
    room: asyncio.Semaphore,
) -> ModelResult:
    """A chat of one token."""
    async with room:
        started = time.monotonic()
        try:
            await _in_time(_chat(upstream, platform, key, public, name))
        except ApiError as error:  # the protocol has no chat
            return ModelResult(public, False, None, 0, error.message)
        except Failure as failure:
            scrub(failure, key)
            detail = f"{failure.kind}: {failure.message}"
            return ModelResult(public, False, failure.status, _since_ms(started), detail)
        return ModelResult(public, True, 200, _since_ms(started), "answers")


async def _chat(
    upstream: Upstream, platform: PlatformSpec, key: CredentialSpec, public: str, name: str
) -> None:
    """Raises Failure, and BadRequest where there is no chat."""
    route = Route(platform, public, name, "chat", FREE)
    chat = {"model": public, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}
    exchange = PROTOCOLS[platform.protocol].chat(chat, route)
    response = await attempts.send(upstream, platform, key, exchange.request, max_error=_MAX_ANSWER)
    try:
        body = await response.read(_MAX_ANSWER)
    finally:
        await response.aclose()
    sound(exchange.answer, body, Reply("probe", public, 0))


async def _in_time(work: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await work
    except TimeoutError:
        raise Failure("timeout", f"No answer within {TIMEOUT_S:g} seconds.") from None


def _since_ms(started: float) -> int:
    return int((time.monotonic() - started) * 1000)
