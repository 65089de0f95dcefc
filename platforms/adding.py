"""Adding and switching platforms, credentials and model mappings: what admin and commands share.

What is added is validated whole; switching on or off touches nothing else, so that it cannot fail
because of another field. Each change and the version that tells every process of it are one
transaction.
"""

from collections.abc import Collection
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from platforms import service_account, sharing
from platforms.models import AuthStyle, Credential, ModelMapping, Platform
from platforms.presets import PRESETS, PROTOCOLS, Preset
from platforms.records import LastTest
from platforms.secrets import encrypt

MAX_SECRET = 8_192  # characters; a header's usual limit. The longest tokens have about 2,000.
_MICROS = 1_000_000
_MAX_MICROS = 2**63 - 1  # what the column holds
# Taken from the preset unless the operator has said otherwise; name and base URL are apart.
_OF_PRESET = ("protocol", "auth_style", "chat_path", "models_path")


class UnknownPreset(ValidationError):
    """No preset has this name."""

    def __init__(self, slug: str) -> None:
        sentence = _("There is no preset “%(slug)s”; known are %(known)s.")
        super().__init__({"preset": sentence % {"slug": slug, "known": ", ".join(PRESETS)}})


def preset_of(slug: str) -> Preset:
    """The preset of this name. Raises UnknownPreset."""
    try:
        return PRESETS[slug]
    except KeyError:
        raise UnknownPreset(slug) from None


def fill_from_preset(platform: Platform, preset: Preset, given: Collection[str] = ()) -> None:
    """Give an unsaved platform what its preset knows and the operator left open.

    `given` names the fields that the operator has set; name and base URL count as set when they
    are not empty.
    """
    platform.preset = preset.slug
    platform.name = platform.name or preset.title
    platform.base_url = platform.base_url or preset.base_url
    for field in _OF_PRESET:
        if field not in given:
            setattr(platform, field, getattr(preset, field))
    platform.headers = {**preset.headers, **platform.headers}


def check_platform(platform: Platform, exclude: Collection[str] = ()) -> None:
    """Validate a platform, with what its columns cannot know. Raises ValidationError.

    Columns named in `exclude` are taken as they are.
    """
    wrong: dict[str, Any] = {}
    try:
        platform.full_clean(exclude=exclude)
    except ValidationError as error:
        wrong = error.error_dict
    if not platform.base_url:
        wrong["base_url"] = _("This preset has no base URL; give one, such as https://host/v1.")
    elif "{" in platform.base_url:
        wrong["base_url"] = _("Give it with the part in braces filled in: %(url)s") % {
            "url": platform.base_url
        }
    if platform.protocol not in PROTOCOLS:
        wrong["protocol"] = _("“%(name)s” is not spoken here; known: %(known)s.") % {
            "name": platform.protocol,
            "known": ", ".join(PROTOCOLS),
        }
    if wrong:
        raise ValidationError(wrong)


@transaction.atomic
def add_platform(slug: str, *, preset: str = "custom", **over: Any) -> tuple[Platform, bool]:
    """The platform of this short name, and whether it is new.

    `over` are columns of Platform, which win over the preset's. One that is there is left as it
    is. Raises UnknownPreset; ValidationError, with the fields that are wrong or, where it is
    there, differ.
    """
    known = preset_of(preset)
    if "base_url" in over:
        over["base_url"] = over["base_url"].strip().rstrip("/")
    platform = Platform(slug=slug, **over)
    existing = Platform.objects.filter(slug=slug).first()
    if existing is not None:
        fill_from_preset(platform, known, over)
        _refuse_differences(existing, platform, {"preset", *over})
        return existing, False
    fill_from_preset(platform, known, over)
    check_platform(platform)
    platform.save(force_insert=True)
    return platform, True


@transaction.atomic
def add_credential(platform: Platform, name: str, secret: str, **fields: Any) -> Credential:
    """A new credential, its secret encrypted. Raises ValidationError, never quoting the secret."""
    credential = Credential(platform=platform, name=name, **fields)
    try:
        credential.secret_encrypted = encrypt(clean_secret(secret, platform.auth_style))
    except ValidationError as error:
        raise ValidationError({"secret": error.messages}) from None
    credential.full_clean()
    credential.save(force_insert=True)
    return credential


@transaction.atomic
def set_secret(credential: Credential, secret: str) -> None:
    """Replace a credential's secret; what went wrong with the old one is forgotten.

    Raises ValidationError, never quoting the secret.
    """
    secret = clean_secret(secret, credential.platform.auth_style)
    credential.secret_encrypted = encrypt(secret)
    credential.last_error, credential.last_error_at = "", None
    credential.save(update_fields=["secret_encrypted", "last_error", "last_error_at", "updated_at"])
    sharing.reset([credential.pk])
    LastTest.objects.filter(credential=credential).delete()


