"""The filters of the list of licences: each answers a question that an operator has."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from licences.forms import platform_choices
from licences.models import Licence, LicenceQuerySet, State

_UNRESTRICTED = "*"  # cannot be a slug


class StateFilter(admin.SimpleListFilter):
    """Which licences are in force, and why are the others not?"""

    title = _("state")
    parameter_name = "state"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(State.choices)

    @override
    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Licence]
    ) -> QuerySet[Licence] | None:
        state = self.value() or ""
        if state not in State.values or not isinstance(queryset, LicenceQuerySet):
            return queryset
        return queryset.in_state(State(state), timezone.now())


class PlatformFilter(admin.SimpleListFilter):
    """Who may call this platform?"""

    title = _("may call")
    parameter_name = "platform"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        platforms: list[tuple[str, Any]] = list(platform_choices())
        return platforms and [(_UNRESTRICTED, _("all platforms")), *platforms]

    @override
    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Licence]
    ) -> QuerySet[Licence] | None:
        slug = self.value()
        if not slug:
            return queryset
        # As text, because SQLite cannot ask whether a JSON list contains something.
        found = queryset.annotate(_platforms=Cast("platforms", TextField()))
        unrestricted = Q(_platforms="[]")
        if slug == _UNRESTRICTED:
            return found.filter(unrestricted)
        return found.filter(unrestricted | Q(_platforms__contains=f'"{slug}"'))


class ExpiryFilter(admin.SimpleListFilter):
    """Whose licence must be renewed soon?"""

    title = _("expiring")
    parameter_name = "expiring"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("1", _("within 24 hours")),
            ("7", _("within 7 days")),
            ("30", _("within 30 days")),
            ("never", _("never")),
        ]

    @override
    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Licence]
    ) -> QuerySet[Licence] | None:
        now = timezone.now()
        if self.value() == "never":
            return queryset.filter(expires_at=None)
        if self.value() in ("1", "7", "30"):
            until = now + timedelta(days=int(self.value() or 0))
            return queryset.filter(revoked_at=None, expires_at__gt=now, expires_at__lte=until)
        return queryset


class UseFilter(admin.SimpleListFilter):
    """Which licences are used, and which are forgotten?"""

    title = _("last used")
    parameter_name = "used"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("never", _("never")),
            ("lately", _("in the last 7 days")),
            ("not_lately", _("not in the last 30 days")),
        ]

    @override
    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Licence]
    ) -> QuerySet[Licence] | None:
        now = timezone.now()
        match self.value():
            case "never":
                return queryset.filter(last_used_at=None)
            case "lately":
                return queryset.filter(last_used_at__gt=now - timedelta(days=7))
            case "not_lately":
                return queryset.filter(last_used_at__lte=now - timedelta(days=30))
        return queryset
