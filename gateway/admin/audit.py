"""The console's page of who did what: to be read and filtered, never changed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from gateway.admin.books import ReadOnlyAdmin
from gateway.audit import AuditEvent, Kind

_BAD = {Kind.REFUSED, Kind.LOCKED, Kind.FACTOR_OFF, Kind.DELETED}
_GOOD = {Kind.SIGN_IN, Kind.FACTOR_ON}


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Sign-ins, second factors, roles, and every change of a row."""

    list_display = ("at", "what", "username", "subject_link", "detail", "address")
    list_display_links = ("at",)
    list_filter = ("kind", ("user", admin.RelatedOnlyFieldListFilter))
    search_fields = ("username", "subject", "detail", "=address")
    date_hierarchy = "at"
    fields = ("at", "what", "username", "user", "address", "subject_link", "detail")
    readonly_fields = ("what", "subject_link")

    @override
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("user", "entry__content_type")

    @admin.display(description=_("what"), ordering="kind")
    def what(self, event: AuditEvent) -> SafeString:
        """The kind, as a badge."""
        tone = "tk-badge-bad" if event.kind in _BAD else ""
        tone = "tk-badge-good" if event.kind in _GOOD else tone
        return format_html('<span class="tk-badge {}">{}</span>', tone, Kind(event.kind).label)

    @admin.display(description=_("of what"), ordering="subject")
    def subject_link(self, event: AuditEvent) -> SafeString | str:
        """What it was done to, with a link if it is there still."""
        entry = event.entry
        url = entry.get_admin_url() if entry and event.kind != Kind.DELETED else None
        if not url:
            return event.subject or "-"
        return format_html('<a href="{}">{}</a>', url, event.subject)
