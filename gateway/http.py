"""Around every ASGI endpoint: whatever happens, the client is answered and the entry written."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.client import Client
from gateway.errors import ApiError, explain
from gateway.faces import openai
from gateway.models import Outcome
from gateway.runtime import Gateway
from gateway.usage.entry import Entry
from gateway.watch import ClientGone

logger = logging.getLogger(__name__)

CLIENT_CLOSED = 499  # nginx's number for a client that left before it was answered
_SHUTTING_DOWN = ApiError(
    503,
    "The gateway is shutting down. Try again in a moment.",
    type="service_unavailable_error",
    code="shutting_down",
    headers={"Retry-After": "1"},
)


@asynccontextmanager
async def answering(
    gateway: Gateway, client: Client, endpoint: str, platform: str
) -> AsyncIterator[Entry]:
    """Whatever happens inside: the client is answered, in OpenAI's shape, and the entry written."""
    entry = Entry(endpoint, platform, journal=gateway.journal, access=gateway.access)
    with gateway.live():
        try:
            yield entry
        except ClientGone:
            entry.write(Outcome.CANCELLED, CLIENT_CLOSED)
        except asyncio.CancelledError:
            await _answer_error(client, entry, _SHUTTING_DOWN)
            raise
        except Exception as error:
            explained = explain(error)
            if explained.code == "internal_error":
                logger.exception("Request %s failed inside the gateway", entry.id)
            await _answer_error(client, entry, explained)


async def _answer_error(client: Client, entry: Entry, error: ApiError) -> None:
    """An error as an answer; in the middle of a stream as its last event, without `[DONE]`."""
    if entry.written:
        return  # it came up after the client had everything
    if client.started:
        outcome = Outcome.TRUNCATED if entry.first_byte_ms is not None else Outcome.UPSTREAM_ERROR
        entry.write(outcome, 200, error)
        await client.end(openai.error_event(error))
        return
    at_fault = error.status < 500 and error.code != "rate_limit_exceeded"
    entry.write(Outcome.REFUSED if at_fault else Outcome.UPSTREAM_ERROR, error.status, error)
    headers = [(b"x-request-id", entry.id.encode("ascii"))]
    headers += [
        (name.lower().encode("ascii"), value.encode("latin-1", "replace"))
        for name, value in error.headers.items()
    ]
    await client.answer(error.status, openai.error(error), headers)
