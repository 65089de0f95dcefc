"""The form of an alert target: addresses that are checked, a secret that is never shown."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext, gettext_lazy as _
from typing_extensions import override
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
)

from gateway.alert_rows import AlertKind, AlertTarget, TargetKind
from gateway.alerts import sending
from gateway.fetch import Refused
from platforms.models import Platform

if TYPE_CHECKING:  # the class takes a parameter in its stubs only
    _Form = forms.ModelForm[AlertTarget]
else:
    _Form = forms.ModelForm

MOST_RECIPIENTS = 20


class AlertTargetForm(_Form):
    """A target. A webhook's secret can be entered, never read; left empty, one is made."""

    kinds = forms.MultipleChoiceField(
        label=_("Alerts"),
        required=False,
        choices=AlertKind.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("What to tell of. None chosen: all, also those that later versions bring."),
    )
    platforms = forms.MultipleChoiceField(
        label=_("Platforms"),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_(
            "Only alerts about these platforms. None chosen: all. "
            "Alerts about licences are not narrowed by it."
        ),
    )
    secret = forms.CharField(
        label=_("Secret of the webhook"),
        required=False,
        strip=True,
        max_length=200,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_(
            "whsec_ and base64, if the receiver has made one. Empty: one is made and shown once; "
            "later: it stays as it is."
        ),
    )

    class Meta:
        model = AlertTarget
        fields = (
            *("name", "kind", "address", "secret", "enabled", "kinds", "min_severity"),
            *("platforms", "language", "per_hour"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields.get("platforms")
        if isinstance(field, forms.MultipleChoiceField):
            known = dict(Platform.objects.values_list("slug", "name"))
            # One that is gone stays to be seen, and to be taken out.
            gone = {slug: slug for slug in self.instance.platforms if slug not in known}
            field.choices = [
                (slug, f"{name} ({slug})" if name != slug else slug)
                for slug, name in {**known, **gone}.items()
            ]

    @override
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        kind = cleaned.get("kind") or self.instance.kind
        if address := cleaned.get("address", "").strip():
            check = _check_webhook if kind == TargetKind.WEBHOOK else _check_addresses
            try:
                cleaned["address"] = check(address)
            except ValidationError as error:
                self.add_error("address", error)
        if secret := cleaned.get("secret"):
            try:
                self._sealed = sending.seal(secret)
            except ValueError as error:
                self.add_error("secret", str(error))
        return cleaned

    @override
    def save(self, commit: bool = True) -> AlertTarget:
        if self.instance.kind == TargetKind.EMAIL:
            self.instance.secret_encrypted = ""
        elif self.cleaned_data.get("secret"):
            self.instance.secret_encrypted = self._sealed
        return super().save(commit)


def _check_webhook(address: str) -> str:
    try:
        sending.fetcher().check(address)
    except Refused as refused:
        raise ValidationError(gettext("This cannot be posted to: %s") % refused.message) from None
    return address


def _check_addresses(text: str) -> str:
    addresses = sending.recipients(text)
    if len(addresses) > MOST_RECIPIENTS:
        raise ValidationError(
            gettext("These are more than %d addresses; use a mailing list.") % MOST_RECIPIENTS
        )
    for one in addresses:
        try:
            validate_email(one)
        except ValidationError:
            raise ValidationError(
                gettext("“%s” is no e-mail address; it takes one or several with commas between.")
                % one[:100]
            ) from None
    return ", ".join(addresses)
