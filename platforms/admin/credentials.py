"""The console's pages for credentials."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from platforms.forms import CredentialForm
from platforms.models import Credential, Platform
from platforms.probing import probe_and_note

if TYPE_CHECKING:  # the classes take parameters in their stubs only
    _Admin = admin.ModelAdmin[Any]
    _Inline = admin.TabularInline[Any, Platform]
else:
    _Admin = admin.ModelAdmin
    _Inline = admin.TabularInline


from platforms.admin.rows import ProxyAdmin, SwitchAdmin


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
            (None, {"fields": ("platform", "name", *secret, "enabled", "draining")}),
            (
                _("How it is used"),
                {"fields": ("tier", "weight", "groups", "max_concurrency", "rpm", proxy)},
            ),
            *([(_("Record"), {"fields": self.record})] if obj else []),
        )

    @admin.action(description=_("Test this credential"), permissions=["change"])
    def test_selected(self, request: HttpRequest, queryset: QuerySet[Credential]) -> None:
        """Try each selected credential."""
        for credential in queryset.select_related("platform"):
            result = probe_and_note(credential.platform, credential)
            self.say_probe(request, str(credential), result)
