"""POST /<platform>/v1beta/models/{model}:generateContent and kin: Gemini's shape, for its clients.

Also under /v1/, which Google's SDKs take by themselves since their third version.
"""

from urllib.parse import parse_qs

from gateway import call
from gateway.client import Client, Scope, Send
from gateway.counting import count
from gateway.faces.gemini import GeminiFace
from gateway.http import Answering, posted
from gateway.runtime import Gateway
from gateway.watch import Receive


async def generate_content(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `generateContent`, `streamGenerateContent` or `countTokens`, as the path says."""
    gateway = await Gateway.current()
    client = Client(scope, receive, send)
    named = scope["url_route"]["kwargs"]
    platform, method = named.get("platform") or "", named["method"]
    query = parse_qs(scope["query_string"].decode("latin-1"))
    face = GeminiFace(named["model"], method, sse=query.get("alt") == ["sse"])
    endpoint = "count_tokens" if method == "countTokens" else "generate_content"
    async with Answering(gateway, client, endpoint, platform, face) as entry:
        asked = face.read(await posted(gateway, client, entry))
        if method == "countTokens":
            await count(gateway, client, entry, face, asked, "totalTokens")
        else:
            await call.chat(gateway, client, entry, face, asked)
