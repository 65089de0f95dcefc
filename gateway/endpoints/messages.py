"""POST /<platform>/v1/messages and /messages/count_tokens: Anthropic's shape, for its clients."""

from gateway import call
from gateway.client import Client, Scope, Send
from gateway.counting import count
from gateway.faces.anthropic import AnthropicFace
from gateway.http import Answering, posted
from gateway.runtime import Gateway
from gateway.watch import Receive


async def messages(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a message, blocking or streamed."""
    gateway = await Gateway.current()
    client = Client(scope, receive, send)
    platform = scope["url_route"]["kwargs"].get("platform") or ""
    face = AnthropicFace()
    async with Answering(gateway, client, "messages", platform, face) as entry:
        body = await posted(gateway, client, entry)
        await call.chat(gateway, client, entry, face, face.read(body))


async def count_tokens(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer how many tokens a message has."""
    gateway = await Gateway.current()
    client = Client(scope, receive, send)
    platform = scope["url_route"]["kwargs"].get("platform") or ""
    face = AnthropicFace(counting=True)
    async with Answering(gateway, client, "count_tokens", platform, face) as entry:
        body = await posted(gateway, client, entry)
        await count(gateway, client, entry, face, face.read(body), "input_tokens")
