"""POST /<platform>/v1/chat/completions, blocking and streamed: a plain ASGI callable.

And /v1/chat/completions, where the model names the platform.
"""

from gateway import call
from gateway.client import Client, Scope, Send
from gateway.faces.openai import OPENAI
from gateway.http import Answering, posted
from gateway.runtime import Gateway
from gateway.watch import Receive


async def chat(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a chat request; `scope` carries the platform's short name, if the path has one."""
    gateway = await Gateway.current()
    client = Client(scope, receive, send)
    platform = scope["url_route"]["kwargs"].get("platform") or ""
    async with Answering(gateway, client, "chat", platform, OPENAI) as entry:
        body = await posted(gateway, client, entry)
        await call.chat(gateway, client, entry, OPENAI, OPENAI.read(body))
