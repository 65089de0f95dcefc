"""The console's pages for platforms, credentials and model mappings."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from django.views.decorators.debug import sensitive_post_parameters
from typing_extensions import override

from platforms.adding import from_micros, switch, without_password
from platforms.dialect_table import DialectAdmin
from platforms.forms import CredentialForm, ModelMappingForm, PlatformForm
from platforms.models import AuthStyle, Credential, ModelMapping, Platform
from platforms.presets import PRESETS
from platforms.probing import ProbeResult, probe_and_note
from platforms.probing_message import probe_message

if TYPE_CHECKING:  # the classes take parameters in their stubs only
    _Admin = admin.ModelAdmin[Any]
    _Inline = admin.TabularInline[Any, Platform]
else:
    _Admin = admin.ModelAdmin
    _Inline = admin.TabularInline


class SwitchAdmin(_Admin):
    """Rows that can be switched on and off, with an entry in the history."""

    actions: tuple[str, ...] = ("enable_selected", "disable_selected")

    @admin.action(description=_("Enable"), permissions=["change"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Switch the selected rows on."""
        self._switch(request, queryset, on=True)

    @admin.action(description=_("Disable"), permissions=["change"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Switch the selected rows off."""
        self._switch(request, queryset, on=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[Any], *, on: bool) -> None:
        said = gettext("Switched on.") if on else gettext("Switched off.")
        changed = 0
        for row in queryset:
            with transaction.atomic():  # a change and its entry in the history, or neither
                if switch(row, on):
                    self.log_change(request, row, said)
                    changed += 1
        text = (
            ngettext("%(count)d switched on.", "%(count)d switched on.", changed)
            if on
            else ngettext("%(count)d switched off.", "%(count)d switched off.", changed)
        )
        self.message_user(request, text % {"count": changed})

    def say_probe(self, request: HttpRequest, name: str, result: ProbeResult) -> None:
        """Tell what a test has shown."""
        ok = result.ok and all(one.ok for one in result.tried)
        level = messages.SUCCESS if ok else messages.ERROR
        self.message_user(request, probe_message(name, result), level)


class ProxyAdmin(SwitchAdmin):
    """Rows with an outbound proxy; its password is for those who may change it."""

    @override
    @method_decorator(sensitive_post_parameters("secret", "proxy"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # Should anything break in here, no report of it may quote what was entered.
        return super().changeform_view(request, *args, **kwargs)

    @admin.display(description=_("outbound proxy"))
    def proxy_shown(self, row: Any) -> str:
        """The row's own proxy, without its password."""
        return without_password(row.proxy) or "-"

    def proxy_field(self, request: HttpRequest, row: Any) -> str:
        """What a page has of the proxy: the field, or what may be shown of it."""
        return "proxy" if self._may_write(request, row) else "proxy_shown"

    def _may_write(self, request: HttpRequest, row: Any) -> bool:
        return row is None or self.has_change_permission(request, row)


class CredentialInline(_Inline):
    """A platform's credentials at a glance; each has a page of its own to change it."""

    model = Credential
    fields = ("name", "enabled", "weight", "last_used_at", "last_error")
    readonly_fields = fields
    extra = 0
    show_change_link = True
    can_delete = False

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # A credential's title names its platform: without this, one query each.
        return super().get_queryset(request).select_related("platform")

    @override
    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Platform)
class PlatformAdmin(DialectAdmin, ProxyAdmin):
    """Whom we call."""

    form = PlatformForm
    inlines = (CredentialInline,)
    actions = (*SwitchAdmin.actions, "test_selected")
    list_display = (
        *("slug", "name", "preset_title", "base_url", "enabled"),
        *("credential_count", "model_count", "updated_at"),
    )
    list_filter = ("enabled", "preset", "protocol")
    search_fields = ("slug", "name", "base_url", "note")
    readonly_fields = ("preset_title", "preset_notes", "proxy_shown", "created_at", "updated_at")

    class Media:
        css = {"all": ["platforms/admin.css"]}
        js = ("platforms/preset.js",)

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        annotated: QuerySet[Any] = rows.annotate(
            credentials_on=Count("credentials", Q(credentials__enabled=True), distinct=True),
            models_mapped=Count("model_mappings", distinct=True),
        )
        return annotated

    @override
    def get_fieldsets(self, request: HttpRequest, obj: Platform | None = None) -> Any:
        preset = ("preset_title", "preset_notes") if obj else ("preset_choice",)
        return (
            (None, {"fields": (*preset, "slug", "name", "enabled", "note")}),
            (
                _("How it is called"),
                {
                    "fields": (
                        *("base_url", "protocol", "auth_style", "headers"),
                        self.proxy_field(request, obj),
                        *("chat_path", "models_path", "pass_unmapped"),
                    )
                },
            ),
            self.rules_fieldset(obj, "rules"),
            (
                _("How long to wait"),
                {"fields": ("connect_s", "first_byte_s", "idle_s", "total_s")},
            ),
            *([(_("Record"), {"fields": ("created_at", "updated_at")})] if obj else []),
        )

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Platform | None = None) -> Any:
        # Clients call the short name: with another one, all of them would break.
        return (*super().get_readonly_fields(request, obj), *(("slug",) if obj else ()))

    @override
    def get_inlines(self, request: HttpRequest, obj: Platform | None) -> Any:
        return self.inlines if obj else ()

    @admin.display(description=_("preset"), ordering="preset")
    def preset_title(self, platform: Platform) -> str:
        """The service it was made from."""
        preset = PRESETS.get(platform.preset)
        return preset.title if preset else platform.preset

    @admin.display(description=_("about this service"))
    def preset_notes(self, platform: Platform) -> str:
        """What is particular about it."""
        preset = PRESETS.get(platform.preset)
        return preset.notes if preset and preset.notes else "-"

    @admin.display(description=_("credentials"), ordering="credentials_on")
    def credential_count(self, platform: Any) -> str:
        """Enabled credentials; a warning where there are none and one is needed."""
        if platform.auth_style == AuthStyle.NONE:
            return gettext("none needed")
        if not platform.credentials_on:
            return format_html('<span class="platform-keyless">{}</span>', "0")
        return str(platform.credentials_on)

    @admin.display(description=_("models"), ordering="models_mapped")
    def model_count(self, platform: Any) -> int:
        """Model mappings."""
        count: int = platform.models_mapped
        return count

    @admin.action(description=_("Test with each credential"), permissions=["change"])
    def test_selected(self, request: HttpRequest, queryset: QuerySet[Platform]) -> None:
        """Try each platform with each of its enabled credentials."""
        for platform in queryset:
            keys = list(platform.credentials.filter(enabled=True))
            if platform.auth_style == AuthStyle.NONE:
                self.say_probe(request, str(platform), probe_and_note(platform, None))
            elif not keys:
                text = gettext("%s has no enabled credential to test with.") % platform
                self.message_user(request, text, messages.WARNING)
            else:
                for key in keys:
                    self.say_probe(request, str(key), probe_and_note(platform, key))


