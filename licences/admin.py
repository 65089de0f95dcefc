"""Licences in the admin: issue (the key is shown once), rotate, revoke, switch on and off."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from typing_extensions import override

from licences import issuing, spends
from licences.filters import ExpiryFilter, PlatformFilter, StateFilter, UseFilter
from licences.forms import LicenceForm, RotateForm, platform_choices
from licences.models import Licence

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Licence]
else:
    from unfold.admin import ModelAdmin as _Admin  # cannot be subscripted at run time

_REACH = ("platforms", "model_patterns", "networks")
_RATES = ("rpm", "tpm", "concurrency", "model_limits")
_BUDGETS = ("budget_total_micros", "budget_day_micros", "budget_month_micros")


@admin.register(Licence)
class LicenceAdmin(_Admin):
    """The operator's desk for licences."""

    form = LicenceForm
    list_display = (
        *("name", "owner", "key", "state_badge", "platform_list", "spent"),
        *("expires_at", "last_used_at", "created_at"),
    )
    list_filter = (StateFilter, PlatformFilter, ExpiryFilter, UseFilter)
    search_fields = ("name", "owner", "note", "key_start", "=key_end")
    search_help_text = _("Name, owner, note, or the ends of a key as logs show it: tk-abcde…wxyz")
    date_hierarchy = "created_at"
    show_full_result_count = False  # a second count over all rows, on every page
    list_per_page = 50
    actions = ("revoke_selected", "enable_selected", "disable_selected")
    readonly_fields = (
        *("key", "state_badge", "created_at", "updated_at", "last_used_at"),
        *("revoked_at", "previous_key_until", "budgets"),
    )

    class Media:
        css = {"all": ["licences/admin.css"]}

    @admin.display(description=_("key"), ordering="key_start")
    def key(self, licence: Licence) -> str:
        """The visible ends of the key."""
        return licence.shown_key if licence.key_start else "-"

    @admin.display(description=_("state"))
    def state_badge(self, licence: Licence) -> str:
        """The state, coloured."""
        state = licence.state(timezone.now())
        return format_html(
            '<span class="licence-state licence-state-{}">{}</span>', state.value, state.label
        )

    @admin.display(description=_("platforms"))
    def platform_list(self, licence: Licence) -> str:
        """The platforms that may be called."""
        return ", ".join(licence.platforms) or gettext("all")

    @admin.display(description=_("spent"))
    def spent(self, licence: Licence) -> str:
        """What was spent of each budget; without any, in total."""
        return spends.short(licence)

    @admin.display(description=_("spent and left"))
    def budgets(self, licence: Licence) -> str:
        """What was spent and is left, in each window."""
        spends.note_spends([licence])
        return format_html_join(
            mark_safe("<br>"), "{}", [(line,) for line in spends.lines(licence)]
        )

    @override
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[spends.SpendsList]:
        return spends.SpendsList

    @override
    def get_fieldsets(self, request: HttpRequest, obj: Licence | None = None) -> Any:
        reach = (
            _("What it may call"),
            {
                "fields": _REACH,
                "description": _("Each list narrows the licence; an empty list allows all."),
            },
        )
        time = (_("When it is valid"), {"fields": ("enabled", "not_before", "expires_at")})
        names = ("name", "owner", "note")
        use = _("How much it may use")
        told = gettext(
            "Changes act within a second. Empty: no bound. Money is in %(currency)s."
        ) % {"currency": settings.TOKENS_CURRENCY}
        if obj is None:
            limits = (use, {"fields": (*_RATES, *_BUDGETS), "description": told})
            return [(None, {"fields": names}), time, reach, limits]
        # Who may not change them reads of budgets below, not in millionths.
        can = obj.revoked_at is None and self.has_change_permission(request, obj)
        shown = (*_RATES, *(_BUDGETS if can else ()), "budgets")
        record = ("created_at", "updated_at", "last_used_at", "revoked_at", "previous_key_until")
        return [
            (None, {"fields": ("key", "state_badge", *names)}),
            time,
            reach,
            (use, {"fields": shown, "description": told}),
            (_("Record"), {"fields": record}),
        ]

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Licence | None = None) -> Any:
        if obj is None or obj.revoked_at is None:
            return self.readonly_fields
        # Nothing of it acts any more; only what it is called may still be put right.
        rest = ("enabled", "not_before", "expires_at", *_REACH, *_RATES, *_BUDGETS)
        return (*self.readonly_fields, *rest)

    @override
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Licence], search_term: str
    ) -> tuple[QuerySet[Licence], bool]:
        # As copied from a log line: two words of which each must be found.
        return super().get_search_results(request, queryset, search_term.replace("…", " "))

    @override
    def get_urls(self) -> list[URLPattern]:
        rotate = path(
            "<path:object_id>/rotate/",
            self.admin_site.admin_view(self.rotate_view),
            name="licences_licence_rotate",
        )
        return [rotate, *super().get_urls()]

    @override
    def save_model(self, request: HttpRequest, obj: Licence, form: Any, change: bool) -> None:
        if change:
            # Only what was changed here: the key may be rotated and the use noted meanwhile.
            obj.save(update_fields=[*form.changed_data, "updated_at"])
        else:
            obj.fresh_key = issuing.issue_draft(obj)

    @override
    def response_add(
        self, request: HttpRequest, obj: Licence, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the key in the answer to the POST itself: whatever else would have to store it."""
        return self._key_page(request, obj, obj.fresh_key, gettext("Licence issued"))

    def rotate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for the overlap, then give a licence a new key and show it."""
        licence = self.get_object(request, unquote(object_id))
        if licence is None:
            raise Http404
        if not self.has_change_permission(request, licence):
            raise PermissionDenied
        form = RotateForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            try:
                key = self._rotate(request, licence, form)
            except ValidationError as error:
                form.add_error(None, error)
            else:
                return self._key_page(request, licence, key, gettext("Key rotated"))
        return self._page(
            request, "rotate.html", licence=licence, form=form, title=gettext("Rotate the key")
        )

    @transaction.atomic
    def _rotate(self, request: HttpRequest, licence: Licence, form: RotateForm) -> str:
        key = issuing.rotate(licence, form.overlap)
        if licence.previous_key_until is None:
            message = gettext("Rotated the key; the old one ended at once.")
        else:
            message = gettext("Rotated the key; the old one works until %(until)s.") % {
                "until": licence.previous_key_until.isoformat(timespec="minutes")
            }
        self.log_change(request, licence, message)
        return key

    @admin.action(description=_("Revoke selected licences"), permissions=["change"])
    def revoke_selected(
        self, request: HttpRequest, queryset: QuerySet[Licence]
    ) -> HttpResponse | None:
        """Revoke for good, after a page that asks."""
        if "confirmed" in request.POST:
            self._change_each(request, queryset, issuing.revoke, gettext("Revoked."))
            return None
        return self._page(
            request,
            "revoke.html",
            licences=queryset,
            action_checkbox_name=ACTION_CHECKBOX_NAME,
            title=gettext("Revoke licences"),
        )

    @admin.action(description=_("Switch on selected licences"), permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Licence]) -> None:
        """Switch on those that are not revoked."""
        self._change_each(request, queryset, issuing.enable, gettext("Switched on."))

    @admin.action(description=_("Switch off selected licences"), permissions=["change"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Licence]) -> None:
        """Switch off for a while."""
        self._change_each(request, queryset, issuing.disable, gettext("Switched off."))

    def _change_each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Licence],
        change: Callable[[Licence], bool],
        message: str,
    ) -> None:
        """Change every licence, write those that changed into the history, say what happened."""
        changed = 0
        for licence in queryset:
            try:
                with transaction.atomic():
                    if change(licence):
                        self.log_change(request, licence, message)
                        changed += 1
            except ValidationError as error:
                self.message_user(request, " ".join(error.messages), messages.ERROR)
        counted = ngettext("%(count)d licence changed.", "%(count)d licences changed.", changed)
        self.message_user(request, f"{message} {counted % {'count': changed}}", messages.SUCCESS)

    def _key_page(
        self, request: HttpRequest, licence: Licence, key: str, title: str
    ) -> HttpResponse:
        slug = next(iter(licence.platforms), "") or next((s for s, _n in platform_choices()), "")
        page = reverse(f"{self.admin_site.name}:licences_licence_change", args=[licence.pk])
        return self._page(
            request,
            "key.html",
            licence=licence,
            key=key,
            base_url=request.build_absolute_uri(f"/{slug or 'PLATFORM'}/v1"),
            change_url=page,
            title=title,
        )

    def _page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        context = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        context["media"] = self.media
        return TemplateResponse(request, f"admin/licences/licence/{template}", context)
