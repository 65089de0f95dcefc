"""What may stand in a licence's lists: platform slugs, model patterns, networks."""

import ipaddress
import re
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
# Neither NUL nor half a character: PostgreSQL stores none.
_PATTERN = re.compile(r"[^\s,\x00\ud800-\udfff]+")
MODEL_LIMITS = ("rpm", "tpm", "concurrency")


def _strings(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValidationError(_("This must be a list of texts."), code="invalid_item")
    return value


def validate_slugs(value: Any) -> None:
    """Accept a list of platform slugs. Raises ValidationError."""
    for item in _strings(value):
        if not _SLUG.fullmatch(item):
            raise ValidationError(
                _("“%(item)s” is not a platform's name: small letters, digits, - and _."),
                code="invalid_item",
                params={"item": item},
            )


def validate_patterns(value: Any) -> None:
    """Accept a list of model patterns such as `gpt-*`. Raises ValidationError."""
    for item in _strings(value):
        if not _PATTERN.fullmatch(item):
            raise ValidationError(
                _("“%(item)s” is not a model pattern: a name without spaces; * stands for any."),
                code="invalid_item",
                params={"item": item},
            )


def validate_networks(value: Any) -> None:
    """Accept a list of addresses and networks in CIDR form. Raises ValidationError."""
    for item in _strings(value):
        try:
            ipaddress.ip_network(item, strict=False)
        except ValueError as error:
            raise ValidationError(
                _("“%(item)s” is not an address or network, such as 10.0.0.0/8 or 2001:db8::/32."),
                code="invalid_item",
                params={"item": item},
            ) from error


def validate_model_limits(value: Any) -> None:
    """Accept an object of patterns, each with whole numbers from 1 on. Raises ValidationError."""
    if not isinstance(value, dict):
        raise ValidationError(
            _('This must be a JSON object, such as {"gpt-5*": {"rpm": 10}}.'), code="invalid_item"
        )
    for pattern, limits in value.items():
        validate_patterns([pattern])
        if not isinstance(limits, dict) or not limits:
            raise ValidationError(
                _('“%(pattern)s” must have an object of limits, such as {"rpm": 10}.'),
                code="invalid_item",
                params={"pattern": pattern},
            )
        for name, number in limits.items():
            if name not in MODEL_LIMITS or type(number) is not int or number < 1:
                raise ValidationError(
                    _(
                        "“%(name)s” of “%(pattern)s” cannot be so: limits are rpm, tpm and "
                        "concurrency, whole numbers from 1 on."
                    ),
                    code="invalid_item",
                    params={"pattern": pattern, "name": name},
                )