def clean_secret(secret: str, auth_style: str = AuthStyle.BEARER) -> str:
    """The secret without the white space around it; a service account's JSON on one line.

    Raises ValidationError, never quoting it.
    """
    secret = secret.strip()
    if not secret:
        raise ValidationError(_("The secret is empty; paste the key as the platform shows it."))
    if len(secret) > MAX_SECRET:
        raise ValidationError(
            _("The secret has %(length)d characters; %(most)d is the most.")
            % {"length": len(secret), "most": MAX_SECRET}
        )
    if auth_style == AuthStyle.GOOGLE_SERVICE_ACCOUNT:
        try:
            return service_account.one_line(secret)
        except service_account.NoServiceAccount as error:
            raise ValidationError(str(error)) from None
    if not secret.isascii() or not secret.isprintable():
        raise ValidationError(
            _("The secret holds characters that no header can carry; it must be one line of ASCII.")
        )
    return secret


@transaction.atomic
def add_mapping(platform: Platform, public_name: str, **fields: Any) -> tuple[ModelMapping, bool]:
    """The mapping of this public name, and whether it is new.

    `fields` are columns of ModelMapping, prices in micro-units. One that is there is left as it
    is. Raises ValidationError, with the fields that are wrong or, where it is there, differ.
    """
    mapping = ModelMapping(platform=platform, public_name=public_name, **fields)
    existing = ModelMapping.objects.filter(platform=platform, public_name=public_name).first()
    if existing is not None:
        _refuse_differences(existing, mapping, fields)
        return existing, False
    mapping.full_clean()
    mapping.save(force_insert=True)
    return mapping, True


@transaction.atomic
def switch(row: Platform | Credential | ModelMapping, enabled: bool) -> bool:
    """Switch something on or off; False when it was so already. Acts within a second.

    A credential that is switched on is forgiven what was held against it.
    """
    if enabled and isinstance(row, Credential):
        return enable_now(row)
    if row.enabled == enabled:
        return False
    row.enabled = enabled
    row.save(update_fields=["enabled", "updated_at"])
    return True


@transaction.atomic
def enable_now(row: Credential) -> bool:
    """Put a credential into service, whatever was held against it; False when it was so already."""
    changed = not row.enabled or bool(row.disabled_reason)
    changed = changed or (row.cooling_until is not None and row.cooling_until > timezone.now())
    if not row.enabled:
        row.enabled = True
        row.save(update_fields=["enabled", "updated_at"])
    # Also where nothing is known here: a running process may know of a breaker that is open.
    sharing.reset([row.pk])
    return changed


def without_password(proxy: str) -> str:
    """A proxy's address as it may be shown: its password, if it has one, is left out."""
    parts = urlsplit(proxy)
    if parts.password is None:
        return proxy
    return parts._replace(netloc=f"{parts.username}:…@{parts.netloc.rpartition('@')[2]}").geturl()


def to_micros(text: str) -> int:
    """Micro-units of an amount such as `2.50`. Raises ValueError with a sentence."""
    try:
        micros = Decimal(text.strip()) * _MICROS
        # Compared first: a number of 900,000 digits is not worth making.
        exact = 0 <= micros <= _MAX_MICROS and micros == micros.to_integral_value()
    except ArithmeticError:  # no number, or one beyond all bounds
        exact = False
    if not exact:
        raise ValueError(
            _("“%(text)s” is no price; it is zero or more, with six decimals at most: 2.50.")
            % {"text": text}
        )
    return int(micros)


def from_micros(micros: int) -> str:
    """An amount for people: at least two decimals, such as `2.50` or `0.075`."""
    text = f"{Decimal(micros) / _MICROS:.6f}"
    while text.endswith("0") and text[-3] != ".":
        text = text[:-1]
    return text


def _refuse_differences(
    existing: Platform | ModelMapping, wanted: Platform | ModelMapping, fields: Collection[str]
) -> None:
    """Raises ValidationError with those of the fields that are not as they are wanted."""
    pairs = {name: (getattr(existing, name), getattr(wanted, name)) for name in fields}
    sentence = _("“%(name)s” is there already with %(old)s, not %(new)s; change it in the console.")
    differences = {
        name: sentence % {"name": existing, "old": _shown(name, old), "new": _shown(name, new)}
        for name, (old, new) in pairs.items()
        if old != new
    }
    if differences:
        raise ValidationError(differences)


def _shown(field: str, value: Any) -> str:
    if field == "proxy":
        value = without_password(value)
    elif field.endswith("_micros") and value is not None:
        value = from_micros(value)
    return f"“{value}”"
