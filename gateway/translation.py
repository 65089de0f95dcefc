"""A client's request for a platform: as it came, or said in OpenAI's chat, the form in between."""

from collections.abc import Callable
from typing import TypeVar

from gateway import parts
from gateway.client import Client
from gateway.errors import BadRequest
from gateway.faces import Asked, Face
from gateway.protocols import PROTOCOLS
from gateway.runtime import Gateway
from gateway.shapes import Chat, Failure, Native
from gateway.watch import Watch
from licences.holders import Holder
from platforms.routes import Route

T = TypeVar("T")
_PASSED_ON = (b"anthropic-version", b"anthropic-beta")


def native(client: Client, face: Face, asked: Asked) -> Native:
    """The request for a platform that speaks the client's own language."""
    headers: dict[str, str] = {}
    for name, value in client.headers:
        if name in _PASSED_ON:
            key, more = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]},{more}" if key in headers else more
    return Native(face.wire, asked.body, asked.stream, headers)


async def chat_for(
    gateway: Gateway, client: Client, holder: Holder, face: Face, asked: Asked, route: Route
) -> Chat:
    """The request in OpenAI's shape, with all that this platform wants of it."""
    chat = face.chat(asked)
    protocol = PROTOCOLS[route.platform.protocol]

    def takes(url: str) -> bool:
        return protocol.takes_address(url, route)

    if parts.are_to_be_fetched(chat, takes):
        limit = gateway.settings.max_chat_body
        try:
            async with Watch(client.receive, client.line, total_s=parts.FETCH_S) as watch:
                with watch.translated():
                    await parts.take(chat, gateway.media.fetcher, limit, takes)
        except Failure:  # the time-out
            raise parts.too_slow() from None
        except BadRequest as error:
            raise _of_chat(face, error) from None
    if protocol.recalls(route):
        await gateway.recall.restore(holder.id, route.platform.id, chat)
    return chat


def said(
    face: Face,
    describe: Callable[[Chat, Route], T],
    chat: Chat,
    route: Route,
) -> T:
    """What a protocol makes of a chat. Raises BadRequest that says whose words its field is in."""
    try:
        return describe(chat, route)
    except BadRequest as error:
        raise _of_chat(face, error) from None


def _of_chat(face: Face, error: BadRequest) -> BadRequest:
    """The error; to clients of other languages with a word on where its field stands."""
    if face.wire == "openai":
        return error
    told = f"{error.message} (The field is named as in OpenAI's chat, which the request became.)"
    return BadRequest(told, param=error.param, code=error.code)
