"""POST /<platform>/v1/chat/completions, blocking and streamed: a plain ASGI callable.

And /v1/chat/completions, where the model names the platform.
"""

from collections.abc import Awaitable

from gateway import call
from gateway.client import Scope, Send
from gateway.faces.openai import OPENAI
from gateway.http import answered
from gateway.watch import Receive


def chat(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Answer a chat request. The coroutine itself, not one that waits for it: the hot path."""
    return answered(scope, receive, send, "chat", OPENAI, call.chat)
