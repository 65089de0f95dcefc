"""How many tokens a request has: asked of the platform where it counts, else estimated."""

import orjson

from gateway.admission import admitted
from gateway.client import Client
from gateway.faces import Asked, Face
from gateway.models import Outcome
from gateway.once import once
from gateway.protocols import PROTOCOLS
from gateway.runtime import Gateway
from gateway.shapes import Described, Json
from gateway.translation import chat_for, native, said
from gateway.usage import estimate
from gateway.usage.entry import Entry
from gateway.watch import Watch
from platforms.routes import Route


async def count(
    gateway: Gateway, client: Client, entry: Entry, face: Face, asked: Asked, name: str
) -> None:
    """Answer a number of tokens under this name; counting costs nothing and uses nothing.

    Raises what `errors.explain` explains.
    """
    entry.route = route = admitted(gateway.catalogue, entry.caller, entry, asked.model, "chat")
    protocol = PROTOCOLS[route.platform.protocol]
    headers = [(b"x-request-id", entry.id.encode("ascii"))]
    if protocol.relays(face.wire, route):
        described = protocol.relay_count(native(client, face, asked), route)
        answer = await _asked(gateway, client, entry, route, described)
    else:
        chat = await chat_for(gateway, client, entry.caller, face, asked, route)
        if (counted := said(face, protocol.count, chat, route)) is not None:
            tokens = await _asked(gateway, client, entry, route, counted)
            answer = {name: tokens["tokens"]}
        else:
            answer = {name: estimate.prompt_tokens(chat)}
            headers.append((b"x-tokens-estimated", b"true"))
    entry.write(Outcome.COMPLETED, 200)
    await client.answer(200, orjson.dumps(answer), headers)


async def _asked(
    gateway: Gateway, client: Client, entry: Entry, route: Route, described: Described
) -> dict[str, Json]:
    """The platform's answer; a client that leaves ends the asking."""
    async with Watch(client.receive, client.line, total_s=route.platform.timeouts.total_s) as watch:
        with watch.translated():
            answer, _ = await once(gateway, entry, route, described)
            return answer
