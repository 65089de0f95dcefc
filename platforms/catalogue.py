"""The platforms in memory: an immutable snapshot, rebuilt when something in the admin changes."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from platforms.dialects import Rules, dialect_of, problems
from platforms.errors import ModelUnknown, PlatformUnknown
from platforms.models import AuthStyle, CatalogueVersion, Credential, ModelMapping, Platform
from platforms.routes import (
    FREE,
    CredentialSpec,
    Dialect,
    ModelSpec,
    PlatformSpec,
    Price,
    Route,
    Timeouts,
)
from platforms.secrets import SecretUnreadable, decrypt

logger = logging.getLogger(__name__)

_ROUTES = 10_000  # kept of a snapshot, some 5 MB: what is not mapped is named by callers
_ROUTE_NAME = 200  # characters of a name that is kept

_HEADERS = {
    AuthStyle.BEARER: ("Authorization", "Bearer {}"),
    AuthStyle.API_KEY: ("api-key", "{}"),
    AuthStyle.X_API_KEY: ("x-api-key", "{}"),
    AuthStyle.X_GOOG_API_KEY: ("x-goog-api-key", "{}"),
    AuthStyle.GOOGLE_SERVICE_ACCOUNT: ("", ""),  # none: the gateway fetches a token with it
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that can be called, at one version of the configuration."""

    version: int
    platforms: Mapping[str, PlatformSpec]
    secrets: Mapping[str, str] = field(repr=False)
    """Stored form to secret: what has not changed is not decrypted again (30 µs each)."""
    routes: dict[tuple[str, str], Route] = field(default_factory=dict, repr=False, compare=False)
    """Those that were asked for, by platform and name: worked out once, not with every call."""


class Catalogue:
    """The snapshot that calls look at. `load` and `refresh` run in a thread, the rest anywhere."""

    def __init__(self) -> None:
        self._snapshot = Snapshot(-1, {}, {})

    @property
    def snapshot(self) -> Snapshot:
        """What is in force now."""
        return self._snapshot

    def load(self) -> None:
        """Read everything with three queries. Blocks; a database error leaves the old state."""
        # Before the rows: a change that comes in between is loaded twice rather than never.
        version = CatalogueVersion.current()
        secrets: dict[str, str] = {}
        credentials: dict[int, list[Credential]] = defaultdict(list)
        for credential in Credential.objects.filter(enabled=True).order_by("id"):
            credentials[credential.platform_id].append(credential)
        models: dict[int, list[ModelMapping]] = defaultdict(list)
        for mapping in ModelMapping.objects.order_by("public_name"):
            models[mapping.platform_id].append(mapping)
        platforms = {}
        for platform in Platform.objects.filter(enabled=True):
            specs = self._credentials(platform, credentials[platform.pk], secrets)
            platforms[platform.slug] = _platform(platform, specs, models[platform.pk])
        self._snapshot = Snapshot(version, platforms, secrets)

    def refresh(self) -> bool:
        """Load again if something has changed since; says whether. Blocks."""
        if CatalogueVersion.current() == self._snapshot.version:
            return False
        self.load()
        return True

    def platform(self, slug: str) -> PlatformSpec:
        """The enabled platform of this short name. Raises PlatformUnknown."""
        try:
            return self._snapshot.platforms[slug]
        except KeyError:
            raise PlatformUnknown(slug) from None

    def route(self, slug: str, model: str) -> Route:
        """Where a call for this model goes. Raises PlatformUnknown, ModelUnknown."""
        routes = self._snapshot.routes
        found = routes.get((slug, model))
        if found is None:
            found = self._route(slug, model)
            if len(routes) >= _ROUTES:
                routes.clear()
            if len(model) <= _ROUTE_NAME:
                routes[slug, model] = found
        return found

    def _route(self, slug: str, model: str) -> Route:
        platform = self.platform(slug)
        spec, fields = named(platform, model)
        if spec is None:
            if not platform.pass_unmapped:
                raise ModelUnknown(slug, model)
            return Route(platform, model, model, None, FREE, platform.dialect, model)
        if not spec.enabled:
            raise ModelUnknown(slug, model)
        return Route(
            platform,
            model,
            spec.upstream_name,
            spec.kind,
            spec.price,
            spec.dialect,
            name=spec.public_name,
            groups=(spec.groups,) if spec.groups else (),
            fields=fields,
            fallbacks=spec.fallbacks,
        )

    def _credentials(
        self, platform: Platform, rows: list[Credential], secrets: dict[str, str]
    ) -> tuple[CredentialSpec, ...]:
        if platform.auth_style == AuthStyle.NONE:
            return (_nobody(platform),)
        specs = []
        for row in rows:
            stored = row.secret_encrypted
            try:
                secret = secrets[stored] = self._snapshot.secrets.get(stored) or decrypt(stored)
            except SecretUnreadable as error:
                logger.error("Credential %s is left out: %s", row.pk, error)
            else:
                specs.append(_credential(platform, row, secret))
        return tuple(specs)


