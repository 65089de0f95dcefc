"""The console's forms for platforms: presets, write-only secrets, prices as people write them."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from typing_extensions import override
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from platforms import sharing
from platforms.adding import check_platform, clean_secret
from platforms.models import AuthStyle, Credential, ModelMapping, Platform
from platforms.preset_form import PresetForm, parts_of
from platforms.presets import PROTOCOLS
from platforms.records import LastTest
from platforms.secrets import encrypt
from platforms.validators import validate_object

if TYPE_CHECKING:  # the class takes a parameter in its stubs only
    _CredentialForm = forms.ModelForm[Credential]
    _MappingForm = forms.ModelForm[ModelMapping]
else:
    _CredentialForm = _MappingForm = forms.ModelForm

_MICROS = 1_000_000
# With another one of these, what a test has shown is not about the same any more.
_TESTED = {"base_url", "protocol", "auth_style", "chat_path", "models_path", "headers", "proxy"}


def _object(value: Any) -> Any:
    """A JSON object; nothing is an empty one. Raises ValidationError.

    Not left to the columns' validators: these are not asked about what counts as empty, which an
    empty list does too.
    """
    if value is None:
        return {}
    validate_object(value)
    return value


def _list(value: Any) -> Any:
    """A JSON list; nothing, in whatever form, is an empty one."""
    return value or []


class PlatformForm(PresetForm):
    """A platform. When one is added, what is left empty comes from the preset."""

    protocol = forms.ChoiceField(
        label=_("Protocol"),
        choices=[(name, name) for name in PROTOCOLS],
        widget=UnfoldAdminSelectWidget(),
        help_text=_("The language that this platform speaks."),
    )

    class Meta:
        model = Platform
        exclude = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "note" in self.fields:  # it is not, for those who may only look
            self.fields["note"].widget.attrs["rows"] = 2
        if self.instance.pk:
            return
        for name in ("protocol", "auth_style"):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", _("as the preset has it")), *field.choices]  # type: ignore[misc]

    @override
    def _post_clean(self) -> None:
        super()._post_clean()
        if not self.errors:
            # What is not on the page cannot be put right there, so it is no reason to refuse.
            elsewhere = {field.name for field in Platform._meta.fields} - set(self.fields)
            try:
                check_platform(self.instance, exclude=elsewhere)
            except ValidationError as error:
                self.add_error(None, error)
                self._point_at_parts()

    def _point_at_parts(self) -> None:
        """Say it also where the missing part can be entered."""
        for name in parts_of(self.preset):
            if not self.cleaned_data.get(name) and "base_url" in self.errors:
                self.add_error(name, _("This stands in braces in the base URL; fill it in."))

    @override
    def save(self, commit: bool = True) -> Platform:
        before = Platform.objects.filter(pk=self.instance.pk).values(*_TESTED).first() or {}
        if any(getattr(self.instance, name) != old for name, old in before.items()):
            LastTest.objects.filter(platform=self.instance).delete()  # that was another place
        return super().save(commit)

    def clean_headers(self) -> Any:
        """An object, be it an empty one."""
        return _object(self.cleaned_data["headers"])

    def clean_rules(self) -> Any:
        """An object, be it an empty one."""
        return _object(self.cleaned_data["rules"])

    def clean_base_url(self) -> str:
        """As the command stores it: without a slash at its end."""
        base_url: str = self.cleaned_data["base_url"]
        return base_url.rstrip("/")


class CredentialForm(_CredentialForm):
    """A credential. Its secret can be entered, never read."""

    secret = forms.CharField(
        label=_("Secret"),
        required=False,
        strip=True,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
        help_text=_(
            "The key as the platform gave it to you. It is stored encrypted and never shown again; "
            "leave this empty to keep the one that is stored."
        ),
    )

    class Meta:
        model = Credential
        fields = (
            *("platform", "name", "enabled", "tier", "weight", "groups"),
            *("max_concurrency", "rpm", "draining", "proxy"),
        )
        help_texts = {"platform": _("The service that has issued this key.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("tier", "weight"):
            if name in self.fields:  # it is not, for those who may only look
                self.fields[name].required = False

    def clean_tier(self) -> int:
        """What is left empty stays as it is."""
        return self._given("tier")

    def clean_weight(self) -> int:
        """The same."""
        return self._given("weight")

    def _given(self, name: str) -> int:
        given: int | None = self.cleaned_data[name]
        return getattr(self.instance, name) if given is None else given

    def clean_groups(self) -> Any:
        """A list, be it an empty one."""
        return _list(self.cleaned_data["groups"])

    def clean_secret(self) -> str:
        """Needed for a new credential; what it is never stands in the message."""
        secret: str = self.cleaned_data["secret"]
        if secret:
            platform = self.cleaned_data.get("platform") or getattr(self.instance, "platform", None)
            return clean_secret(secret, platform.auth_style if platform else AuthStyle.BEARER)
        if not self.instance.pk:
            raise ValidationError(_("A credential needs its secret."), code="required")
        return ""

    @override
    def save(self, commit: bool = True) -> Credential:
        if secret := self.cleaned_data.get("secret"):
            self.instance.secret_encrypted = encrypt(secret)
            self.instance.last_error, self.instance.last_error_at = "", None
            if self.instance.pk:  # what was held against the old one is not the new one's
                sharing.reset([self.instance.pk])
                LastTest.objects.filter(credential=self.instance).delete()
                self.instance.refresh_from_db(fields=sharing.RESET)
        return super().save(commit)


class PriceField(forms.DecimalField):
    """Money in units of the currency, kept as an integer of a millionth of it."""

    def __init__(self, **kwargs: Any) -> None:
        # No number field: a wheel over it, or a locale's comma, would change what is entered.
        widget = UnfoldAdminTextInputWidget({"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(min_value=0, max_digits=14, decimal_places=6, widget=widget, **kwargs)

    @override
    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            return f"{(Decimal(value) / _MICROS).normalize():f}"
        return value

    @override
    def clean(self, value: Any) -> Any:
        amount = super().clean(value)
        return None if amount is None else int(amount * _MICROS)

    @override
    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.clean(data) != initial)
        except ValidationError:
            return True


def _price(label: Any, help_text: Any, *, required: bool = True) -> PriceField:
    return PriceField(label=label, help_text=help_text, required=required, initial=0)


class ModelMappingForm(_MappingForm):
    """A model mapping, with prices in units of the currency."""

    price_prompt_micros = _price(_("Prompt tokens"), _("Per million tokens."))
    price_cached_micros = PriceField(
        label=_("Cached prompt tokens"),
        required=False,
        help_text=_("Per million tokens. Empty: as other prompt tokens."),
    )
    price_cache_write_micros = PriceField(
        label=_("Prompt tokens written to the cache"),
        required=False,
        help_text=_("Per million tokens. Empty: as other prompt tokens."),
    )
    price_completion_micros = _price(
        _("Completion tokens"), _("Per million tokens, those of reasoning included.")
    )
    price_image_micros = _price(_("Image"), _("Per image."))
    price_second_micros = _price(_("Second"), _("Per second of video or sound."))
    price_request_micros = _price(_("Request"), _("Per answered request."))

    class Meta:
        model = ModelMapping
        exclude = ()
        help_texts = {"platform": _("The service that has this model.")}

    def clean_overrides(self) -> Any:
        """An object, be it an empty one."""
        return _object(self.cleaned_data["overrides"])

    def clean_parameters(self) -> Any:
        """An object, be it an empty one."""
        return _object(self.cleaned_data["parameters"])

    def clean_groups(self) -> Any:
        """A list, be it an empty one."""
        return _list(self.cleaned_data["groups"])

    def clean_fallbacks(self) -> Any:
        """A list, be it an empty one."""
        return _list(self.cleaned_data["fallbacks"])
