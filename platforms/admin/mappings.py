"""The console's pages for model mappings."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy as _
from typing_extensions import override

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
        *("public_name", "platform", "sent_as", "kind", "enabled"),
        *("prompt_price", "completion_price", "updated_at"),
    )
    list_filter = ("enabled", "kind", "platform")
    list_select_related = ("platform",)
    search_fields = ("public_name", "upstream_name")
    autocomplete_fields = ("platform",)
    readonly_fields = ("price_version", "created_at", "updated_at")

    @override
    def get_fieldsets(self, request: HttpRequest, obj: ModelMapping | None = None) -> Any:
        prices = {
            "fields": (*ModelMapping.PRICES, *(("price_version",) if obj else ())),
            "description": gettext("In %s. A change acts on calls from then on, never on the past.")
            % settings.TOKENS_CURRENCY,
        }
        return (
            (None, {"fields": ("platform", "public_name", "upstream_name", "kind", "enabled")}),
            (_("Names, keys and fallbacks"), {"fields": ("parameters", "groups", "fallbacks")}),
            (_("Prices"), prices),
            self.rules_fieldset(obj, "overrides"),
            *([(_("Record"), {"fields": ("created_at", "updated_at")})] if obj else []),
        )

    @admin.display(description=_("upstream name"), ordering="upstream_name")
    def sent_as(self, mapping: ModelMapping) -> str:
        """What the platform calls it."""
        return mapping.upstream_name or mapping.public_name

    @admin.display(description=_("prompt tokens, per million"), ordering="price_prompt_micros")
    def prompt_price(self, mapping: ModelMapping) -> str:
        """Price of prompt tokens."""
        return from_micros(mapping.price_prompt_micros)

    @admin.display(
        description=_("completion tokens, per million"), ordering="price_completion_micros"
    )
    def completion_price(self, mapping: ModelMapping) -> str:
        """Price of completion tokens."""
        return from_micros(mapping.price_completion_micros)
