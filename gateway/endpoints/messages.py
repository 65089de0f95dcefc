"""POST /<platform>/v1/messages and /messages/count_tokens: Anthropic's shape, for its clients."""

from functools import partial

from gateway import call
from gateway.client import Scope, Send
from gateway.counting import count
from gateway.faces.anthropic import AnthropicFace
from gateway.http import answered
from gateway.watch import Receive

_count = partial(count, name="input_tokens")


async def messages(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a message, blocking or streamed."""
    await answered(scope, receive, send, "messages", AnthropicFace(), call.chat)


async def count_tokens(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer how many tokens a message has."""
    await answered(scope, receive, send, "count_tokens", AnthropicFace(counting=True), _count)
