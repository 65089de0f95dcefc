"""Platforms, credentials and models as the hot path sees them: frozen, free of Django.

The catalogue builds these once per change of the configuration; a protocol may know nothing else
of a platform than what stands here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["chat", "image", "video", "embedding", "audio"]


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in micro-units of the site's currency; 0 where it has no price."""

    version: int = 0
    """Grows with each change in the admin. 0: the model has no mapping, so no price."""
    prompt: int = 0
    """Per million prompt tokens."""
    cached: int | None = None
    """Per million cached prompt tokens. None: as other prompt tokens."""
    completion: int = 0
    """Per million completion tokens, reasoning included."""
    image: int = 0
    """Per image."""
    second: int = 0
    """Per second of video or audio."""
    request: int = 0
    """Per request that was answered."""


FREE = Price()


@dataclass(frozen=True, slots=True)
class CredentialSpec:
    """One key of a platform. `repr` never shows the secret."""

    id: int
    name: str
    secret: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    """All headers of a call with this key (credential, platform's extras), ready to send."""
    weight: int = 1
    proxy: str = field(default="", repr=False)
    """Proxy of this key, or else the platform's. "": direct. May hold a password."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for a platform, in seconds."""

    connect_s: float = 10.0
    first_byte_s: float = 120.0
    idle_s: float = 120.0
    total_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A mapped model of a platform."""

    public_name: str
    upstream_name: str
    kind: Kind
    enabled: bool
    price: Price
    created: int
    """Unix seconds of when the mapping was made, for the models list."""


@dataclass(frozen=True, slots=True)
class PlatformSpec:
    """An enabled platform with its enabled credentials and all its model mappings."""

    id: int
    slug: str
    name: str
    preset: str
    protocol: str
    base_url: str
    """Without a slash at its end."""
    chat_path: str
    models_path: str
    """ "" where the platform lists no models."""
    needs_credential: bool
    pass_unmapped: bool
    timeouts: Timeouts
    credentials: tuple[CredentialSpec, ...]
    models: Mapping[str, ModelSpec]
    """By public name; disabled ones too, so that they are refused and not passed through."""


@dataclass(frozen=True, slots=True)
class Route:
    """A model name resolved: which platform, under which name, at which price."""

    platform: PlatformSpec
    model: str
    """As the client asked for it."""
    upstream_model: str
    kind: Kind | None
    """None: a model without a mapping."""
    price: Price
