"""POST /<platform>/v1/chat/completions, blocking and streamed: a plain ASGI callable.

And /v1/chat/completions, where the model names the platform.
"""

from gateway import call
from gateway.client import Client, Scope, Send
from gateway.errors import ApiError, method_not_allowed
from gateway.faces import openai
from gateway.http import Answering
from gateway.runtime import Gateway
from gateway.watch import Receive


async def chat(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a chat request; `scope` carries the platform's short name, if the path has one."""
    gateway = await Gateway.current()
    client = Client(scope, receive, send)
    platform = scope["url_route"]["kwargs"].get("platform", "")
    async with Answering(gateway, client, "chat", platform) as entry:
        if client.method != "POST":
            raise method_not_allowed(client.method, "POST")
        holder = entry.holder = await gateway.register.authenticate(client.headers, client.address)
        _require_json(client)
        body = await client.body(gateway.settings.max_chat_body, gateway.settings.body_s)
        await call.chat(gateway, client, entry, holder, openai.read_chat(body))


def _require_json(client: Client) -> None:
    """Refuse other types by name; a missing one is taken for JSON."""
    given = client.header(b"content-type").partition(b";")[0].strip().lower()
    if given and given != b"application/json" and not given.endswith(b"+json"):
        raise ApiError(
            415,
            f"The body is declared as {given.decode('latin-1')[:100]}; this path takes "
            "application/json. With curl: --header 'Content-Type: application/json'.",
            code="unsupported_media_type",
        )
