"""POST /<platform>/v1beta/models/{model}:generateContent and kin: Gemini's shape, for its clients.

Also under /v1/, which Google's SDKs take by themselves since their third version.
"""

from functools import partial
from urllib.parse import parse_qs

from gateway import call
from gateway.client import Scope, Send
from gateway.counting import count
from gateway.faces.gemini import GeminiFace
from gateway.http import answered
from gateway.watch import Receive

_count = partial(count, name="totalTokens")


async def generate_content(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `generateContent`, `streamGenerateContent` or `countTokens`, as the path says."""
    named = scope["url_route"]["kwargs"]
    query = parse_qs(scope["query_string"].decode("latin-1"))
    face = GeminiFace(named["model"], named["method"], sse=query.get("alt") == ["sse"])
    if named["method"] == "countTokens":
        await answered(scope, receive, send, "count_tokens", face, _count)
    else:
        await answered(scope, receive, send, "generate_content", face, call.chat)
