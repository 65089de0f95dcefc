"""The playground's page: what may be chosen there, and what its scripts need to know."""

import contextlib
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway.console.pages import for_staff, page
from gateway.console.playground.words import words
from licences.errors import NotAllowed
from licences.holders import Holder, parse_networks
from licences.models import Licence
from platforms.models import ModelMapping, Platform

MOST_LICENCES = 200
"""Licences to choose from, the last issued; any other is reached from its own page."""
MOST_NUMBER = 19
"""Digits of an id, at most."""


@for_staff("gateway.use_playground")
def show(request: HttpRequest) -> HttpResponse:
    """The page; `?licence=` (its id), `?platform=` and `?model=` choose from the start."""
    licences = _licences(request)
    platforms = _platforms()
    return page(
        request,
        "playground.html",
        _("Playground"),
        platforms=platforms,
        licences=licences,
        are_more=len(licences) >= MOST_LICENCES,
        chat_bytes=settings.TOKENS_MAX_CHAT_BODY,
        words=words(),
        facts={
            "platforms": platforms,
            "licences": licences,
            "chosen": {
                name: request.GET.get(name, "") for name in ("licence", "platform", "model")
            },
            "address": request.META.get("REMOTE_ADDR", ""),
            "base": settings.TOKENS_PUBLIC_URL,
            "max_chat": settings.TOKENS_MAX_CHAT_BODY,
            "max_media": settings.TOKENS_MAX_MEDIA_BODY,
            "urls": _urls(request),
        },
    )


def _urls(request: HttpRequest) -> dict[str, str]:
    """Where the scripts ask, and where they link to; empty for pages that the user may not see."""
    urls = {
        "pass": reverse("console:playground_pass"),
        "booked": reverse("console:playground_booked"),
        "usage": "",
        "tasks": "",
    }
    if request.user.has_perm("gateway.view_usagerecord"):
        urls["usage"] = reverse("admin:gateway_usagerecord_changelist")
    if request.user.has_perm("gateway.view_mediatask"):
        urls["tasks"] = reverse("admin:gateway_mediatask_changelist")
    return urls


def _licences(request: HttpRequest) -> list[dict[str, Any]]:
    """Those in force, the last issued first, and the one that the address names."""
    now = timezone.now()
    usable = Licence.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=now),
        Q(not_before=None) | Q(not_before__lte=now),
        revoked_at=None,
        enabled=True,
    )
    found = list(usable.order_by("-id")[:MOST_LICENCES])
    named = request.GET.get("licence", "")
    if named.isascii() and named.isdigit() and len(named) < MOST_NUMBER:
        wanted = Licence.objects.filter(pk=int(named)).first()
        if wanted is not None and wanted not in found:
            found.insert(0, wanted)
    address = request.META.get("REMOTE_ADDR")
    return [
        {
            "id": licence.pk,
            "name": licence.name,
            "key": licence.shown_key,
            "platforms": licence.platforms,
            "networks": ", ".join(licence.networks),
            "is_outside": _is_outside(licence, address),
        }
        for licence in found
    ]


def _is_outside(licence: Licence, address: str | None) -> bool:
    """Whether calls from this address will be refused, because of the licence's networks."""
    with contextlib.suppress(ValueError):  # written past the validators: refused by the register
        networks = parse_networks(licence.networks)
        try:
            Holder(licence.pk, licence.name, "", networks=networks).require_address(address)
        except NotAllowed:
            return True
    return False


def _platforms() -> list[dict[str, Any]]:
    """The enabled ones, and of which kind their mapped models are."""
    kinds: dict[int, dict[str, str]] = {}
    mapped = ModelMapping.objects.filter(enabled=True, platform__enabled=True)
    for id, name, kind in mapped.values_list("platform_id", "public_name", "kind"):
        kinds.setdefault(id, {})[name] = kind
    found = Platform.objects.filter(enabled=True).order_by("name").values_list("id", "slug", "name")
    return [{"slug": slug, "name": name, "kinds": kinds.get(id, {})} for id, slug, name in found]
