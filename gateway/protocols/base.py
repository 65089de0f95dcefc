"""What every protocol answers; what it does not override, it does not support."""

from collections.abc import Mapping
from typing import ClassVar, NoReturn

from gateway.errors import BadRequest
from gateway.shapes import Chat, Exchange, Failure, Json
from platforms.routes import PlatformSpec, Route


class Unsupported(BadRequest):
    """This platform's protocol has no such endpoint."""


class Protocol:
    """How one kind of upstream speaks. Pure: no sockets, no clock, no settings, no database.

    One method per endpoint; each takes OpenAI's shape and a Route and describes the call.
    """

    name: ClassVar[str]

    def chat(self, chat: Chat, route: Route) -> Exchange:
        """Describe the upstream call for this chat. Raises BadRequest on what it cannot say."""
        self._unsupported(route.platform, "chat")

    def model_names(self, body: bytes) -> list[str]:
        """The model names in a platform's own list of models. Raises Failure."""
        raise Failure("broken", "This protocol has no list of models.")

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """What an answer that is no 200 means. `headers` has names in small letters."""
        raise NotImplementedError  # abstract: each wire has its own words

    def error_in(self, body: dict[str, Json]) -> Failure | None:
        """The failure inside a body of a 200, if it is one."""
        return None

    def _unsupported(self, platform: PlatformSpec, what: str) -> NoReturn:
        raise Unsupported(
            f"The platform “{platform.slug}” does not offer {what}: its protocol, {self.name}, "
            "has no such call.",
            code="unsupported_endpoint",
        )
