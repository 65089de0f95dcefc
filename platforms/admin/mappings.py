"""The console's pages for model mappings."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy as _
from typing_extensions import override
from unfold.contrib.filters.admin import RelatedDropdownFilter

from platforms.adding import from_micros
from platforms.admin.rows import SwitchAdmin
from platforms.dialect_table import DialectAdmin
from platforms.forms import ModelMappingForm
from platforms.models import ModelMapping


@admin.register(ModelMapping)
class ModelMappingAdmin(DialectAdmin, SwitchAdmin):
    """Names and prices of models."""

    form = ModelMappingForm
    list_display = (
        *("public_name", "platform", "sent_as", "kind", "on"),
        *("prices", "updated_on"),
    )
    list_filter = ("enabled", "kind", ("platform", RelatedDropdownFilter))
    list_filter_submit = True  # a choice among many platforms is a field, and sent
    list_select_related = ("platform",)
    search_fields = ("public_name", "upstream_name")
    autocomplete_fields = ("platform",)
    readonly_fields = ("price_version", "created_at", "updated_at")

    class Media:
        css = {"all": ["platforms/admin.css"]}

    @override
    def get_fieldsets(self, request: HttpRequest, obj: ModelMapping | None = None) -> Any:
        prices = {
            "fields": (*ModelMapping.PRICES, *(("price_version",) if obj else ())),
            "description": gettext("In %s. A change acts on calls from then on, never on the past.")
            % settings.TOKENS_CURRENCY,
        }
        fold = {"classes": ("collapse",)}
        return (
            (None, {"fields": ("platform", "public_name", "upstream_name", "kind", "enabled")}),
            (_("Prices"), prices),
            (
                _("Names, keys and fallbacks"),
                {**fold, "fields": ("parameters", "groups", "fallbacks")},
            ),
            self.rules_fieldset(obj, "overrides"),
            *([(_("Record"), {**fold, "fields": ("created_at", "updated_at")})] if obj else []),
        )

    @admin.display(description=_("upstream name"), ordering="upstream_name")
    def sent_as(self, mapping: ModelMapping) -> str:
        """What the platform calls it."""
        return mapping.upstream_name or mapping.public_name

    @admin.display(description=_("price"), ordering="price_prompt_micros")
    def prices(self, mapping: ModelMapping) -> SafeString | str:
        """What it costs, in words; what costs nothing is left out."""
        lines = [
            (words % {"price": from_micros(micros)},)
            for words, micros in (
                (_("%(price)s prompt, per million"), mapping.price_prompt_micros),
                (_("%(price)s completion, per million"), mapping.price_completion_micros),
                (_("%(price)s an image"), mapping.price_image_micros),
                (_("%(price)s a second"), mapping.price_second_micros),
                (_("%(price)s a request"), mapping.price_request_micros),
            )
            if micros
        ]
        if not lines:
            return gettext("none: free")
        return format_html('<div class="pf-prices">{}</div>', _lines(lines))

    @admin.display(description=_("changed"), ordering="updated_at")
    def updated_on(self, mapping: ModelMapping) -> str:
        """When it was changed last."""
        return date_format(timezone.localtime(mapping.updated_at), "SHORT_DATETIME_FORMAT")


def _lines(lines: list[tuple[str]]) -> SafeString:
    return format_html_join("", "<div>{}</div>", lines)
