"""In front of Django: bodies are bounded before they are kept, and strangers' uploads are not.

Django's ASGI handler writes a whole body to disk before any view is asked; so its size, its time
and, where uploads are expected, the licence are looked at here.
"""

import asyncio
import re
from collections.abc import MutableMapping
from typing import Any

from django.conf import settings

from gateway.client import Application, Client, Scope, Send, too_large, too_slow
from gateway.errors import ApiError, explain
from gateway.http import Answering
from gateway.runtime import Gateway
from gateway.watch import Receive

_API = re.compile(r"/(?:([^/]+)/)?v1(?:beta)?/(images|videos|embeddings)?")
_WITH_BODY = ("POST", "PUT", "PATCH")
CONSOLE = 4 * 2**20
"""Bytes of a body that is sent to a page of the console, or to no page at all."""
SLOWER = 10
"""Pictures may take so many times longer to arrive than a chat's words."""
_GONE = {"type": "http.disconnect"}


class Bounded:
    """Django, with bounds on the bodies of whatever it is asked."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is in order; answer what is not."""
        match = _API.match(scope["path"])
        # Any method may bring a body, and Django keeps it: of a GET as well as of a POST.
        gateway = await Gateway.current()
        client = Client(scope, receive, send)
        limit: int = settings.TOKENS_MAX_MEDIA_BODY if match else CONSOLE
        seconds = gateway.settings.body_s * SLOWER
        try:
            if match and match[2] and scope["method"] in _WITH_BODY:
                await gateway.register.authenticate(client.headers, client.address)
            declared = client.header(b"content-length")
            if declared.isdigit() and int(declared) > limit:
                raise too_large(limit)
            body = _Body(receive, limit, seconds)
            await self._application(scope, body.receive, send)
            if body.error is not None:
                raise body.error
        except Exception as error:
            explained = explain(error)
            if explained.code == "internal_error":
                raise
            await self._refuse(gateway, client, (match and match[1]) or "", explained)
        return None

    async def _refuse(
        self, gateway: Gateway, client: Client, platform: str, error: ApiError
    ) -> None:
        await client.discard()
        async with Answering(gateway, client, "refused", platform):
            raise error


class _Body:
    """A body on its way to Django. One that is too long or too slow ends as if the client left.

    So Django drops what it has of it, and answers nothing.
    """

    error: ApiError | None = None
    """What is wrong with it."""

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self._receive = receive
        self._limit = limit
        self._seconds = seconds
        self._end = asyncio.get_running_loop().time() + seconds
        self._size = 0
        self._whole = False

    async def receive(self) -> MutableMapping[str, Any]:
        """The next message. After the body's end it waits for as long as it takes."""
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
        except TimeoutError:
            self.error = too_slow(self._seconds)
            return _GONE
        self._size += len(message.get("body", b""))
        if self._size > self._limit:
            self.error = too_large(self._limit)
            return _GONE
        self._whole = not message.get("more_body")
        return message
