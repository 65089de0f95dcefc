"""POST /<platform>/v1/responses: OpenAI's newer shape, relayed where the platform has it."""

from gateway import call
from gateway.client import Client, Scope, Send
from gateway.faces.responses import ResponsesFace
from gateway.http import Answering, posted
from gateway.runtime import Gateway
from gateway.watch import Receive


async def responses(scope: Scope, receive: Receive, send: Send) -> None:
    """Make a response, blocking or streamed."""
    gateway = await Gateway.current()
    client = Client(scope, receive, send)
    platform = scope["url_route"]["kwargs"].get("platform") or ""
    face = ResponsesFace()
    async with Answering(gateway, client, "responses", platform, face) as entry:
        body = await posted(gateway, client, entry)
        await call.chat(gateway, client, entry, face, face.read(body))
