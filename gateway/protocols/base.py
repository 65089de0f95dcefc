"""What every protocol answers; what it does not override, it does not support."""

from collections.abc import Collection, Mapping
from typing import ClassVar, NoReturn

import orjson

from gateway.errors import BadRequest
from gateway.jobs import Images, JobKind, Plan, Progress, Video
from gateway.shapes import (
    Chat,
    Codes,
    Described,
    Exchange,
    Failure,
    FailureKind,
    Json,
    Native,
    UpstreamRequest,
)
from platforms.routes import PlatformSpec, Route

_ENDPOINTS = {
    "chat": "chat",
    "embeddings": "embeddings",
    "images": "making images",
    "edits": "editing images",
    "video": "making videos",
    "remix": "remixing videos",
    "count": "counting tokens",
}


FOREIGN = ("quality", "background", "style", "moderation", "input_fidelity", "output_compression")
"""OpenAI's options of pictures that Chinese platforms have nothing like."""
WANTED_BACK = ("tool_turns", "always")
"""What `Dialect.replay_reasoning` says of platforms that want reasoning back."""
UNSENT = ("user", "safety_identifier")
"""OpenAI's options of pictures that change nothing of the result; they are left out."""
NO_FILM = (
    "The platform cannot reach the source film any more: its address there has expired. Remix a "
    "film that was made within the last day."
)


class Unsupported(BadRequest):
    """This platform's protocol has no such endpoint."""


class Protocol:
    """How one kind of upstream speaks. Pure: no sockets, no clock, no settings, no database.

    One method per endpoint; each takes OpenAI's shape and a Route and describes the call. For
    pictures and films that is `images` or `video`, and then `poll` and `progress` until it is done.
    """

    name: ClassVar[str]
    models_query: ClassVar[str] = ""
    """Added to the path of the list of models, for platforms that would show a few only."""
    takes_urls: ClassVar[bool] = False
    """Whether a media call's pictures may be given as addresses; otherwise they are fetched."""

    def canonical(self, model: str) -> str:
        """A model's name as the catalogue has it, however the client spells it."""
        return model

    def takes_address(self, url: str, route: Route) -> bool:
        """Whether the platform fetches a chat's picture itself; otherwise the gateway does."""
        return route.dialect.image_input == "url"

    def recalls(self, route: Route) -> bool:
        """Whether answers hold what the platform wants to see again in later turns."""
        return route.dialect.replay_reasoning in WANTED_BACK

    def relays(self, wire: str, route: Route) -> bool:
        """Whether the platform speaks this client's language itself, so that calls go as they are.

        `wire`: a face's; OpenAI's chat is not among them, being the form in between.
        """
        return False

    def relay(self, native: Native, route: Route) -> Exchange:
        """Describe the call that passes a client's own request on."""
        self.unsupported(route.platform, native.wire)

    def relay_count(self, native: Native, route: Route) -> Described:
        """Describe the call that passes on a client's own question for a number of tokens."""
        self.unsupported(route.platform, "count")

    def count(self, chat: Chat, route: Route) -> Described | None:
        """Describe the call that counts a chat's tokens: `{"tokens": n}`. Raises BadRequest."""
        return None

    def chat(self, chat: Chat, route: Route) -> Exchange:
        """Describe the upstream call for this chat. Raises BadRequest on what it cannot say."""
        self.unsupported(route.platform, "chat")

    def embeddings(self, asked: dict[str, Json], route: Route) -> Described:
        """Describe the call that embeds texts. Raises BadRequest on what it cannot say."""
        self.unsupported(route.platform, "embeddings")

    def images(self, images: Images, route: Route) -> Plan:
        """Describe the call that makes or edits pictures. Raises BadRequest."""
        self.unsupported(route.platform, "images")

    def video(self, video: Video, route: Route) -> Plan:
        """Describe the call that orders a film, or one made from another. Raises BadRequest."""
        self.unsupported(route.platform, "video")

    def poll(self, kind: JobKind, upstream_id: str, platform: PlatformSpec) -> UpstreamRequest:
        """Describe the call that asks how a job stands."""
        self.unsupported(platform, kind)

    def progress(self, kind: JobKind, upstream_id: str, body: bytes) -> Progress:
        """How the job stands, from a poll's answer of status 200 or 202. Raises Failure."""
        raise Failure("broken", "This protocol has no jobs.")

    def model_names(self, body: bytes) -> list[str]:
        """The model names in a platform's own list of models. Raises Failure."""
        raise Failure("broken", "This protocol has no list of models.")

    def failure(
        self, status: int, headers: Mapping[str, str], body: bytes, codes: Codes = ()
    ) -> Failure:
        """What an answer that is no 200 means. `headers` has names in small letters.

        `codes`: the platform's own, which go before what the protocol knows.
        """
        raise NotImplementedError  # abstract: each wire has its own words

    def error_in(self, body: dict[str, Json]) -> Failure | None:
        """The failure inside a body of a 200, if it is one."""
        return None

    def unsupported(self, platform: PlatformSpec, endpoint: str) -> NoReturn:
        """Refuse by name. Raises Unsupported."""
        raise Unsupported(
            f"The platform “{platform.slug}” does not offer {_ENDPOINTS.get(endpoint, endpoint)}: "
            f"its protocol, {self.name}, has no such call.",
            code="unsupported_endpoint",
        )


