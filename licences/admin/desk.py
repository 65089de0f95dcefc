"""Licences in the admin: the list, the page of one, issuing. What is done with them: acting.py."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext, gettext_lazy as _
from typing_extensions import override

from licences import issuing, spends
from licences.admin import overview
from licences.admin.acting import ActingAdmin
from licences.filters import ExpiryFilter, PlatformFilter, StateFilter, UseFilter
from licences.forms import LicenceForm
from licences.models import Licence

_REACH = ("platforms", "model_patterns", "networks")
_RATES = ("rpm", "tpm", "concurrency")
_BUDGETS = ("budget_total_micros", "budget_day_micros", "budget_month_micros")
_FEW = 3  # platforms that a cell of the list names


@admin.register(Licence)
class LicenceAdmin(ActingAdmin):
    """The operator's desk for licences."""

    form = LicenceForm
    list_display = (
        *("name", "owner", "key", "state_badge", "platform_list", "spent"),
        *("expires", "last_used"),
    )
    list_filter = (StateFilter, PlatformFilter, ExpiryFilter, UseFilter)
    search_fields = ("name", "owner", "note", "key_start", "=key_end")
    search_help_text = _("Name, owner, note, or the ends of a key as logs show it: tk-abcde…wxyz")
    date_hierarchy = "created_at"
    show_full_result_count = False  # a second count over all rows, on every page
    list_per_page = 50
    actions = ("revoke_selected", "enable_selected", "disable_selected")
    readonly_fields = (
        *("created_at", "updated_at", "last_used_at", "revoked_at", "previous_key_until"),
    )

    class Media:
        css = {"all": ["licences/admin.css"]}

    @admin.display(description=_("key"), ordering="key_start")
    def key(self, licence: Licence) -> str:
        """The visible ends of the key."""
        return format_html('<code class="licence-ends">{}</code>', licence.shown_key)

    @admin.display(description=_("state"))
    def state_badge(self, licence: Licence) -> str:
        """The state, coloured."""
        now = timezone.now()
        tone = overview.tone(licence, now)
        return format_html(
            '<span class="tk-badge{}">{}</span>',
            f" tk-badge-{tone}" if tone else "",
            licence.state(now).label,
        )

    @admin.display(description=_("platforms"))
    def platform_list(self, licence: Licence) -> str:
        """The platforms that may be called; of many the first few."""
        if len(licence.platforms) <= _FEW:
            return ", ".join(licence.platforms) or gettext("all")
        return gettext("%(some)s and %(count)d more") % {
            "some": ", ".join(licence.platforms[:_FEW]),
            "count": len(licence.platforms) - _FEW,
        }

    @admin.display(description=_("spent"))
    def spent(self, licence: Licence) -> str:
        """What was spent of each budget, the tightest as a bar; without any, in total."""
        words = spends.short(licence)
        bar = overview.tightest(licence)
        if bar is None:
            return words
        return format_html(
            '<div class="licence-spent"><progress class="tk-progress{}" max="100" value="{}" '
            'aria-label="{}"></progress>{}</div>',
            f" tk-progress-{bar.tone}" if bar.tone else "",
            bar.percent,
            bar.words,
            words,
        )

    @admin.display(description=_("expires"), ordering="expires_at")
    def expires(self, licence: Licence) -> str:
        """The day, and how far away it is when that is near."""
        if licence.expires_at is None:
            return gettext("never")
        now = timezone.now()
        day = date_format(timezone.localtime(licence.expires_at), "SHORT_DATE_FORMAT")
        if not overview.expires_soon(licence, now) or licence.revoked_at is not None:
            return day
        left = gettext("in %(time)s") % {"time": timeuntil(licence.expires_at, now, depth=1)}
        return format_html('{}<br><span class="licence-soon">{}</span>', day, left)

    @admin.display(description=_("last used"), ordering="last_used_at")
    def last_used(self, licence: Licence) -> str:
        """How long ago."""
        if licence.last_used_at is None:
            return gettext("never")
        return gettext("%(time)s ago") % {"time": timesince(licence.last_used_at, depth=1)}

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
        told = gettext(
            "Changes act within a second. Empty: no bound. Money is in %(currency)s."
        ) % {"currency": settings.TOKENS_CURRENCY}
        # Who may not change budgets reads of them above, not in millionths.
        can = obj is None or (obj.revoked_at is None and self.has_change_permission(request, obj))
        bounds = (*_RATES, "model_limits", *(_BUDGETS if can else ()))
        limits = (_("Limits"), {"fields": bounds, "description": told})
        time = (_("Validity"), {"fields": ("enabled", "not_before", "expires_at")})
        names = (None, {"fields": (("name", "owner"), "note")})
        if obj is None:
            return [names, reach, limits, time]
        record = ("created_at", "updated_at", "last_used_at", "revoked_at", "previous_key_until")
        return [names, reach, limits, time, (_("Record"), {"fields": record})]

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Licence | None = None) -> Any:
        if obj is None or obj.revoked_at is None:
            return self.readonly_fields
        # Nothing of it acts any more; only what it is called may still be put right.
        rest = ("enabled", "not_before", "expires_at", *_REACH, *_RATES, "model_limits", *_BUDGETS)
        return (*self.readonly_fields, *rest)

    @override
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Licence], search_term: str
    ) -> tuple[QuerySet[Licence], bool]:
        # As copied from a log line: two words of which each must be found.
        return super().get_search_results(request, queryset, search_term.replace("…", " "))

    @override
    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Licence | None = None,
    ) -> HttpResponse:
        """The page of one licence has more than its form."""
        if obj is not None:
            may_change = self.has_change_permission(request, obj)
            context["desk"] = overview.context(request, obj, may_change=may_change)
        return super().render_change_form(request, context, add, change, form_url, obj)

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
        return self.key_page(request, obj, obj.fresh_key, gettext("Licence issued"))
