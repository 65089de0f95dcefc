"""Which ASGI application answers which path: first what streams, then Django."""

import gc
import os
import re
import sys
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
django_application = get_asgi_application()

# After Django is set up: these import models.
from gateway import routing  # noqa: E402
from gateway.bounded import Bounded  # noqa: E402
from gateway.client import LINE, Application, Client, Scope, Send  # noqa: E402
from gateway.console.live.gate import refuse  # noqa: E402
from gateway.console.live.socket import socket  # noqa: E402
from gateway.errors import not_found  # noqa: E402
from gateway.faces.openai import OPENAI  # noqa: E402
from gateway.runtime import Gateway  # noqa: E402
from gateway.watch import Receive  # noqa: E402

# Empty, dot and encoded parts, back slashes, control characters: paths that two programs read in
# two ways. A model's id may hold an encoded slash (org%2Fname), which SDKs send.
_ODD = re.compile(rb"//|/\.\.?(?:/|$)|%5c|%2e|%[01][0-9a-f]|%7f|[\\\x00-\x1f]", re.IGNORECASE)
_SLASH = re.compile(rb"%2f", re.IGNORECASE)
_MODEL = re.compile(rb"/(?:[^/%]+/)?v1(?:beta)?/models/.")


_PLACES = 1000  # paths whose place is remembered: an operator's platforms times a few endpoints
_PLACE = 200  # bytes of one


class Entrance:
    """Refuses odd paths before anything else looks at them, and remembers where calls go.

    So the paths of our own endpoints are looked at and matched once, not with every call.
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._places: dict[bytes, tuple[Application, dict[str, Any]]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is in order; what is no request of HTTP's has doors of its own."""
        if scope["type"] != "http":
            return await self._application(scope, receive, send)
        path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
        if (place := self._places.get(path)) is not None:
            scope["url_route"] = {"args": (), "kwargs": place[1]}
            return await place[0](scope, receive, send)
        if _ODD.search(path) or (_SLASH.search(path) and not _MODEL.match(path)):
            error = not_found(path.decode("ascii", "replace")[:200])
            return await Client(scope, receive, send).answer(404, OPENAI.error(error), [])
        self._remember(path, scope["path"])
        # A scope of its own takes the line: in the server's, which it knows, it would be a circle.
        further = dict(scope)
        scope.pop(LINE, None)
        return await self._application(further, receive, send)

    def _remember(self, path: bytes, decoded: str) -> None:
        if len(path) > _PLACE:
            return
        for route in routing.urlpatterns:
            if found := route.pattern.match(decoded.lstrip("/")):
                if len(self._places) >= _PLACES:
                    self._places.clear()
                self._places[path] = route.callback, found[2]
                return


async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    """Start the gateway with the server, close it in order when the server ends."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await Gateway.current()
            # What is loaded by now stays; the collector need not look through it again and again.
            gc.collect()
            gc.freeze()
            gc.enable()
            # Chats leave nothing for it (tests/gateway/test_leavings.py), and a look through what a
            # thousand streams hold stops them all for 40 to 90 ms (Nov 2026): seldom, then.
            gc.set_threshold(100_000, 10, 10)
            # What runs in threads (booking, a reload of ten thousand licences) keeps calls waiting
            # for this long at each of their turns; 5 ms by default.
            sys.setswitchinterval(0.001)
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await (await Gateway.current()).aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return


_by_protocol = ProtocolTypeRouter(
    {
        "http": URLRouter([*routing.urlpatterns, re_path(r"", Bounded(django_application))]),  # type: ignore[arg-type] # ASGI
        "websocket": URLRouter(
            [
                re_path(r"^admin/live/socket$", socket),  # type: ignore[arg-type] # ASGI
                re_path(r"", refuse),  # type: ignore[arg-type] # ASGI
            ]
        ),
        "lifespan": lifespan,
    }
)

application = Entrance(_by_protocol)
