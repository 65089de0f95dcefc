"""Who may open the socket of live requests, and from which pages."""

from importlib import import_module
from typing import Any
from urllib.parse import urlparse

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.security.websocket import OriginValidator
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

from gateway.client import Application, Scope, Send
from gateway.console import gate
from gateway.watch import Receive

PERMISSION = "gateway.watch_live"


class SameOrigin:
    """Refuses what a page of another site opens: browsers send cookies along with it.

    Channels' own validator compares; allowed are this host, if TOKENS_ALLOWED_HOSTS has it, and
    TOKENS_TRUSTED_ORIGINS. What sends no origin is no page of ours.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if _is_ours(dict(scope["headers"])):
            await self._application(scope, receive, send)
        else:
            await refuse(scope, receive, send)


def _is_ours(headers: dict[bytes, bytes]) -> bool:
    origin, host = (headers.get(name, b"").decode("latin-1") for name in (b"origin", b"host"))
    domain, _port = split_domain_port(host)
    # Django says https://*.example.org, Channels https://.example.org.
    allowed = [one.replace("://*.", "://.") for one in settings.CSRF_TRUSTED_ORIGINS]
    if domain and validate_host(domain, settings.ALLOWED_HOSTS):
        schemes = ("https",) if settings.TOKENS_HTTPS else ("http", "https")
        allowed += [f"{scheme}://{host}" for scheme in schemes]
    try:
        return bool(origin) and bool(OriginValidator(None, allowed).valid_origin(urlparse(origin)))
    except ValueError:  # no URL at all
        return False


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the handshake with 403."""
    await send({"type": "websocket.close"})


async def user_who_may(session: Any) -> int | None:
    """The id of the session's user, if he may watch; looked up anew each time. None: he may not.

    Raises django.db.Error.
    """
    if not session.session_key:
        return None
    fresh = import_module(settings.SESSION_ENGINE).SessionStore(session.session_key)
    user = await get_user({"session": fresh})
    found: int | None = await database_sync_to_async(_id_if_allowed)(user, fresh)
    return found


def _id_if_allowed(user: Any, session: Any) -> int | None:
    """What the admin asks of a request is asked here as well."""
    request = HttpRequest()
    request.user, request.session = user, session
    if not admin.site.has_permission(request) or not user.has_perm(PERMISSION):
        return None
    return None if gate.is_shut_out(request) else int(user.pk)
