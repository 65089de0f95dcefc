"""What may stand in a platform's fields."""

import re
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from platforms.dialects import problems

# First parts of paths that the site itself uses, now or by its published plans.
RESERVED_SLUGS = frozenset(
    (
        *("admin", "api", "assets", "docs", "favicon", "files", "health", "healthz", "i18n"),
        *("live", "livez", "media", "metrics", "openapi", "readyz", "robots", "static"),
        *("v1", "v1beta", "ws"),
    )
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_GROUP = re.compile(r"[A-Za-z0-9._-]{1,50}")
_OWN_FIELDS = frozenset(("model", "messages", "stream", "input"))
# Set by the gateway itself on every call.
_OWN_HEADERS = frozenset(("host", "content-length", "transfer-encoding", "connection"))


def validate_slug_is_free(value: str) -> None:
    """Refuse names that the site itself uses. Raises ValidationError."""
    if value in RESERVED_SLUGS:
        raise ValidationError(
            _("“%(slug)s” is used by the site itself; choose another short name."),
            code="reserved",
            params={"slug": value},
        )


def validate_base_url(value: str) -> None:
    """Accept an http(s) or sandbox address without query and fragment. Raises ValidationError."""
    parts = _split(value)
    if parts.scheme not in ("http", "https", "sandbox") or not parts.hostname:
        raise ValidationError(
            _("This must begin with https:// or http:// and name a host."), code="invalid_item"
        )
    if parts.username or parts.password:
        raise ValidationError(
            _("No user name or password here: secrets belong in a credential."),
            code="invalid_item",
        )
    if parts.query or parts.fragment:
        raise ValidationError(_("This must have no ? or # part."), code="invalid_item")
    if re.search(r"\s", value):
        raise ValidationError(_("This must have no spaces."), code="invalid_item")


def validate_path(value: str) -> None:
    """Accept a path that can be appended to a base URL. Raises ValidationError."""
    if value and not re.fullmatch(r"/[^\s?#]*", value):
        raise ValidationError(
            _("This must begin with / and have no spaces, ? or #."), code="invalid_item"
        )


def validate_proxy(value: str) -> None:
    """Accept an http(s) proxy address. Raises ValidationError."""
    parts = _split(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValidationError(
            _("A proxy is given as http://host:port or https://host:port."), code="invalid_item"
        )


def validate_headers(value: Any) -> None:
    """Accept an object of header names and values. Raises ValidationError."""
    validate_object(value)
    for name, text in value.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OWN_HEADERS:
            raise ValidationError(
                _("“%(name)s” cannot be set as a header."),
                code="invalid_item",
                params={"name": name},
            )
        if not isinstance(text, str) or not text.isprintable() or not text.isascii():
            raise ValidationError(
                _("The value of “%(name)s” must be a text of ASCII characters on one line."),
                code="invalid_item",
                params={"name": name},
            )


def validate_object(value: Any) -> None:
    """Accept a JSON object. Raises ValidationError."""
    if not isinstance(value, dict):
        raise ValidationError(
            _('This must be a JSON object, such as {"a": 1}.'), code="invalid_item"
        )


def validate_rules(value: Any) -> None:
    """Accept an object of rules that a dialect can be merged from. Raises ValidationError."""
    if found := problems(value):
        raise ValidationError([ValidationError(text, code="invalid_item") for text in found])


def validate_strings(value: Any) -> None:
    """Accept a list of texts. Raises ValidationError. Asked by the first migration only."""
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValidationError(_("This must be a list of texts."), code="invalid_item")


def validate_groups(value: Any) -> None:
    """Accept a list of group names. Raises ValidationError."""
    if not isinstance(value, list) or not all(
        isinstance(item, str) and _GROUP.fullmatch(item) for item in value
    ):
        raise ValidationError(
            _('This must be a list of names of letters, digits, . _ and -: ["team-a", "cheap"].'),
            code="invalid_item",
        )


def validate_parameters(value: Any) -> None:
    """Accept an object of names, each with an object of fields. Raises ValidationError."""
    validate_object(value)
    for name, fields in value.items():
        if not name or not isinstance(fields, dict) or not fields:
            raise ValidationError(
                _(
                    "“%(name)s” must have an object of the fields that it sets, such as "
                    '{"reasoning_effort": "high"}.'
                ),
                code="invalid_item",
                params={"name": name},
            )
        if forbidden := sorted(fields.keys() & _OWN_FIELDS):
            raise ValidationError(
                _("“%(name)s” sets “%(field)s”, which only the caller may set."),
                code="invalid_item",
                params={"name": name, "field": forbidden[0]},
            )


def validate_fallbacks(value: Any) -> None:
    """Accept a list of platform/model names. Raises ValidationError."""
    for item in value if isinstance(value, list) else [value]:
        slug, _slash, model = item.partition("/") if isinstance(item, str) else ("", "", "")
        if not slug or not model.strip() or not isinstance(value, list):
            raise ValidationError(
                _(
                    "This must be a list of platforms with their models, such as "
                    '["claude/claude-sonnet-5"].'
                ),
                code="invalid_item",
            )


def _split(value: str) -> Any:
    try:
        parts = urlsplit(value)
        _port = parts.port  # raises on a port that is none
    except ValueError as error:
        raise ValidationError(_("This is not an address."), code="invalid_item") from error
    return parts