@admin.register(Credential)
class CredentialAdmin(ProxyAdmin):
    """The operator's own keys. Their secrets are entered here and never shown."""

    form = CredentialForm
    actions = (*SwitchAdmin.actions, "test_selected")
    list_display = (
        *("name", "platform", "enabled", "weight", "proxy_shown"),
        *("last_used_at", "last_error", "last_error_at"),
    )
    list_filter = ("enabled", "platform", ("last_error", admin.EmptyFieldListFilter))
    list_select_related = ("platform",)
    search_fields = ("name", "platform__slug", "last_error")
    autocomplete_fields = ("platform",)
    record = ("last_used_at", "last_error", "last_error_at", "created_at", "updated_at")
    readonly_fields = ("proxy_shown", *record)

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        # Moved to another platform, the key would be sent to another company.
        return (*self.readonly_fields, "platform") if obj else self.readonly_fields

    @override
    def get_fieldsets(self, request: HttpRequest, obj: Credential | None = None) -> Any:
        secret = ("secret",) if self._may_write(request, obj) else ()
        proxy = self.proxy_field(request, obj)
        return (
            (None, {"fields": ("platform", "name", *secret, "enabled")}),
            (_("How it is used"), {"fields": ("weight", proxy)}),
            *([(_("Record"), {"fields": self.record})] if obj else []),
        )

    @admin.action(description=_("Test this credential"), permissions=["change"])
    def test_selected(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        """Try each selected credential."""
        for credential in queryset.select_related("platform"):
            result = probe_and_note(credential.platform, credential)
            self.say_probe(request, str(credential), result)


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
