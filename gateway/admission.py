"""May this licence call this model, and where does that go?

Under `/<platform>/v1/` the path says the platform. Under `/v1/` the model does: as `platform/name`,
or as a public name that stands for one model only among those that the licence may call.
"""

from dataclasses import replace

from gateway.errors import BadRequest
from gateway.protocols import PROTOCOLS
from gateway.usage.entry import Entry
from licences.holders import Holder
from platforms.catalogue import Catalogue
from platforms.errors import ModelUnknown
from platforms.routes import Kind, Route

_PLURALS = {
    "chat": "chat models",
    "image": "models that make images",
    "video": "video models",
    "embedding": "embedding models",
}
_SHOWN = 10  # choices in a sentence


def admitted(catalogue: Catalogue, holder: Holder, entry: Entry, model: str, kind: Kind) -> Route:
    """The route of a call, if the licence may go there; the entry learns platform and model.

    Its `model` is the name that the client asked for. Raises PlatformUnknown, ModelUnknown,
    NotAllowed, and BadRequest for a model of another kind or of several platforms.
    """
    entry.model = model
    name = model
    if not entry.platform:
        entry.platform, name = place(catalogue, holder, model)
        entry.model = name
    route = allowed_route(catalogue, holder, entry.platform, name, kind)
    return route if name == model else replace(route, model=model)


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
        and (mapped := platform.models.get(model))
        and mapped.enabled
        and holder.may_use(model)
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
    holder.require(slug, model)
    route = catalogue.route(slug, model)
    if route.kind not in (None, kind):
        raise BadRequest(
            f"'model' is “{model}”, a model of the kind {route.kind}; this path takes "
            f"{_PLURALS[kind]}.",
            param="model",
        )
    return route
