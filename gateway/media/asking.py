"""What a task asks for: kept in its row as JSON, and told to its platform's protocol again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from gateway.bodies import Source
from gateway.errors import ApiError
from gateway.faces.media import Asked
from gateway.jobs import Images, Plan, Remix, Video
from gateway.models import MediaTask
from gateway.protocols import PROTOCOLS
from gateway.shapes import Json
from platforms.catalogue import Catalogue, spec_of
from platforms.models import Credential, Platform
from platforms.routes import FREE, CredentialSpec, PlatformSpec, Route


def kept(
    asked: Asked, sources: Sequence[Source], mask: Source | None, remix: Remix | None
) -> dict[str, Json]:
    """As a row keeps it."""
    return {
        "prompt": asked.prompt,
        "n": asked.n,
        "size": asked.size,
        "seconds": asked.seconds,
        "options": dict(asked.options),
        "sources": [asdict(source) for source in sources],
        "mask": asdict(mask) if mask else None,
        "remix": asdict(remix) if remix else None,
    }


def with_fields(asked: Asked, fields: Mapping[str, Json]) -> Asked:
    """The same with the fields that the model's name has set."""
    own = {name: fields[name] for name in ("n", "size", "seconds") if name in fields}
    rest = {name: value for name, value in fields.items() if name not in own}
    return replace(asked, **own, options={**asked.options, **rest})


def plan_of(kind: str, asked: dict[str, Any], route: Route) -> Plan:
    """The upstream call that makes what was asked. Raises BadRequest on what cannot be said."""
    protocol = PROTOCOLS[route.platform.protocol]
    sources = tuple(Source(**source) for source in asked["sources"])
    if kind == "image":
        mask = Source(**asked["mask"]) if asked["mask"] else None
        images = Images(asked["prompt"], sources, mask, asked["n"], asked["size"], asked["options"])
        return protocol.images(images, route)
    remix = Remix(**asked["remix"]) if asked["remix"] else None
    video = Video(
        asked["prompt"], sources, asked["seconds"], asked["size"], remix, asked["options"]
    )
    return protocol.video(video, route)


def plan(task: MediaTask, route: Route) -> Plan:
    """The same, of a task."""
    return plan_of(task.kind, task.asked, route)


def route(task: MediaTask, catalogue: Catalogue) -> Route:
    """Where a task goes: to what its model was mapped to when it was ordered.

    Raises PlatformUnknown when the platform was switched off since.
    """
    # The price is kept in the row.
    platform = catalogue.platform(task.platform)
    groups = tuple(frozenset(names) for names in task.asked.get("groups", ()))
    return Route(
        platform, task.model, task.upstream_model, None, FREE, name=task.model, groups=groups
    )


def pinned_in(catalogue: Catalogue, task: MediaTask) -> tuple[PlatformSpec, CredentialSpec] | None:
    """The platform and credential that a task was submitted to, if both are in service."""
    platform = catalogue.snapshot.platforms.get(task.platform)
    for credential in platform.credentials if platform else ():
        if platform and credential.id == (task.credential_id or 0):
            return platform, credential
    return None


def pinned_rows(task: MediaTask) -> tuple[PlatformSpec, CredentialSpec]:
    """The same from the database, where they may be switched off. Blocks. Raises ApiError."""
    platform = Platform.objects.filter(slug=task.platform).first()
    row = Credential.objects.filter(pk=task.credential_id or 0).first()
    if platform is None or (row is None and task.credential_id):
        raise ApiError(
            502,
            "The platform or credential that this runs with was deleted meanwhile.",
            type="server_error",
            code="credential_deleted",
        )
    return spec_of(platform, row)
