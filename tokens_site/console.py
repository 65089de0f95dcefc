"""How the console looks: its name and mark, its colours, and what stands in its navigation.

Read by django-unfold as `settings.UNFOLD`. A page that is not in the navigation is a dead end, so
every list and every page of `gateway.console` has its line here, with who may see it.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import Promise, lazy
from django.utils.translation import gettext_lazy as _


def _file(name: str) -> Callable[[HttpRequest], str]:
    return lambda _request: static(f"console/{name}")


def _may(permission: str) -> Callable[[HttpRequest], bool]:
    return lambda request: request.user.has_perm(permission)


def _item(title: Promise | str, icon: str, page: str, permission: str) -> dict[str, Any]:
    """A line of the navigation; `icon` is a name of Material Symbols, `page` a URL's name."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(page),
        "permission": _may(permission),
    }


def _group(title: Promise | str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "separator": True, "items": list(items)}


def _open_alerts() -> str:
    from gateway.console import alerting  # Django reads this file before it knows any models

    return alerting.badge()


NAVIGATION = [
    _group(
        "",
        _item(_("Dashboard"), "dashboard", "admin:index", "gateway.view_usageday"),
        _item(_("First steps"), "flag", "console:first_steps", "platforms.view_platform"),
        _item(_("Live requests"), "sensors", "console:live", "gateway.watch_live"),
        _item(_("Playground"), "forum", "console:playground", "gateway.use_playground"),
    ),
    _group(
        _("Access"),
        _item(_("Licences"), "key", "admin:licences_licence_changelist", "licences.view_licence"),
    ),
    _group(
        _("Upstream"),
        _item(
            _("Platforms"), "hub", "admin:platforms_platform_changelist", "platforms.view_platform"
        ),
        _item(
            _("Credentials"),
            "vpn_key",
            "admin:platforms_credential_changelist",
            "platforms.view_credential",
        ),
        _item(
            _("Models"),
            "deployed_code",
            "admin:platforms_modelmapping_changelist",
            "platforms.view_modelmapping",
        ),
    ),
    _group(
        _("Usage"),
        _item(_("Explorer"), "monitoring", "console:explorer", "gateway.view_usageday"),
        _item(
            _("Requests"),
            "receipt_long",
            "admin:gateway_usagerecord_changelist",
            "gateway.view_usagerecord",
        ),
        _item(
            _("Sums by day"),
            "calendar_month",
            "admin:gateway_usageday_changelist",
            "gateway.view_usageday",
        ),
        _item(
            _("Pictures and films"),
            "movie",
            "admin:gateway_mediatask_changelist",
            "gateway.view_mediatask",
        ),
    ),
    _group(
        _("Alerts"),
        # Lazy: an empty badge is none.
        _item(
            _("Alerts"),
            "notifications",
            "admin:gateway_alert_changelist",
            "gateway.view_alert",
        )
        | {"badge": lazy(_open_alerts, str)()},
        _item(
            _("Alert targets"),
            "campaign",
            "admin:gateway_alerttarget_changelist",
            "gateway.view_alerttarget",
        ),
    ),
    _group(
        _("Administration"),
        _item(_("People"), "group", "admin:auth_user_changelist", "auth.view_user"),
        _item(_("Roles"), "badge", "admin:auth_group_changelist", "auth.view_group"),
        _item(
            _("Audit"),
            "policy",
            "admin:gateway_auditevent_changelist",
            "gateway.view_auditevent",
        ),
        {"title": _("API reference"), "icon": "api", "link": reverse_lazy("docs")},
    ),
]

UNFOLD = {
    "SITE_TITLE": "Tokens",
    "SITE_HEADER": "Tokens",
    "SITE_SUBHEADER": _("Gateway to AI platforms"),
    "SITE_URL": None,
    "SITE_ICON": {"light": _file("mark.svg"), "dark": _file("mark.svg")},
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": _file("mark.svg")},
    ],
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [_file("colours.css"), _file("console.css"), _file("first_steps.css")],
    "SCRIPTS": [
        _file("frame.js"),
        _file("console.js"),
        _file("charts.js"),
        _file("first_steps.js"),
    ],
    # The page's own style of colours, which the Content-Security-Policy forbids.
    "GLOBAL_CALLBACK": "gateway.console.colours.instead",
    "DASHBOARD_CALLBACK": "gateway.console.dashboard.fill",
    "ACCOUNT": {
        "navigation": [
            {"title": _("My security"), "link": reverse_lazy("console:security")},
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
        ]
    },
    "SIDEBAR": {"show_search": True, "navigation": NAVIGATION},
    "COLORS": {
        # Teal of the mark. 600 on white and 500 on the dark base pass WCAG AA for large text and
        # controls; text in it uses 700 and 400.
        "primary": {
            "50": "oklch(98.4% 0.014 180.72)",
            "100": "oklch(95.3% 0.051 180.801)",
            "200": "oklch(91% 0.096 180.426)",
            "300": "oklch(85.5% 0.138 181.071)",
            "400": "oklch(77.7% 0.152 181.912)",
            "500": "oklch(70.4% 0.14 182.503)",
            "600": "oklch(51.1% 0.096 186.391)",
            "700": "oklch(43.7% 0.078 188.216)",
            "800": "oklch(38.6% 0.063 188.416)",
            "900": "oklch(33% 0.054 189.0)",
            "950": "oklch(27.7% 0.046 192.524)",
        },
    },
}
