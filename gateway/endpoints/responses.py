"""POST /<platform>/v1/responses: OpenAI's newer shape, relayed where the platform has it."""

from gateway import call
from gateway.client import Scope, Send
from gateway.faces.responses import ResponsesFace
from gateway.http import answered
from gateway.watch import Receive


async def responses(scope: Scope, receive: Receive, send: Send) -> None:
    """Make a response, blocking or streamed."""
    await answered(scope, receive, send, "responses", ResponsesFace(), call.chat)
