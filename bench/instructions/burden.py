"""A gateway that is slower on purpose, to show that the guard sees it."""

from collections.abc import MutableMapping
from typing import Any

import orjson

from gateway.client import Application, Scope, Send
from gateway.watch import Receive


def burdened(application: Application, times: int) -> Application:
    """The same, but every piece of an answer is parsed and encoded so many times more."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        async def slow(message: MutableMapping[str, Any]) -> None:
            body: bytes = message.get("body", b"")
            piece = body.removeprefix(b"data: ")
            if piece.startswith(b"{"):
                for _ in range(times):
                    orjson.dumps(orjson.loads(piece.partition(b"\n")[0]))
            await send(message)

        await application(scope, receive, slow)

    return call
