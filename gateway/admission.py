"""May this licence call this model of this platform, and where does that go?"""

from gateway.errors import BadRequest
from licences.holders import Holder
from platforms.catalogue import Catalogue
from platforms.routes import Kind, Route

_PLURALS = {
    "chat": "chat models",
    "image": "models that make images",
    "video": "video models",
    "embedding": "embedding models",
}


def allowed_route(catalogue: Catalogue, holder: Holder, slug: str, model: str, kind: Kind) -> Route:
    """The route, if the licence may go there. A stranger to a platform learns nothing of it.

    Raises PlatformUnknown, ModelUnknown, NotAllowed, and BadRequest for a model of another kind.
    """
    catalogue.platform(slug)
    holder.require(slug, model)
    route = catalogue.route(slug, model)
    if route.kind not in (None, kind):
        raise BadRequest(
            f"'model' is “{model}”, a model of the kind {route.kind}; this path takes "
            f"{_PLURALS[kind]}.",
            param="model",
        )
    return route
