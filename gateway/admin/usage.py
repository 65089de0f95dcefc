"""The console's pages for usage: to be read and searched, never changed."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from gateway.admin.large import LargePaginator, LooseValuesFilter
from gateway.models import Outcome, UsageDay, UsageRecord
from gateway.usage.prices import format_micros

if TYPE_CHECKING:  # the class takes a parameter in its stubs only
    Admin = admin.ModelAdmin[Any]
    Records = QuerySet[Any]
    Days = QuerySet[UsageDay]
else:
    from unfold.admin import ModelAdmin as Admin

    Records = Days = QuerySet

GREY = "#6e7781"
_COLOURS: dict[str, str] = {
    Outcome.COMPLETED: "#1a7f37",
    Outcome.CANCELLED: GREY,
    Outcome.TRUNCATED: "#bc4c00",
    Outcome.UPSTREAM_ERROR: "#cf222e",
    Outcome.REFUSED: "#9a6700",
}


_REQUEST_ID = "foaicmpl-"


class Dated(Records):
    """Records that know quickly which years, months or days they are of.

    Django's way works that out for every row: for a million of them 3.1 s on SQLite, in which it
    takes the processor from the relay. Stepping along the index takes 7 ms (Nov 2026).
    """

    # The admin's date drill-down passes the first two, and only goes through the result.
    @override
    def datetimes(  # type: ignore[override] # a list instead of a lazy query
        self, field_name: str, kind: str, order: str = "ASC", tzinfo: Any = None
    ) -> list[datetime]:
        """The beginnings of the periods that have records; `kind` is `year`, `month` or `day`."""
        moments = self.order_by(field_name).values_list(field_name, flat=True)
        periods, moment = [], moments.first()
        while moment is not None:
            begin, end = _period(moment, kind)
            periods.append(begin)
            moment = moments.filter(**{f"{field_name}__gte": end}).first()
        return periods


class DatedDays(Days):
    """Sums that know quickly which years, months or days they are of, in the same way."""

    @override
    def dates(  # type: ignore[override] # a list instead of a lazy query
        self, field_name: str, kind: str, order: str = "ASC"
    ) -> list[date]:
        """The first days of the periods that have sums; `kind` is `year`, `month` or `day`."""
        days = self.order_by("day").values_list("day", flat=True)
        periods, day = [], days.first()
        while day is not None:
            if kind == "year":
                begin, end = day.replace(month=1, day=1), day.replace(day.year + 1, 1, 1)
            elif kind == "month":
                begin = day.replace(day=1)
                end = (begin + timedelta(days=31)).replace(day=1)
            else:
                begin, end = day, day + timedelta(days=1)
            periods.append(begin)
            day = days.filter(day__gte=end).first()
        return periods


def _period(moment: datetime, kind: str) -> tuple[datetime, datetime]:
    """The beginning of the period that this is in, and that of the next."""
    day = timezone.localtime(moment).replace(
        hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0
    )
    if kind == "year":
        begin = day.replace(month=1, day=1)
        end = begin.replace(year=begin.year + 1)
    elif kind == "month":
        begin = day.replace(day=1)
        end = (begin + timedelta(days=31)).replace(day=1)
    else:
        begin, end = day, day + timedelta(days=1)
    # Made aware last: a day of a change of clocks has not 24 hours.
    return timezone.make_aware(begin), timezone.make_aware(end)


class ReadOnlyAdmin(Admin):
    """Pages that nobody may change, not even a superuser: books are not corrected by hand."""

    show_full_result_count = False  # counting millions of rows takes longer than the page
    paginator = LargePaginator
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
    list_filter = ("outcome", ("platform", LooseValuesFilter), "stream", "measured")
    search_fields = ("^licence_name", "^model", "^credential_name")
    search_help_text = _("A request's id, or how a licence, model or credential begins.")
    date_hierarchy = "at"
    fieldsets = (
        (None, {"fields": ("request_id", "at", "outcome", "status", "error_code", "error")}),
        (
            _("Who and where"),
            {
                "fields": (
                    *("licence", "platform", "credential_name", "endpoint", "model"),
                    *("upstream_model", "stream", "attempts", "each_attempt"),
                )
            },
        ),
        (
            _("What was used"),
            {
                "fields": (
                    *("prompt_tokens", "cached_tokens", "cache_write_tokens"),
                    *("completion_tokens", "reasoning_tokens"),
                    *("images", "seconds", "measured"),
                )
            },
        ),
        (_("What it cost"), {"fields": ("cost", "price_version", "unit_prices")}),
        (_("How long it took"), {"fields": ("first_byte", "latency")}),
    )

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

    @admin.display(description=_("outcome"), ordering="outcome")
    def how(self, record: UsageRecord) -> str:
        """The outcome in its colour."""
        # A newer version may have known another outcome; the page must not fail for it.
        colour = _COLOURS.get(record.outcome, GREY)
        return format_html(
            '<span style="color:{}">●</span> {}', colour, record.get_outcome_display()
        )

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

    @admin.display(description=_("what became of each"))
    def each_attempt(self, record: UsageRecord) -> SafeString | str:
        """Where each attempt went, how long it took, and what was wrong with it."""
        if not record.tries:
            return "-"
        rows = (
            (
                f"{one.get('platform', '')}/{one.get('model', '')}",
                one.get("credential", "") or "-",
                f"{one.get('ms', 0):,} ms",
                one.get("failure") or _("answered"),
            )
            for one in record.tries
        )
        cells = "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>"
        return format_html("<table>{}</table>", format_html_join("", cells, rows))

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
    list_filter = (("platform", LooseValuesFilter),)
    search_fields = ("^licence_name", "^model")
    search_help_text = _("How a licence or model begins.")
    date_hierarchy = "day"

    @override
    def get_queryset(self, request: HttpRequest) -> DatedDays:
        return DatedDays(UsageDay)

    @override
    def get_fields(self, request: HttpRequest, obj: UsageDay | None = None) -> Any:
        """Everything, with the cost as money."""
        hidden = ("id", "licence_id", "licence_name", "cost_micros")
        names = [field.name for field in UsageDay._meta.fields if field.name not in hidden]
        return ["licence", *names, "cost"]
