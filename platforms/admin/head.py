"""What stands above a platform's form: its address for clients, what comes next, its keys."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from platforms.admin.states import state_badge
from platforms.models import AuthStyle, Credential, Platform
from platforms.presets import PRESETS
from platforms.records import LastTest
from platforms.state import Shown, shown


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A line of the table of credentials."""

    credential: Credential
    shown: Shown
    badge: SafeString


def client_url(request: HttpRequest, platform: Platform) -> str:
    """The base URL that clients of this platform use."""
    if settings.TOKENS_PUBLIC_URL:
        return f"{settings.TOKENS_PUBLIC_URL}/{platform.slug}/v1"
    return request.build_absolute_uri(f"/{platform.slug}/v1")


def head_of(request: HttpRequest, platform: Platform, *, may_change: bool) -> dict[str, Any]:
    """The context of `head.html`; the same queries however many credentials there are."""
    keyless = platform.auth_style == AuthStyle.NONE
    keys = [] if keyless else list(platform.credentials.select_related("platform"))
    found = shown(keys)
    tests = list(platform.last_tests.select_related("credential__platform").order_by("-at"))
    user = request.user
    return {
        "platform": platform,
        "preset": PRESETS.get(platform.preset),
        "client_url": client_url(request, platform),
        "keyless": keyless,
        "keys": [KeyRow(key, found[key.pk], state_badge(found[key.pk])) for key in keys],
        "may_see_keys": user.has_perm("platforms.view_credential"),
        "tests": tests,
        "next": _next(platform, keyless, keys, tests),
        "may_change": may_change,
        "add_credential": user.has_perm("platforms.add_credential") and not keyless,
        "may_sync": may_change and user.has_perm("platforms.add_modelmapping"),
        "playground": playground_url(request, platform),
        "models_url": reverse("admin:platforms_modelmapping_changelist")
        + f"?platform__id__exact={platform.pk}",
    }


def playground_url(request: HttpRequest, platform: Platform) -> str:
    """The playground with this platform chosen; "" where there is none, or none for this user."""
    if not request.user.has_perm("gateway.use_playground"):
        return ""
    try:
        page = reverse("console:playground")
    except NoReverseMatch:
        return ""
    return f"{page}?{urlencode({'platform': platform.slug})}"


def _next(platform: Platform, keyless: bool, keys: list[Credential], tests: list[LastTest]) -> str:
    """What is missing before it can be used, as a word that `head.html` knows."""
    if not platform.enabled:
        return "enable"
    if not keyless and not any(key.enabled for key in keys):
        return "credential"
    if not any(test.ok for test in tests):
        return "failed" if tests else "test"
    tried = [one for test in tests if test.ok for one in test.tried]
    return "models" if any(not one["ok"] for one in tried) else ""
