"""The socket of live requests: it says what happens, hears nothing, and is cut in time."""

import asyncio
import contextlib
from typing import Any

import orjson
from channels.auth import AuthMiddlewareStack
from django.db import Error as DatabaseFailure

from gateway.client import Scope, Send
from gateway.console.live.gate import SameOrigin, refuse, user_who_may
from gateway.live.feed import Feed, TooManySockets
from gateway.live.outbox import Outbox
from gateway.runtime import Gateway
from gateway.watch import Receive

TELL_S = 0.25
QUIET_S = 5.0
"""At least so often something is sent, so that the page knows that it still hears."""
CHECK_S = 20.0
"""How often it is looked whether the user still may watch: he is cut well within a minute."""
SEND_S = 10.0
"""A reader that takes longer for one message is dropped."""
CLOSE_S = 1.0

POLICY = 1008
FAILED = 1013
SIGNED_OUT = 4401
TOO_SLOW = 4408
TOO_MANY = 4429


class _Over(Exception):
    """The socket ends; `code` None: the client has closed it."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


async def _watch(scope: Scope, receive: Receive, send: Send) -> None:
    """One socket, from its handshake to its end."""
    await receive()
    session: Any = scope["session"]
    try:
        user = await user_who_may(session)
    except DatabaseFailure:
        user = None
    if user is None:
        return await refuse(scope, receive, send)
    feed = (await Gateway.current()).feed
    await send({"type": "websocket.accept"})
    try:
        outbox = feed.join(user)
    except TooManySockets:
        return await send({"type": "websocket.close", "code": TOO_MANY})
    code: int | None = None
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_listen(receive))
            group.create_task(_tell(feed, outbox, send))
            group.create_task(_check(session))
    except* _Over as over:
        codes = [one.code for one in over.exceptions if isinstance(one, _Over)]
        code = None if None in codes else codes[0]
    finally:
        feed.leave(outbox)
    if code is not None:
        # Who does not read does not hear of it either; then the server ends the connection.
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(CLOSE_S):
                await send({"type": "websocket.close", "code": code})


async def _listen(receive: Receive) -> None:
    message = await receive()
    raise _Over(None if message["type"] == "websocket.disconnect" else POLICY)


async def _tell(feed: Feed, outbox: Outbox, send: Send) -> None:
    loop = asyncio.get_running_loop()
    last: tuple[object, ...] = ()
    sent_at = 0.0
    while True:
        message = outbox.take()
        state = (message["running"], feed.others)
        says_something = any(
            (message["rows"], message["left_out"], message["ended"], message["alive"])
        )
        if says_something or state != last or loop.time() > sent_at + QUIET_S:
            text = orjson.dumps({**message, "others": feed.others}).decode()
            try:
                async with asyncio.timeout(SEND_S):
                    await send({"type": "websocket.send", "text": text})
            except TimeoutError:
                raise _Over(TOO_SLOW) from None
            except OSError:  # it is gone
                raise _Over(None) from None
            last, sent_at = state, loop.time()
        await asyncio.sleep(TELL_S)


async def _check(session: Any) -> None:
    while True:
        await asyncio.sleep(CHECK_S)
        try:
            if await user_who_may(session) is None:
                raise _Over(SIGNED_OUT)
        except DatabaseFailure:  # who cannot be asked for is not let in; the page tries again
            raise _Over(FAILED) from None


socket = SameOrigin(AuthMiddlewareStack(_watch))
"""The ASGI application behind /admin/live/socket."""
