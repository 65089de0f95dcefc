"""The list of alerts: open ones first; each leads to what it is about, and can be muted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from typing_extensions import override

from gateway.admin.books import ReadOnlyAdmin
from gateway.alert_rows import Alert, AlertKind, AlertTarget, Severity
from gateway.alerts import texts

MUTED = timedelta(hours=24)


class StateFilter(admin.SimpleListFilter):
    """What is wrong now, and what was."""

    title = _("state")
    parameter_name = "state"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open")), ("over", _("over")), ("muted", _("muted"))]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        chosen: dict[str, dict[str, Any]] = {
            "open": {"closed_at": None},
            "over": {"closed_at__isnull": False},
            "muted": {"closed_at": None, "muted_until__gt": timezone.now()},
        }
        return queryset.filter(**chosen.get(self.value() or "", {}))


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """One line an alert. Alerts are opened and closed by what they are about, not by hand."""

    list_display = (
        *("state", "how_bad", "title", "about", "opened_at"),
        *("last_seen_at", "closed_at", "count"),
    )
    list_display_links = ("title",)
    list_filter = (StateFilter, "severity", "kind", "platform")
    ordering = (F("closed_at").desc(nulls_first=True), "severity", "-opened_at", "-pk")
    actions = ("mute_selected", "unmute_selected")
    list_before_template = "console/alerts_nobody.html"
    change_form_outer_before_template = "console/alert.html"

    class Media:
        css = {"all": ["console/alerts.css"]}

    fieldsets = (
        (None, {"fields": ("state", "how_bad", "kind", "subject", "platform")}),
        (
            _("When"),
            {"fields": ("opened_at", "last_seen_at", "closed_at", "count", "told_at")},
        ),
    )

    @override
    def get_urls(self) -> list[URLPattern]:
        do = path(
            "<int:object_id>/do/<slug:verb>/",
            self.admin_site.admin_view(self.do_view),
            name="gateway_alert_do",
        )
        return [do, *super().get_urls()]

    @override
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        nobody = not AlertTarget.objects.filter(enabled=True).exists()
        may_add = request.user.has_perm("gateway.add_alerttarget")
        context = {"nobody_is_told": nobody, "may_add_target": may_add, **(extra_context or {})}
        return super().changelist_view(request, context)

    @override
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        context: dict[str, Any] = {**(extra_context or {})}
        alert = self.get_object(request, object_id)
        if alert is not None:
            messages = alert.notices.exclude(message=None).select_related("message", "target")
            context |= {
                "alert_title": texts.title(alert),
                "alert_detail": texts.detail(alert),
                "alert_page": texts.page(alert),
                "alert_muted": alert.is_muted(timezone.now()),
                "alert_notices": messages.order_by("-pk")[:20],
                "may_mute": self.has_operate_permission(request),
            }
        return super().change_view(request, object_id, form_url, context)

    def do_view(self, request: HttpRequest, object_id: int, verb: str) -> HttpResponse:
        """A button of the alert's page."""
        verbs: dict[str, Callable[[HttpRequest, QuerySet[Alert]], None]] = {
            "mute": self.mute_selected,
            "unmute": self.unmute_selected,
        }
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        rows = self.get_queryset(request).filter(pk=object_id)
        if verb not in verbs or not self.has_operate_permission(request) or not rows.exists():
            raise Http404
        verbs[verb](request, rows)
        return redirect(reverse("admin:gateway_alert_change", args=[object_id]))

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may mute: nobody may change an alert in another way."""
        return request.user.has_perm("gateway.change_alert")

    @admin.action(description=_("Mute for 24 hours"), permissions=["operate"])
    def mute_selected(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Tell nobody of the selected alerts for a day; the list still shows them."""
        rows = list(queryset)
        queryset.model.objects.filter(pk__in=[row.pk for row in rows]).update(
            muted_until=timezone.now() + MUTED
        )
        self._done(request, rows, gettext("Muted for 24 hours."))

    @admin.action(description=_("End muting"), permissions=["operate"])
    def unmute_selected(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        """Tell of them again."""
        rows = list(queryset)
        queryset.model.objects.filter(pk__in=[row.pk for row in rows]).update(muted_until=None)
        self._done(request, rows, gettext("Muting ended."))

    @admin.display(description=_("state"), ordering="closed_at")
    def state(self, alert: Alert) -> SafeString:
        """Open or over; and whether anybody hears of it."""
        if alert.closed_at is not None:
            return badge("good", gettext("over"))
        if alert.is_muted(timezone.now()):
            assert alert.muted_until is not None
            until = date_format(timezone.localtime(alert.muted_until), "SHORT_DATETIME_FORMAT")
            return badge("off", gettext("open, muted until %s") % until)
        return badge("bad" if alert.severity == Severity.CRITICAL else "warn", gettext("open"))

    @admin.display(description=_("severity"), ordering="severity")
    def how_bad(self, alert: Alert) -> str:
        """The severity in words."""
        return alert.get_severity_display()

    @admin.display(description=_("what is wrong"))
    def title(self, alert: Alert) -> SafeString:
        """The alert's sentence."""
        return format_html('<span class="tk-wrap">{}</span>', texts.title(alert))

    @admin.display(description=_("about"))
    def about(self, alert: Alert) -> SafeString | str:
        """A link to the credential, platform or licence."""
        if not (page := texts.page(alert)):
            return "-"
        # The page may be gone; its own page says so then.
        return format_html('<a class="tk-link" href="{}">{}</a>', page, self._what(alert))

    def _what(self, alert: Alert) -> str:
        if alert.kind in (AlertKind.BUDGET, AlertKind.LICENCE_EXPIRING):
            return gettext("Licence")
        if alert.kind == AlertKind.CREDENTIAL_DISABLED:
            return gettext("Credential")
        return gettext("Platform")

    def _done(self, request: HttpRequest, rows: list[Alert], said: str) -> None:
        for row in rows:
            self.log_change(request, row, said)
        count = ngettext("%(count)d alert.", "%(count)d alerts.", len(rows)) % {"count": len(rows)}
        self.message_user(request, f"{said} {count}")


def badge(how: str, text: str) -> SafeString:
    """A state in a word: `how` is good, warn, bad or off."""
    return format_html('<span class="tk-badge tk-badge-{}">{}</span>', how, text)
