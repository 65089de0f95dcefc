"""The console's pages for credentials: what they are, how they are, and what can be done now."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from typing_extensions import override
from unfold.contrib.filters.admin import RelatedDropdownFilter

from platforms.adding import enable_now
from platforms.admin.rows import ProxyAdmin, SwitchAdmin, way_back
from platforms.admin.states import state_badge, state_text, success_text, until
from platforms.forms import CredentialForm
from platforms.models import Credential, Platform
from platforms.presets import PRESETS
from platforms.probing import probe_and_note
from platforms.state import Shown, State, in_state, shown


class StateFilter(admin.SimpleListFilter):
    """Which credentials carry calls, and why do the others not?"""

    title = _("state")
    parameter_name = "state"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, label) for value, label in State.choices if value != State.FAILING]

    @override
    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Credential]
    ) -> QuerySet[Credential]:
        return in_state(queryset, self.value() or "")


class _List(ChangeList):
    """Looks up the state of all rows of a page at once."""

    @override
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        found = shown(rows)
        for row in rows:
            row.shown = found[row.pk]
        self.result_list = rows


@admin.register(Credential)
class CredentialAdmin(ProxyAdmin):
    """The operator's own keys. Their secrets are entered here and never shown."""

    form = CredentialForm
    change_form_outer_before_template = "admin/platforms/credential/head.html"
    actions = (
        *("enable_now_selected", *SwitchAdmin.actions),
        *("test_selected", "drain_selected", "undrain_selected"),
    )
    list_display = (
        *("name", "platform", "state", "in_flight", "success", "order"),
        *("last_used_at", "last_said"),
    )
    list_filter = (
        StateFilter,
        ("platform", RelatedDropdownFilter),
        ("last_error", admin.EmptyFieldListFilter),
    )
    list_filter_submit = True  # a choice among many platforms is a field, and sent
    list_select_related = ("platform",)
    search_fields = ("name", "platform__slug", "last_error", "disabled_reason")
    autocomplete_fields = ("platform",)
    health = ("state", "in_flight", "success", "disabled_at", "strikes")
    record = ("last_used_at", "last_error", "last_error_at", "created_at", "updated_at")
    readonly_fields = ("proxy_shown", *health, *record)

    class Media:
        css = {"all": ["platforms/admin.css"]}

    @override
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return _List

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        # Moved to another platform, the key would be sent to another company.
        return (*self.readonly_fields, "platform") if obj else self.readonly_fields

    @override
    def get_fieldsets(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        secret = ("secret",) if self._may_write(request, obj) else ()
        proxy = self.proxy_field(request, obj)
        use = ("tier", "weight", "groups", "max_concurrency", "rpm", proxy)
        fold = {"classes": ("collapse",)}
        return (
            (None, {"fields": ("platform", "name", *secret, "enabled", "draining")}),
            *([(_("How it is"), {**fold, "fields": self.health})] if obj else []),
            (_("How it is used"), {**fold, "fields": use}),
            *([(_("Record"), {**fold, "fields": self.record})] if obj else []),
        )

    @override
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With a link to where one gets a key, if it is known which platform it is for."""
        number = request.GET.get("platform", "")
        known = (
            Platform.objects.filter(pk=number) if number.isdecimal() else Platform.objects.none()
        )
        platform = known.first()
        shown = {"for_platform": platform, "preset": platform and PRESETS.get(platform.preset)}
        return super().add_view(request, form_url, {**(extra_context or {}), **shown})

    @override
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form below, above it how it is and what can be done now."""
        row = self.get_object(request, unquote(object_id))
        shown = {}
        if row is not None and self.has_view_permission(request, row):
            found = _of(row)
            head = {"shown": found, "badge": state_badge(found), "until": until(found)}
            tests = row.last_tests.select_related("credential__platform")
            may = self.has_change_permission(request, row)
            shown = {"head": {**head, "row": row, "tests": list(tests), "may_change": may}}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    @override
    def response_add(
        self, request: HttpRequest, obj: Credential, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Back to where one came from, or to the platform's page, where it can be tested."""
        may_look = request.user.has_perm("platforms.view_platform")
        if {"_addanother", "_continue", "_popup"} & set(request.POST) or not may_look:
            return super().response_add(request, obj, post_url_continue)
        text = gettext("%s was added, and is stored encrypted. Test it next.") % obj
        self.message_user(request, text, messages.SUCCESS)
        page = reverse("admin:platforms_platform_change", args=[obj.platform_id])
        return redirect(way_back(request) or page)

    @override
    def get_urls(self) -> list[URLPattern]:
        done = path(
            "<int:object_id>/do/<slug:verb>/",
            self.admin_site.admin_view(self.do_view),
            name="platforms_credential_do",
        )
        return [done, *super().get_urls()]

    def do_view(self, request: HttpRequest, object_id: int, verb: str) -> HttpResponse:
        """A button of the credential's page."""
        verbs: dict[str, Callable[[HttpRequest, QuerySet[Credential]], None]] = {
            "enable-now": self.enable_now_selected,
            "test": self._test,
            "drain": self.drain_selected,
            "undrain": self.undrain_selected,
        }
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        rows = self.get_queryset(request).filter(pk=object_id)
        row = rows.first()
        if row is None or verb not in verbs or not self.has_change_permission(request, row):
            raise Http404
        verbs[verb](request, rows)
        page = reverse("admin:platforms_credential_change", args=[object_id])
        return redirect(way_back(request) or page)

    @admin.display(description=_("state"))
    def state(self, row: Any) -> SafeString:
        """How it is, why, and until when."""
        return state_text(_of(row))

    @admin.display(description=_("under way"))
    def in_flight(self, row: Any) -> int:
        """Calls that it carries now."""
        return _of(row).in_flight

    @admin.display(description=_("tier · weight"), ordering="tier")
    def order(self, row: Any) -> str:
        """When it is its turn."""
        return f"{row.tier} · {row.weight}"

    @admin.display(description=_("last error"), ordering="last_error_at")
    def last_said(self, row: Any) -> SafeString | str:
        """What went wrong last, and when."""
        if not row.last_error:
            return "-"
        at = row.last_error_at
        shown_at = date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT") if at else ""
        return format_html('<div>{}<div class="tk-why">{}</div></div>', row.last_error, shown_at)

    @admin.display(description=_("went well, last hour"))
    def success(self, row: Any) -> str:
        """Share of the last hour's calls that went well."""
        return success_text(_of(row))

    @admin.action(description=_("Enable now, and forgive everything"), permissions=["change"])
    def enable_now_selected(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        """Put them into service again, whatever was held against them."""
        for row in queryset:
            with transaction.atomic():
                enable_now(row)
                self.log_change(request, row, gettext("Enabled now."))
        self._told(request, len(queryset))

    @admin.action(description=_("Drain: no new calls"), permissions=["change"])
    def drain_selected(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        """Let them end what they carry."""
        self._drain(request, queryset, True)

    @admin.action(description=_("End draining"), permissions=["change"])
    def undrain_selected(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        """Give them calls again."""
        self._drain(request, queryset, False)

    @admin.action(description=_("Test this credential"), permissions=["change"])
    def test_selected(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        """Try each selected credential."""
        for credential in queryset.select_related("platform"):
            result = probe_and_note(credential.platform, credential)
            self.say_probe(request, str(credential), result)

    def _test(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        for credential in queryset.select_related("platform"):
            result = probe_and_note(credential.platform, credential)
            self.say_probe_briefly(request, str(credential), result)

    def _drain(self, request: HttpRequest, queryset: QuerySet[Credential], on: bool) -> None:
        said = gettext("Draining.") if on else gettext("Draining ended.")
        changed = 0
        for row in queryset.exclude(draining=on):
            with transaction.atomic():
                row.draining = on
                row.save(update_fields=["draining", "updated_at"])
                self.log_change(request, row, said)
            changed += 1
        self._told(request, changed)

    def _told(self, request: HttpRequest, count: int) -> None:
        text = ngettext("%(count)d changed.", "%(count)d changed.", count) % {"count": count}
        self.message_user(request, text, messages.SUCCESS)


def _of(row: Any) -> Shown:
    """A row's state: looked up with its page, or now."""
    found: Shown | None = getattr(row, "shown", None)
    if found is None:
        found = row.shown = shown([row])[row.pk]
    return found
