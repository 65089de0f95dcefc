"""Forms of the admin: a licence's lists as lines, its money as people write it; its verbs."""

import json
from collections.abc import Callable, Iterable
from datetime import MAXYEAR, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.db.models import Field
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst, format_lazy
from django.utils.translation import gettext_lazy as _, ngettext
from typing_extensions import override
from unfold import widgets

from licences.models import Licence
from licences.money import MICROS, from_micros
from licences.validators import validate_model_limits

Choices = list[tuple[str, str]]
_UNTIL = "until"  # instead of a number of days


class PlatformChoices:
    """Which platforms there are, told by whoever knows them; this app does not.

    Registered once, at the start, by an app that knows both sides:
    `platform_choices.register(function)`; the function returns (slug, name) pairs and may query.
    """

    def __init__(self) -> None:
        self.source: Callable[[], Iterable[tuple[str, str]]] | None = None

    def register(self, source: Callable[[], Iterable[tuple[str, str]]]) -> None:
        """Set the function that knows the platforms."""
        self.source = source

    def __call__(self) -> Choices:
        """The platforms now, as (slug, name); empty while nobody is registered."""
        return list(self.source()) if self.source else []

    def unknown(self, slugs: Iterable[str]) -> list[str]:
        """Those slugs that are of no platform; none while nobody is registered."""
        if self.source is None:
            return []
        known = {slug for slug, _name in self()}
        return [slug for slug in slugs if slug not in known]


platform_choices = PlatformChoices()


class LinesField(forms.Field):
    """A list of texts, one a line; empty lines and repetitions are dropped."""

    widget = forms.Textarea

    @override
    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    @override
    def to_python(self, value: Any) -> list[str]:
        if isinstance(value, list):
            return value
        text = str(value or "")
        ProhibitNullCharactersValidator()(text)
        return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))

    @override
    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(initial or [], data)


class AmountField(forms.DecimalField):
    """Money in units of the currency, kept as an integer of a millionth of it."""

    widget = widgets.UnfoldAdminDecimalFieldWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_digits=15, decimal_places=6, **kwargs)

    @override
    def prepare_value(self, value: Any) -> Any:
        return from_micros(value) if isinstance(value, int) else value

    @override
    def clean(self, value: Any) -> Any:
        amount: Decimal | None = super().clean(value)
        return None if amount is None else int(amount * MICROS)

    @override
    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != initial)
        except ValidationError:
            return True


class ModelLimitsField(forms.JSONField):
    """Limits for patterns of models; an empty field is none of them."""

    @override
    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
        if value is None:  # of a licence that is not there yet
            return ""
        return super().prepare_value(value)

    @override
    def clean(self, value: Any) -> Any:
        limits = super().clean(value)
        if limits is None:
            return {}
        # Not left to the column: its validators are not asked about what counts as empty.
        validate_model_limits(limits)
        return limits

    @override
    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != (initial or {}))
        except ValidationError:
            return True


def _texts(name: str) -> dict[str, Any]:
    field = Licence._meta.get_field(name)
    assert isinstance(field, Field)  # all that are asked for are columns
    return {"label": capfirst(field.verbose_name), "help_text": field.help_text, "required": False}


def _lines(name: str, example: str) -> LinesField:
    texts = _texts(name)
    texts["help_text"] = format_lazy("{} {}", texts["help_text"], _("One per line."))
    return LinesField(
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 4, "placeholder": example}), **texts
    )


class LicenceForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What an operator may set of a licence."""

    platforms: forms.Field = forms.MultipleChoiceField(
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget, **_texts("platforms")
    )
    model_patterns = _lines("model_patterns", "gpt-4o\nclaude-*")
    networks = _lines("networks", "10.0.0.0/8\n203.0.113.7")
    model_limits = ModelLimitsField(
        widget=widgets.UnfoldAdminTextareaWidget(
            attrs={"rows": 4, "placeholder": '{"gpt-5*": {"rpm": 10}}'}
        ),
        **_texts("model_limits"),
    )
    budget_total_micros = AmountField(**_texts("budget_total_micros"))
    budget_day_micros = AmountField(**_texts("budget_day_micros"))
    budget_month_micros = AmountField(**_texts("budget_month_micros"))

    class Meta:
        model = Licence
        fields = (
            *("name", "owner", "note", "enabled", "not_before", "expires_at"),
            *("platforms", "model_patterns", "networks"),
            *("rpm", "tpm", "concurrency", "model_limits"),
            *("budget_total_micros", "budget_day_micros", "budget_month_micros"),
        )
        widgets = {"note": widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A view-only page, and one of a revoked licence, has no such field.
        if "platforms" not in self.fields:
            return
        field = self.fields["platforms"]
        choices = self._platform_choices()
        if choices and isinstance(field, forms.MultipleChoiceField):
            field.choices = choices
        else:
            self.fields["platforms"] = _lines("platforms", "openai")

    def _platform_choices(self) -> Choices:
        """All platforms, and those of this licence that are gone: unticking must be a decision."""
        known = platform_choices()
        slugs = {slug for slug, _name in known}
        gone = [slug for slug in self.instance.platforms if slug not in slugs]
        return known + [(slug, _("%(slug)s (no such platform)") % {"slug": slug}) for slug in gone]


class RotateForm(forms.Form):
    """How long the old key goes on working."""

    overlap_h = forms.TypedChoiceField(
        label=_("The old key works for"),
        coerce=int,
        choices=[
            (0, _("no longer: it ends at once")),
            (1, _("one more hour")),
            (24, _("24 more hours")),
            (24 * 7, _("7 more days")),
        ],
        initial=24,
        widget=forms.RadioSelect,
        help_text=_("Choose “ends at once” if the old key may have come into wrong hands."),
    )

    @property
    def overlap(self) -> timedelta:
        """The choice, once the form is valid."""
        return timedelta(hours=self.cleaned_data["overlap_h"])


class ExtendForm(forms.Form):
    """For how much longer a licence works."""

    by_days = forms.ChoiceField(label=_("It works for"), widget=forms.RadioSelect, initial="30")
    until_day = forms.DateField(
        label=_("Until the end of"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date", "class": "tk-field"}, format="%Y-%m-%d"),
    )

    def __init__(self, licence: Licence, *args: Any, **kwargs: Any) -> None:
        """`licence`: the one that is meant; each choice says when it would end."""
        super().__init__(*args, **kwargs)
        begin = max(timezone.now(), licence.expires_at or timezone.now())
        self.fields["by_days"].choices = [  # type: ignore[attr-defined] # it is a ChoiceField
            # Beyond all calendars there are no days to count.
            *((str(n), _by_days(n, begin)) for n in (7, 30, 90, 365) if begin.year < MAXYEAR - 1),
            (_UNTIL, _("until a day that you choose")),
        ]

    @override
    def clean(self) -> dict[str, Any]:
        """Refuse a day without its choice, and the choice without a day."""
        cleaned: dict[str, Any] = super().clean() or {}
        wants_day = cleaned.get("by_days") == _UNTIL
        if "until_day" in cleaned and wants_day != bool(cleaned["until_day"]):
            sentence = (
                _("Choose a day.")
                if wants_day
                else _("Choose “until a day” as well, or empty this field.")
            )
            self.add_error("until_day", sentence)
        return cleaned

    @property
    def by(self) -> timedelta | None:
        """The choice, once the form is valid; None: until a day."""
        chosen = self.cleaned_data["by_days"]
        return None if chosen == _UNTIL else timedelta(days=int(chosen))

    @property
    def until(self) -> datetime | None:
        """The end of the day that was chosen, in the operator's zone; None: by days."""
        day = self.cleaned_data["until_day"]
        return end_of(day) if day else None


def end_of(day: date) -> datetime:
    """The first moment after a day, in the zone of who asks."""
    if day == date.max:
        return timezone.make_aware(datetime.combine(day, time()))
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time()))


def _by_days(days: int, begin: datetime) -> str:
    moment = date_format(timezone.localtime(begin + timedelta(days=days)), "DATETIME_FORMAT")
    return ngettext(
        "%(days)d more day, until %(moment)s", "%(days)d more days, until %(moment)s", days
    ) % {"days": days, "moment": moment}
