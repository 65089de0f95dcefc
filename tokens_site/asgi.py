"""Which ASGI application answers which path: first what streams, then Django."""

import gc
import os
import re
import sys

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
django_application = get_asgi_application()

# After Django is set up: these import models.
from gateway import routing  # noqa: E402
from gateway.bounded import Bounded  # noqa: E402
from gateway.client import Application, Client, Scope, Send  # noqa: E402
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


class Entrance:
    """Refuses odd paths before anything else looks at them."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is in order."""
        path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
        if _ODD.search(path) or (_SLASH.search(path) and not _MODEL.match(path)):
            error = not_found(path.decode("ascii", "replace")[:200])
            return await Client(scope, receive, send).answer(404, OPENAI.error(error), [])
        return await self._application(scope, receive, send)


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
            gc.set_threshold(10_000, 10, 10)
            # What runs in threads (booking, a reload of ten thousand licences) keeps calls waiting
            # for this long at each of their turns; 5 ms by default.
            sys.setswitchinterval(0.001)
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await (await Gateway.current()).aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return


application = ProtocolTypeRouter(
    {
        "http": Entrance(
            URLRouter([*routing.urlpatterns, re_path(r"", Bounded(django_application))])  # type: ignore[arg-type] # ASGI
        ),
        "websocket": URLRouter(
            [
                re_path(r"^admin/live/socket$", socket),  # type: ignore[arg-type] # ASGI
                re_path(r"", refuse),  # type: ignore[arg-type] # ASGI
            ]
        ),
        "lifespan": lifespan,
    }
)
