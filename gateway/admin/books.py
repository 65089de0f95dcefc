"""Lists that are read and searched, and never changed."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from gateway.admin.large import LargePaginator
from gateway.models import Outcome, TaskState, UsageDay, UsageRecord
from gateway.usage.prices import format_micros

if TYPE_CHECKING:  # the class takes a parameter in its stubs only
    Admin = admin.ModelAdmin[Any]
else:
    from unfold.admin import ModelAdmin as Admin

# A newer version may have known another outcome or state: those are shown without a colour.
_BADGES: dict[str, str] = {
    Outcome.COMPLETED: "good",
    Outcome.CANCELLED: "off",
    Outcome.TRUNCATED: "warn",
    Outcome.UPSTREAM_ERROR: "bad",
    Outcome.REFUSED: "warn",
    TaskState.QUEUED: "warn",
    TaskState.FAILED: "bad",
}


def badge(value: str, label: object) -> SafeString:
    """An outcome or a state: a word with a dot in its colour."""
    return format_html(
        '<span class="tk-badge tk-badge-{}">{}</span>', _BADGES.get(value, "off"), label
    )


def unbroken(text: str) -> SafeString:
    """A number with its unit, on one line."""
    return format_html('<span class="tk-nowrap">{}</span>', text)


def moment(at: datetime) -> SafeString:
    """To the second, in the operator's zone."""
    return unbroken(timezone.localtime(at).strftime("%Y-%m-%d %H:%M:%S"))


class ReadOnlyAdmin(Admin):
    """Pages that nobody may change, not even a superuser: books are not corrected by hand."""

    show_full_result_count = False  # counting millions of rows takes longer than the page
    paginator = LargePaginator
    list_per_page = 50

    class Media:
        css = {"all": ["console/books.css"]}

    @override
    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Without the theme's own count beside the title, which knows no "more than"."""
        found = super().get_changelist_instance(request)
        found.full_result_count = found.result_count
        return found

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("cost"), ordering="cost_micros")
    def cost(self, row: UsageRecord | UsageDay) -> SafeString:
        """Money for people."""
        return unbroken(format_micros(row.cost_micros, settings.TOKENS_CURRENCY))

    @admin.display(description=_("licence"), ordering="licence_name")
    def licence(self, row: UsageRecord | UsageDay) -> str:
        """The licence's name then, with a link to it if it is still there to be looked at."""
        if not row.licence_id:
            return "-"
        try:
            url = reverse("admin:licences_licence_change", args=[row.licence_id])
        except NoReverseMatch:
            return row.licence_name
        return format_html('<a href="{}">{}</a>', url, row.licence_name)
