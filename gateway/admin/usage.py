"""The console's pages for usage: to be read and searched, never changed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from gateway.admin import request_page
from gateway.admin.books import ReadOnlyAdmin, badge, moment, unbroken
from gateway.admin.dated import Dated, DatedDays
from gateway.admin.filters import LicenceFilter, LooseValuesFilter, ModelFilter, PeriodFilter
from gateway.console.units import compact, duration
from gateway.models import UsageDay, UsageRecord

_REQUEST_ID = "foaicmpl-"


@admin.register(UsageRecord)
class UsageRecordAdmin(ReadOnlyAdmin):
    """One line a request."""

    list_display = (
        *("when", "licence", "platform", "model", "how", "status", "tokens", "cost"),
        *("first_byte", "latency", "request_id"),
    )
    list_display_links = ("when", "request_id")
    list_filter = (
        "outcome",
        ("platform", LooseValuesFilter),
        ("model", ModelFilter),
        ("licence_id", LicenceFilter),
        ("at", PeriodFilter),
        *("stream", "measured"),
    )
    search_fields = ("^licence_name", "^model", "^credential_name")
    search_help_text = _("A request's id, or how a licence, model or credential begins.")
    date_hierarchy = "at"
    change_form_template = "admin/gateway/usagerecord/change_form.html"
    fieldsets = ((None, {"fields": ("request_id",)}),)  # the template shows all there is

    @override
    def get_queryset(self, request: HttpRequest) -> Dated:
        return Dated(UsageRecord)

    @override
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A request's id is looked up alone: beside it no index of the others would be used."""
        if (term := search_term.strip()).startswith(_REQUEST_ID):
            return queryset.filter(request_id=term), False
        return super().get_search_results(request, queryset, search_term)

    @override
    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        record = kwargs.get("obj")
        if isinstance(record, UsageRecord):
            context = {**context, **request_page.context(record, request)}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("time"), ordering="at")
    def when(self, record: UsageRecord) -> SafeString:
        """When it came."""
        return moment(record.at)

    @admin.display(description=_("outcome"), ordering="outcome")
    def how(self, record: UsageRecord) -> SafeString:
        """The outcome in its colour."""
        return badge(record.outcome, record.get_outcome_display())

    @admin.display(description=_("tokens"))
    def tokens(self, record: UsageRecord) -> SafeString:
        """Prompt and completion; a tilde before estimates."""
        sign = "" if record.measured or not record.prompt_tokens else "~"
        return unbroken(f"{sign}{record.prompt_tokens:,} + {record.completion_tokens:,}")

    @admin.display(description=_("first byte"), ordering="first_byte_ms")
    def first_byte(self, record: UsageRecord) -> SafeString:
        """Time to the first byte of the answer."""
        return unbroken(duration(record.first_byte_ms))

    @admin.display(description=_("whole answer"), ordering="latency_ms")
    def latency(self, record: UsageRecord) -> SafeString:
        """Time to the last byte of the answer."""
        return unbroken(duration(record.latency_ms))


@admin.register(UsageDay)
class UsageDayAdmin(ReadOnlyAdmin):
    """One line for a day, licence, platform and model."""

    list_display = (
        *("day", "licence", "platform", "model", "calls", "failed"),
        *("tokens", "cost", "latency"),
    )
    list_filter = (
        ("platform", LooseValuesFilter),
        ("licence_id", LicenceFilter),
        ("day", PeriodFilter),
    )
    search_fields = ("^licence_name", "^model")
    search_help_text = _("How a licence or model begins.")
    date_hierarchy = "day"

    @override
    def get_queryset(self, request: HttpRequest) -> DatedDays:
        return DatedDays(UsageDay)

    @override
    def get_fields(self, request: HttpRequest, obj: UsageDay | None = None) -> Any:
        """Everything, with the cost as money."""
        hidden = ("id", "licence_id", "licence_name", "cost_micros", "latency_ms")
        names = [field.name for field in UsageDay._meta.fields if field.name not in hidden]
        return ["licence", *names, "cost", "latency"]

    @admin.display(description=_("requests"), ordering="requests")
    def calls(self, row: UsageDay) -> str:
        """In three digits."""
        return compact(row.requests)

    @admin.display(description=_("errors"), ordering="errors")
    def failed(self, row: UsageDay) -> str:
        """In three digits."""
        return compact(row.errors)

    @admin.display(description=_("tokens"))
    def tokens(self, row: UsageDay) -> SafeString:
        """Prompt and completion, in three digits."""
        return unbroken(f"{compact(row.prompt_tokens)} + {compact(row.completion_tokens)}")

    @admin.display(description=_("mean latency"))
    def latency(self, row: UsageDay) -> SafeString:
        """How long a request took."""
        return unbroken(duration(row.latency_ms / row.requests if row.requests else None))
