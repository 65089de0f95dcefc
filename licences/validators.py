"""What may stand in a licence's lists: platform slugs, model patterns, networks."""

import ipaddress
import re
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PATTERN = re.compile(r"[^\s,]+")


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