def supports(protocol: Protocol, endpoint: str) -> bool:
    """Whether a protocol has a method of its own for `chat`, `embeddings`, `images` or `video`.

    Looked at the override itself, so that no flag can drift from the code.
    """
    return getattr(type(protocol), endpoint) is not getattr(Protocol, endpoint)


def loads(body: bytes) -> dict[str, Json]:
    """An upstream's answer as a JSON object. Raises Failure."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Failure("broken", f"The platform's answer is {kind_of(body)}.") from None
    if not isinstance(value, dict):
        raise Failure("broken", "The platform's answer is no JSON object.")
    return value


def dumped(body: Json, param: str | None = None) -> bytes:
    """A request's body; an orjson that reads 1,024 levels writes 254. Raises BadRequest."""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        raise BadRequest(
            "The request has too many lists and objects inside each other; 200 are the most.",
            param=param,
        ) from None


def counted(value: Json) -> int:
    """A platform's number of tokens. Raises Failure where it is none."""
    if type(value) is not int or value < 0:
        raise Failure("broken", "The platform's answer has no number of tokens.")
    return value


def kind_of(body: bytes) -> str:
    """What a body is that should be JSON and is not, for a sentence."""
    if not body.strip():
        return "empty"
    return "an HTML page, not JSON" if body.lstrip()[:1] == b"<" else "not valid JSON"


def refuse(param: str, given: Json, takes: str) -> NoReturn:
    """Refuse a parameter's value, saying what this platform takes. Raises BadRequest."""
    raise BadRequest(
        f"'{param}' is {orjson.dumps(given).decode()[:100]}, which this platform cannot do; "
        f"it takes {takes}.",
        param=param,
    )


def refuse_options(options: Mapping[str, Json], names: Collection[str], platform: str) -> None:
    """Refuse these options where they ask for something. Raises BadRequest.

    `auto`, `standard`, `opaque` ask for nothing that a platform would not do by itself.
    """
    for name in names:
        value = options.get(name)
        if value is not None and value not in ("auto", "standard", "opaque", False):
            raise BadRequest(
                f"'{name}' is {orjson.dumps(value).decode()[:100]}; {platform} has no such "
                "parameter. Leave it out.",
                param=name,
            )


def refuse_mask(images: Images, editor: str) -> None:
    """Refuse a mask; `editor`: who takes none, to begin a sentence with. Raises BadRequest."""
    if images.mask is not None:
        raise BadRequest(
            f"{editor} takes no 'mask' and edits whole pictures. Leave it out, and say in the "
            "prompt what is to change.",
            param="mask",
        )


def without(options: Mapping[str, Json], names: tuple[str, ...]) -> dict[str, Json]:
    """The options but these."""
    return {name: value for name, value in options.items() if name not in names}


def refined(failure: Failure, kinds: tuple[tuple[str, FailureKind], ...]) -> Failure:
    """The failure, of the kind that its code says: the first row whose word the code contains."""
    code = (failure.code or "").lower()
    failure.kind = next((kind for word, kind in kinds if word in code), failure.kind)
    return failure
