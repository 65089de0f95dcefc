"""Adding platforms, credentials and model mappings: what the admin and the commands share."""

from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from platforms.models import Credential, ModelMapping, Platform
from platforms.presets import PRESETS, Preset
from platforms.secrets import encrypt

_MICROS = 1_000_000


class UnknownPreset(ValueError):
    """No preset has this name."""

    def __init__(self, slug: str) -> None:
        super().__init__(
            _("There is no preset “%(slug)s”; known are %(known)s.")
            % {"slug": slug, "known": ", ".join(PRESETS)}
        )


def preset_of(slug: str) -> Preset:
    """The preset of this name. Raises UnknownPreset."""
    try:
        return PRESETS[slug]
    except KeyError:
        raise UnknownPreset(slug) from None


def fill_from_preset(platform: Platform, preset: Preset) -> None:
    """Give an unsaved platform what its preset knows and the operator left empty."""
    platform.preset = preset.slug
    platform.name = platform.name or preset.title
    platform.base_url = platform.base_url or preset.base_url
    platform.protocol = preset.protocol
    platform.auth_style = preset.auth_style
    platform.chat_path = preset.chat_path
    platform.models_path = preset.models_path
    platform.headers = {**preset.headers, **platform.headers}


def add_platform(slug: str, *, preset: str = "custom", **over: Any) -> tuple[Platform, bool]:
    """The platform of this short name, and whether it is new.

    One that is there is left as it is. `over` are its fields, which win over the preset's. Raises
    UnknownPreset, ValidationError.
    """
    known = preset_of(preset)
    existing = Platform.objects.filter(slug=slug).first()
    if existing is not None:
        return existing, False
    platform = Platform(slug=slug, base_url=over.get("base_url", ""), name=over.get("name", ""))
    fill_from_preset(platform, known)
    for name, value in over.items():
        setattr(platform, name, value)
    platform.full_clean()
    platform.save()
    return platform, True


def add_credential(platform: Platform, name: str, secret: str, **fields: Any) -> Credential:
    """A new credential, its secret encrypted. Raises ValidationError."""
    credential = Credential(platform=platform, name=name, **fields)
    credential.secret_encrypted = encrypt(clean_secret(secret))
    credential.full_clean()
    credential.save()
    return credential


def set_secret(credential: Credential, secret: str) -> None:
    """Replace a credential's secret. Raises ValidationError."""
    credential.secret_encrypted = encrypt(clean_secret(secret))
    credential.last_error, credential.last_error_at = "", None
    credential.save()


def clean_secret(secret: str) -> str:
    """The secret without a line break at its end. Raises ValidationError, never quoting it."""
    secret = secret.strip()
    if not secret:
        raise ValidationError(_("The secret is empty."), code="empty")
    if not secret.isascii() or not secret.isprintable():
        raise ValidationError(
            _("The secret holds characters that cannot be sent in a header."), code="unprintable"
        )
    return secret


def add_mapping(platform: Platform, public_name: str, **fields: Any) -> tuple[ModelMapping, bool]:
    """The mapping of this public name, and whether it is new. Raises ValidationError."""
    existing = ModelMapping.objects.filter(platform=platform, public_name=public_name).first()
    if existing is not None:
        return existing, False
    mapping = ModelMapping(platform=platform, public_name=public_name, **fields)
    mapping.full_clean()
    mapping.save()
    return mapping, True


def to_micros(text: str) -> int:
    """Micro-units of an amount such as `2.50`. Raises ValueError with a sentence."""
    try:
        micros = Decimal(text.strip()) * _MICROS
    except InvalidOperation:
        micros = Decimal("NaN")
    if not micros.is_finite() or micros < 0 or micros != micros.to_integral_value():
        raise ValueError(
            _("“%(text)s” is no price: zero or more, with six decimals at most, such as 2.50.")
            % {"text": text}
        )
    return int(micros)


def from_micros(micros: int) -> str:
    """An amount for people: at least two decimals, such as `2.50` or `0.075`."""
    text = f"{Decimal(micros) / _MICROS:.6f}"
    while text.endswith("0") and text[-3] != ".":
        text = text[:-1]
    return text
