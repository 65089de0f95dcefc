"""POST /<platform>/v1/chat/completions, blocking and streamed: a plain ASGI callable.

And /v1/chat/completions, where the model names the platform.
"""

from gateway import call
from gateway.client import Scope, Send
from gateway.faces.openai import OPENAI
from gateway.http import answered
from gateway.watch import Receive


async def chat(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a chat request."""
    await answered(scope, receive, send, "chat", OPENAI, call.chat)
