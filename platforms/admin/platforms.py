"""The console's pages for platforms."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy as _
from typing_extensions import override

from platforms.admin.rows import ProxyAdmin, SwitchAdmin
from platforms.dialect_table import DialectAdmin
from platforms.forms import PlatformForm
from platforms.models import AuthStyle, Credential, ModelMapping, Platform
from platforms.presets import PRESETS
from platforms.probing import probe_and_note

if TYPE_CHECKING:  # the classes take parameters in their stubs only
    _Inline = admin.TabularInline[Any, Platform]
else:
    from unfold.admin import TabularInline as _Inline


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
            credentials_on=_count(Credential.objects.filter(enabled=True)),
            models_mapped=_count(ModelMapping.objects.all()),
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
            (_("How much it may carry"), {"fields": ("rpm", "tpm", "concurrency")}),
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


def _count(rows: QuerySet[Any]) -> Coalesce:
    """How many of these rows a platform has; two joins at once would multiply them."""
    own = rows.filter(platform=OuterRef("pk")).order_by().values("platform")
    return Coalesce(Subquery(own.annotate(count=Count("pk")).values("count")), 0)
