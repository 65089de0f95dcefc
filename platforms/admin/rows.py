"""Rows of the console that can be switched on and off, tested, and reached by a proxy."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from django.views.decorators.debug import sensitive_post_parameters
from typing_extensions import override

from platforms.adding import switch, without_password
from platforms.probing import ProbeResult
from platforms.probing_message import probe_message
from platforms.widgets import JsonArea

_NUMBER = re.compile(r"[0-9]{1,18}")

if TYPE_CHECKING:  # the classes take parameters in their stubs only
    _Admin = admin.ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as _Admin  # cannot be subscripted at run time


def badge(level: str, word: str | Promise) -> SafeString:
    """A state as the console shows it; `level`: good, warn, bad, or nothing for neither."""
    return format_html('<span class="tk-badge{}">{}</span>', level and f" tk-badge-{level}", word)


def way_back(request: HttpRequest) -> str:
    """Where the operator came from and wants to return to: `next`, of this site only. "": not."""
    way = request.POST.get("next") or request.GET.get("next") or ""
    own = url_has_allowed_host_and_scheme(
        way, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return way if own else ""


class SwitchAdmin(_Admin):
    """Rows that can be switched on and off, with an entry in the history."""

    formfield_overrides = {models.JSONField: {"widget": JsonArea}}
    list_per_page = 50
    show_full_result_count = False  # a second count over all rows, on every page
    actions: tuple[str, ...] = ("enable_selected", "disable_selected")

    @override
    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Without a platform that is no number of one: its name would be looked up for the form."""
        given: dict[str, Any] = super().get_changeform_initial_data(request)
        if not _NUMBER.fullmatch(str(given.get("platform", "0"))):
            del given["platform"]
        return given

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Switch the selected rows on."""
        self._switch(request, queryset, on=True)

    @admin.action(description=_("Disable"), permissions=["change"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Switch the selected rows off."""
        self._switch(request, queryset, on=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Any], *, on: bool) -> None:
        said = gettext("Switched on.") if on else gettext("Switched off.")
        changed = 0
        for row in queryset:
            with transaction.atomic():  # a change and its entry in the history, or neither
                if switch(row, on):
                    self.log_change(request, row, said)
                    changed += 1
        text = (
            ngettext("%(count)d switched on.", "%(count)d switched on.", changed)
            if on
            else ngettext("%(count)d switched off.", "%(count)d switched off.", changed)
        )
        self.message_user(request, text % {"count": changed})

    @admin.display(description=_("enabled"), ordering="enabled")
    def on(self, row: Any) -> SafeString:
        """Whether it is switched on, as a word with a dot."""
        if row.enabled:
            return badge("good", gettext("on"))
        return badge("", gettext("off"))

    def say_probe(self, request: HttpRequest, name: str, result: ProbeResult) -> None:
        """Tell what a test has shown, with a table of the models tried."""
        ok = result.ok and all(one.ok for one in result.tried)
        level = messages.SUCCESS if ok else messages.ERROR
        self.message_user(request, probe_message(name, result), level)

    def say_probe_briefly(self, request: HttpRequest, name: str, result: ProbeResult) -> None:
        """The same in a sentence, where the page itself has the table."""
        text = str(probe_message(name, replace(result, tried=())))
        level = messages.SUCCESS if result.ok else messages.ERROR
        if failed := sum(not one.ok for one in result.tried):
            level = messages.WARNING
            text += " " + ngettext(
                "%(count)d mapped model does not answer.",
                "%(count)d mapped models do not answer.",
                failed,
            ) % {"count": failed}
        self.message_user(request, text, level)


class ProxyAdmin(SwitchAdmin):
    """Rows with an outbound proxy; its password is for those who may change it."""

    @override
    @method_decorator(sensitive_post_parameters("secret", "proxy"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # Should anything break in here, no report of it may quote what was entered.
        return super().changeform_view(request, *args, **kwargs)

    @override
    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # By ?proxy__startswith= in a list's address one finds out what its pages do not show.
        hidden = lookup.startswith(("proxy", "secret_encrypted"))
        return not hidden and super().lookup_allowed(lookup, value, request)

    @admin.display(description=_("outbound proxy"))
    def proxy_shown(self, row: Any) -> str:
        """The row's own proxy, without its password."""
        return without_password(row.proxy) or "-"

    def proxy_field(self, request: HttpRequest, row: Any) -> str:
        """What a page has of the proxy: the field, or what may be shown of it."""
        return "proxy" if self._may_write(request, row) else "proxy_shown"

    def _may_write(self, request: HttpRequest, row: Any) -> bool:
        return row is None or self.has_change_permission(request, row)
