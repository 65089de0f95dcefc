"""May this licence call this model, and where does that go?

Under `/<platform>/v1/` the path says the platform. Under `/v1/` the model does: as `platform/name`,
or as a public name that stands for one model only among those that the licence may call. A name may
end in `|[group]`, which asks for credentials of that group, as the header `x-tokens-group` does.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from gateway.errors import BadRequest
from gateway.protocols import PROTOCOLS
from gateway.usage.entry import Entry
from licences.errors import NotAllowed
from licences.holders import Holder
from platforms.catalogue import Catalogue, named
from platforms.errors import ModelUnknown, PlatformError
from platforms.routes import Kind, PlatformSpec, Route

_PLURALS = {
    "chat": "chat models",
    "image": "models that make images",
    "video": "video models",
    "embedding": "embedding models",
}
_SHOWN = 10  # choices in a sentence
_HINTED = re.compile(r"(?P<name>.+)\|\[(?P<groups>[^\[\]|]*)\]", re.DOTALL)
_LONGEST_CHAIN = 10  # fallbacks of a call, those of fallbacks included
Groups = tuple[frozenset[str], ...]


def admitted(catalogue: Catalogue, holder: Holder, entry: Entry, model: str, kind: Kind) -> Route:
    """The route of a call, if the licence may go there; the entry learns platform and model.

    Its `model` is the name that the client asked for. Raises PlatformUnknown, ModelUnknown,
    NotAllowed, and BadRequest for a model of another kind or of several platforms.
    """
    name, groups = _hints(entry, model)
    entry.model = name
    if not entry.platform:
        entry.platform, name = place(catalogue, holder, name)
        entry.model = name
    route = allowed_route(catalogue, holder, entry.platform, name, kind)
    entry.model = route.name
    if groups:
        _require_groups(route.platform, groups)
    if groups or route.model != model:
        return replace(route, model=model, groups=(*route.groups, *groups))
    return route


def fallbacks(catalogue: Catalogue, holder: Holder, route: Route, kind: Kind) -> Iterator[Route]:
    """Where a call may go when its route's platform cannot answer, in order.

    The model's own fallbacks, each followed by its fallbacks. None is met twice, so a chain that
    leads back to its beginning ends; what the licence may not call, what is switched off and what
    is of another kind is passed over.
    """
    seen = {(route.platform.slug, route.name)}
    left = list(route.fallbacks)
    while left and len(seen) <= _LONGEST_CHAIN:
        slug, model = left.pop(0)
        try:
            found = allowed_route(catalogue, holder, slug, model, kind)
        except (PlatformError, NotAllowed, BadRequest):
            continue
        if (slug, found.name) in seen:
            continue
        seen.add((slug, found.name))
        left = [*found.fallbacks, *left]
        yield replace(found, model=route.model)


def _hints(entry: Entry, model: str) -> tuple[str, Groups]:
    """The model's name without hints, and the groups that name and header ask for."""
    groups = []
    if model[-1:] == "]" and (match := _HINTED.fullmatch(model)):
        model = match["name"]
        groups.append(_named_groups(match["groups"], "model"))
    if entry.asked_groups:
        groups.append(_named_groups(entry.asked_groups, "x-tokens-group"))
    return model, tuple(groups)


def _named_groups(names: str, param: str) -> frozenset[str]:
    found = frozenset(name for part in names.split(",") if (name := part.strip()))
    if not found:
        raise BadRequest(f"'{param}' asks for groups of credentials but names none.", param=param)
    return found


def _require_groups(platform: PlatformSpec, groups: Groups) -> None:
    """Raises BadRequest where no credential is in a group of each set: asked for in vain."""
    if not any(
        all(credential.groups & wanted for wanted in groups) for credential in platform.credentials
    ):
        names = " and ".join(", ".join(sorted(wanted)) for wanted in groups)
        raise BadRequest(
            f"No credential of the platform “{platform.slug}” is in the group {names[:200]}. Leave "
            "the group out, or ask the operator for its name.",
            param="model",
            code="group_not_found",
        )


def place(catalogue: Catalogue, holder: Holder, model: str) -> tuple[str, str]:
    """Platform and name of a model that came without a platform in the path.

    Only what the licence may call is looked at, so that a stranger learns nothing of the rest.
    """
    platforms = catalogue.snapshot.platforms
    slug, found, name = model.partition("/")
    if found and name and slug in platforms and holder.may_call(slug):
        return slug, name
    places = sorted(
        platform.slug
        for platform in platforms.values()
        if holder.may_call(platform.slug)
        and (mapped := named(platform, model)[0])
        and mapped.enabled
        and holder.may_use(mapped.public_name)
    )
    if len(places) == 1:
        return places[0], model
    if not places:
        raise ModelUnknown("", model)
    choices = ", ".join(f"{slug}/{model}" for slug in places[:_SHOWN])
    raise BadRequest(
        f"'model' is “{model}”, which several platforms have; name one of {choices}.",
        param="model",
        code="ambiguous_model",
    )


def allowed_route(catalogue: Catalogue, holder: Holder, slug: str, model: str, kind: Kind) -> Route:
    """The route, if the licence may go there. A stranger to a platform learns nothing of it.

    Raises PlatformUnknown, ModelUnknown, NotAllowed, and BadRequest for a model of another kind.
    """
    platform = catalogue.platform(slug)
    # Before anything is looked up: what is switched off is so in every spelling.
    model = PROTOCOLS[platform.protocol].canonical(model)
    spec, _fields = named(platform, model)
    holder.require(slug, model if spec is None else spec.public_name)
    route = catalogue.route(slug, model)
    if route.kind not in (None, kind):
        raise BadRequest(
            f"'model' is “{model}”, a model of the kind {route.kind}; this path takes "
            f"{_PLURALS[kind]}.",
            param="model",
        )
    return route
