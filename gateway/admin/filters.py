"""Filters of long lists: many values in a select, names that are typed, periods that are told.

Django's own show every value as a link. These are plain forms: they work without a script.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from typing_extensions import override

from gateway.usage.groups import licence_names
from gateway.usage.stepping import values

if TYPE_CHECKING:
    from django.db.models import Field, Model


class ValuesFilter(admin.AllValuesFieldListFilter):
    """The values of a column, in a select."""

    template = "admin/gateway/select_filter.html"
    hidden: list[tuple[str, Any]]
    """What else the address says, for the form."""

    @override
    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        self.hidden = _others(changelist, self.expected_parameters())
        for choice in super().choices(changelist):
            shown = choice["display"]
            yield {**choice, "value": "" if choice["query_string"] == "?" else shown}


class LooseValuesFilter(ValuesFilter):
    """The same for an indexed column of millions of rows: its values are stepped along."""

    def __init__(
        self,
        field: "Field[Any, Any]",
        request: HttpRequest,
        params: dict[str, list[str]],
        model: "type[Model]",
        model_admin: Any,
        field_path: str,
    ) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        self.lookup_choices = values(model._meta.db_table, str(field.column))  # type: ignore[assignment]


class TypedFilter(admin.FieldListFilter):
    """A value that is typed, and found exactly."""

    template = "admin/gateway/typed_filter.html"
    is_number = False
    hidden: list[tuple[str, Any]]

    @override
    def expected_parameters(self) -> list[str | None]:
        return [self.field_path]

    @property
    def typed(self) -> str:
        """What is looked for; empty: nothing."""
        found = self.used_parameters.get(self.field_path, "")
        return str(found[-1] if isinstance(found, list) else found).replace("\x00", "")

    @property
    def hint(self) -> str:
        """What is said of it."""
        return ""

    @override
    def has_output(self) -> bool:
        return True

    @override
    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        self.hidden = _others(changelist, self.expected_parameters())
        yield {"selected": True, "query_string": "?", "display": self.typed}

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.field_path: self.typed}) if self.typed else queryset


class ModelFilter(TypedFilter):
    """A model by its name."""

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = super().queryset(request, queryset)
        if self.typed and "licence_id" not in request.GET:
            # By this, which is in an index, a model that few requests ask for is found at once.
            found = found.filter(**{f"{self.field_path}__istartswith": self.typed})
        return found


class LicenceFilter(TypedFilter):
    """A licence by its number."""

    is_number = True

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.typed:
            return queryset
        return queryset.filter(licence_id=int(self.typed)) if self._is_one else queryset.none()

    @property
    @override
    def hint(self) -> str:
        if not self._is_one:
            return ""
        return licence_names([int(self.typed)]).get(int(self.typed), "")

    @property
    def _is_one(self) -> bool:
        return self.typed.isascii() and self.typed.isdigit() and len(self.typed) < 19


class PeriodFilter(admin.DateFieldListFilter):
    """Periods; also one that an address has, from the explorer for instance."""

    @override
    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        is_known = False
        for choice in super().choices(changelist):
            is_known = is_known or bool(choice["selected"])
            yield choice
        since, until = (
            self.date_params.get(name)
            for name in (self.lookup_kwarg_since, self.lookup_kwarg_until)
        )
        if not is_known and (since or until):
            text = _("%(since)s to %(until)s") % {"since": _moment(since), "until": _moment(until)}
            query = changelist.get_query_string()
            yield {"selected": True, "query_string": query, "display": text}


def _moment(said: Any) -> str:
    """As an operator reads it: in his zone."""
    try:
        moment = parse_datetime(str(said or ""))
    except ValueError:
        moment = None
    if moment is None:
        return str(said or "…")
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M") if moment.tzinfo else str(said)


def _others(changelist: ChangeList, own: list[str | None]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in changelist.params.items() if name not in own]
