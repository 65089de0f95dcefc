"""Model mappings after a platform's own list: what console and command share.

First a plan, which changes nothing; then what was chosen of it. Both are harmless when repeated.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from platforms.adding import add_mapping, switch
from platforms.models import AuthStyle, Credential, Kind, ModelMapping, Platform
from platforms.probing import list_models

# The first that is found in a name says what the model makes. From names that platforms list
# (November 2026); a guess is shown before anything is added, and can be put right.
_GUESSES = (
    (Kind.EMBEDDING, re.compile(r"embed|\bbge\b|\bgte\b|\be5\b", re.IGNORECASE)),
    (Kind.VIDEO, re.compile(r"video|sora|\bveo|seedance|hailuo|\bt2v|\bi2v|kling", re.IGNORECASE)),
    (
        Kind.IMAGE,
        re.compile(
            r"image|dall-e|\bflux|imagen|seedream|stable-diffusion|\bt2i|cogview", re.IGNORECASE
        ),
    ),
    (Kind.AUDIO, re.compile(r"whisper|\btts\b|audio|speech|transcribe|\basr\b", re.IGNORECASE)),
)


class CannotList(Exception):
    """There is no list to go by; the message says why, for the operator."""


class NoKeyToAsk(CannotList):
    """The platform asks for a key and has none that is switched on."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that the platform lists."""

    name: str
    kind: str
    """What it makes, as far as its name tells."""
    mapping: ModelMapping | None
    """The mapping of this public name; None: there is none yet."""
    sent_by: str
    """The public name of a mapping that is sent under this name; "": there is none."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The platform's list beside the mappings."""

    listed: tuple[Listed, ...]
    gone: tuple[ModelMapping, ...]
    """Mappings, switched on, of models that the platform does not list (any more)."""

    @property
    def new(self) -> list[Listed]:
        """Those without a mapping."""
        return [it for it in self.listed if it.mapping is None]

    @property
    def mapped(self) -> list[Listed]:
        """Those that have one."""
        return [it for it in self.listed if it.mapping is not None]


def plan(platform: Platform) -> Plan:
    """Ask the platform for its list; nothing is changed. Blocks. Raises CannotList."""
    names = _names(platform)
    mappings = list(platform.model_mappings.order_by("public_name"))
    by_name = {it.public_name: it for it in mappings}
    senders = {it.upstream_name: it.public_name for it in mappings if it.upstream_name}
    listed = tuple(
        Listed(name, guess_kind(name), by_name.get(name), senders.get(name, "")) for name in names
    )
    known = set(names)
    gone = (it for it in mappings if it.enabled and _sent_as(it) not in known)
    return Plan(listed, tuple(gone))


@transaction.atomic
def add(platform: Platform, kinds: Mapping[str, str | None]) -> list[ModelMapping]:
    """Mappings for these names, each with its kind; None: chat. All or none; what is there, stays.

    Raises ValidationError with the name that cannot be one.
    """
    known = set(platform.model_mappings.values_list("public_name", flat=True))
    added = []
    for name, kind in kinds.items():
        if name in known:
            continue
        try:
            mapping, _new = add_mapping(platform, name, **({"kind": kind} if kind else {}))
        except ValidationError as error:
            raise ValidationError(f"{name[:100]}: {' '.join(error.messages)}") from None
        added.append(mapping)
    return added


@transaction.atomic
def switch_off(mappings: Iterable[ModelMapping]) -> list[ModelMapping]:
    """Switch these off, because the platform does not have them; those that were on."""
    return [it for it in mappings if switch(it, False)]


def guess_kind(name: str) -> Kind:
    """What a model of this name makes; chat, where the name does not tell."""
    return next((kind for kind, pattern in _GUESSES if pattern.search(name)), Kind.CHAT)


def _sent_as(mapping: ModelMapping) -> str:
    return mapping.upstream_name or mapping.public_name


def _names(platform: Platform) -> tuple[str, ...]:
    """What the platform lists, each once."""
    if not platform.models_path:
        raise CannotList(_("%(it)s has no list of models.") % {"it": platform})
    result = list_models(platform, _key(platform))
    if not result.ok:
        raise CannotList(
            _("%(it)s does not list its models: %(why)s") % {"it": platform, "why": result.detail}
        )
    return tuple(dict.fromkeys(result.models))


def _key(platform: Platform) -> Credential | None:
    """The key to ask with: one in service, if there is any."""
    if platform.auth_style == AuthStyle.NONE:
        return None
    keys = list(platform.credentials.filter(enabled=True))
    if not keys:
        raise NoKeyToAsk(_("%(it)s has no enabled credential to ask with.") % {"it": platform})
    return next((key for key in keys if not key.disabled_reason), keys[0])
