"""The console's pages for usage: to be read and searched, never changed."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from gateway.models import Outcome, UsageDay, UsageRecord
from gateway.usage.prices import format_micros

if TYPE_CHECKING:  # the class takes a parameter in its stubs only
    Admin = admin.ModelAdmin[Any]
else:
    Admin = admin.ModelAdmin

_COLOURS = {
    Outcome.COMPLETED: "#1a7f37",
    Outcome.CANCELLED: "#6e7781",
    Outcome.TRUNCATED: "#bc4c00",
    Outcome.UPSTREAM_ERROR: "#cf222e",
    Outcome.REFUSED: "#9a6700",
}


class ReadOnlyAdmin(Admin):
    """Pages that nobody may change, not even a superuser: books are not corrected by hand."""

    show_full_result_count = False  # counting millions of rows takes longer than the page
    list_per_page = 50

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
    def cost(self, row: UsageRecord | UsageDay) -> str:
        """Money for people."""
        return format_micros(row.cost_micros, settings.TOKENS_CURRENCY)

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


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin):
    """One line a request."""

    list_display = (
        *("at", "licence", "platform", "model", "how", "status", "tokens", "cost"),
        *("first_byte", "latency", "request_id"),
    )
    list_display_links = ("at", "request_id")
    list_filter = ("outcome", "platform", "endpoint", "stream", "measured")
    search_fields = ("=request_id", "^licence_name", "^model", "^credential_name")
    search_help_text = _("A request's id, or how a licence, model or credential begins.")
    date_hierarchy = "at"
    fieldsets = (
        (None, {"fields": ("request_id", "at", "outcome", "status", "error_code", "error")}),
        (
            _("Who and where"),
            {
                "fields": (
                    *("licence", "platform", "credential_name", "endpoint", "model"),
                    *("upstream_model", "stream", "attempts"),
                )
            },
        ),
        (
            _("What was used"),
            {
                "fields": (
                    *("prompt_tokens", "cached_tokens", "completion_tokens"),
                    *("reasoning_tokens", "images", "seconds", "measured"),
                )
            },
        ),
        (_("What it cost"), {"fields": ("cost", "price_version", "unit_prices")}),
        (_("How long it took"), {"fields": ("first_byte", "latency")}),
    )

    @admin.display(description=_("outcome"), ordering="outcome")
    def how(self, record: UsageRecord) -> str:
        """The outcome in its colour."""
        outcome = Outcome(record.outcome)
        return format_html('<span style="color:{}">●</span> {}', _COLOURS[outcome], outcome.label)

    @admin.display(description=_("tokens"))
    def tokens(self, record: UsageRecord) -> str:
        """Prompt and completion; a tilde before estimates."""
        sign = "" if record.measured or not record.prompt_tokens else "~"
        return f"{sign}{record.prompt_tokens:,} + {record.completion_tokens:,}"

    @admin.display(description=_("first byte"), ordering="first_byte_ms")
    def first_byte(self, record: UsageRecord) -> str:
        """Time to the first byte of the answer."""
        return "-" if record.first_byte_ms is None else f"{record.first_byte_ms:,} ms"

    @admin.display(description=_("whole answer"), ordering="latency_ms")
    def latency(self, record: UsageRecord) -> str:
        """Time to the last byte of the answer."""
        return f"{record.latency_ms:,} ms"

    @admin.display(description=_("unit prices"))
    def unit_prices(self, record: UsageRecord) -> str:
        """The prices that the cost was worked out with: per million tokens, image, second."""
        prices = (f"{name} {format_micros(micros)}" for name, micros in record.prices.items())
        return ", ".join(prices) or "-"


@admin.register(UsageDay)
class UsageDayAdmin(ReadOnlyAdmin):
    """One line for a day, licence, platform and model."""

    list_display = (
        *("day", "licence", "platform", "model", "requests", "errors"),
        *("prompt_tokens", "completion_tokens", "cost"),
    )
    list_filter = ("platform",)
    search_fields = ("^licence_name", "^model")
    search_help_text = _("How a licence or model begins.")
    date_hierarchy = "day"

    @override
    def get_fields(self, request: HttpRequest, obj: UsageDay | None = None) -> Any:
        """Everything, with the cost as money."""
        hidden = ("id", "licence_id", "licence_name", "cost_micros")
        names = [field.name for field in UsageDay._meta.fields if field.name not in hidden]
        return ["licence", *names, "cost"]