def named(platform: PlatformSpec, model: str) -> tuple[ModelSpec | None, Mapping[str, Any]]:
    """The mapped model of this name, and the fields that the name's parameters set.

    A name that is mapped is itself; else `name-parameter-parameter`, with the longest mapped name
    that has all of these parameters. None: it is not mapped.
    """
    found = platform.models.get(model)
    if found is not None or not platform.has_parameters:
        return found, {}
    end = model.rfind("-")
    while end > 0:
        spec = platform.models.get(model[:end])
        if spec is not None and spec.parameters:
            fields = _fields(spec.parameters, model[end + 1 :])
            if fields is not None:
                return spec, fields
        end = model.rfind("-", 0, end)
    return None, {}


def _fields(parameters: Mapping[str, Mapping[str, Any]], rest: str) -> dict[str, Any] | None:
    """What these parameters, with hyphens between, set together; None: not all are declared."""
    if rest in parameters:
        return dict(parameters[rest])
    for name, fields in parameters.items():
        if rest.startswith(f"{name}-"):
            more = _fields(parameters, rest[len(name) + 1 :])
            if more is not None:
                return {**fields, **more}
    return None


def pair(name: str) -> tuple[str, str]:
    """Platform and model of `platform/model`; a model's name may have slashes of its own."""
    slug, _slash, model = name.partition("/")
    return slug, model


def spec_of(
    platform: Platform, credential: Credential | None
) -> tuple[PlatformSpec, CredentialSpec]:
    """A platform and one of its credentials outside of any snapshot. Raises SecretUnreadable.

    For a test of rows that may be switched off; `credential` None where none is asked for.
    """
    if credential is None or platform.auth_style == AuthStyle.NONE:
        key = _nobody(platform)
    else:
        key = _credential(platform, credential, decrypt(credential.secret_encrypted))
    return _platform(platform, (key,), ()), key


def _nobody(platform: Platform) -> CredentialSpec:
    """The credential of a platform that asks for none, so that callers need no special case."""
    return CredentialSpec(0, "", "", tuple(platform.headers.items()), proxy=platform.proxy)


def _credential(platform: Platform, row: Credential, secret: str) -> CredentialSpec:
    style = AuthStyle(platform.auth_style)
    name, form = _HEADERS[style]
    return CredentialSpec(
        id=row.pk,
        name=row.name,
        secret=secret,
        headers=(*([(name, form.format(secret))] if name else []), *platform.headers.items()),
        weight=row.weight,
        proxy=row.proxy or platform.proxy,
        service_account=style == AuthStyle.GOOGLE_SERVICE_ACCOUNT,
        tier=row.tier,
        groups=frozenset(row.groups),
        rpm=row.rpm,
        max_concurrency=row.max_concurrency,
        draining=row.draining,
    )


def _platform(
    row: Platform, credentials: tuple[CredentialSpec, ...], mappings: Iterable[ModelMapping]
) -> PlatformSpec:
    rules = _rules(row.rules, f"platform {row.slug}")
    dialect = dialect_of(row.preset, rules)
    models = {}
    for mapping in mappings:
        own = _rules(mapping.overrides, f"model {mapping.public_name} of platform {row.slug}")
        merged = dialect_of(row.preset, rules, own) if own else dialect
        models[mapping.public_name] = _model(mapping, merged)
    return PlatformSpec(
        id=row.pk,
        slug=row.slug,
        name=row.name,
        preset=row.preset,
        protocol=row.protocol,
        base_url=row.base_url.rstrip("/"),
        chat_path=row.chat_path,
        models_path=row.models_path,
        needs_credential=row.auth_style != AuthStyle.NONE,
        pass_unmapped=row.pass_unmapped,
        timeouts=Timeouts(row.connect_s, row.first_byte_s, row.idle_s, row.total_s),
        credentials=credentials,
        models=models,
        has_parameters=any(model.parameters for model in models.values()),
        dialect=dialect,
        rpm=row.rpm,
        tpm=row.tpm,
        concurrency=row.concurrency,
    )


def _rules(stored: Rules, whose: str) -> Rules:
    """The rules of a row, or none where they are wrong: calls go on without them."""
    found = problems(stored)
    for sentence in found:
        logger.error("The rules of %s are left out: %s", whose, sentence)
    return {} if found else stored


def _model(row: ModelMapping, dialect: Dialect) -> ModelSpec:
    return ModelSpec(
        public_name=row.public_name,
        upstream_name=row.upstream_name or row.public_name,
        kind=row.kind,  # type: ignore[arg-type] # the column's choices are the literal's
        enabled=row.enabled,
        price=Price(
            version=row.price_version,
            prompt=row.price_prompt_micros,
            cached=row.price_cached_micros,
            cache_write=row.price_cache_write_micros,
            completion=row.price_completion_micros,
            image=row.price_image_micros,
            second=row.price_second_micros,
            request=row.price_request_micros,
        ),
        created=int(row.created_at.timestamp()),
        dialect=dialect,
        groups=frozenset(row.groups),
        parameters=row.parameters,
        fallbacks=tuple(pair(name) for name in row.fallbacks),
    )
