"""Around every ASGI endpoint: whatever happens, the client is answered and the entry written."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType

from gateway.client import Client, Scope, Send, raw
from gateway.errors import ApiError, explain, method_not_allowed
from gateway.faces import Asked, Face
from gateway.faces.openai import OPENAI
from gateway.models import Outcome
from gateway.runtime import Gateway
from gateway.usage.entry import Entry
from gateway.watch import ClientGone, Receive

logger = logging.getLogger(__name__)

Work = Callable[[Gateway, Client, Entry, Face, Asked], Awaitable[None]]
"""What an endpoint does with a request; raises what `errors.explain` explains."""

CLIENT_CLOSED = 499  # nginx's number for a client that left before it was answered
_SHUTTING_DOWN = ApiError(
    503,
    "The gateway is shutting down. Try again in a moment.",
    type="service_unavailable_error",
    code="shutting_down",
    headers={"Retry-After": "1"},
)


class Answering:
    """`async with` around an endpoint: enters with a new entry, leaves with the client answered.

    A class and not a generator: that halves what it costs per request (bench, Nov 2026).
    """

    def __init__(
        self,
        gateway: Gateway,
        client: Client,
        endpoint: str,
        platform: str,
        face: Face = OPENAI,
    ) -> None:
        """`endpoint` and `platform` are for the entry; `face`: in whose words errors are said."""
        self._live = gateway.live()
        self._client = client
        self._face = face
        self._metrics = gateway.metrics
        self._limiter = gateway.limiter
        self._entry = Entry(
            endpoint,
            platform,
            journal=gateway.journal,
            access=gateway.access,
            metrics=gateway.metrics,
            traces=gateway.traces,
        )
        if gateway.traces is not None:
            self._entry.traceparent = client.header(b"traceparent").decode("latin-1")

    async def __aenter__(self) -> Entry:
        self._live.begin(self._entry)
        return self._entry

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Everything but a cancellation from outside ends here."""
        try:
            if error is None:
                return True
            return await self._failed(error)
        finally:
            self._live.end(self._entry)
            reservation = self._entry.reservation
            if reservation is not None and reservation.asked is not None:
                await self._limiter.sheltered(self._entry.settle())

    async def _failed(self, error: BaseException) -> bool:
        entry, client = self._entry, self._client
        if isinstance(error, ClientGone):
            entry.write(Outcome.CANCELLED, CLIENT_CLOSED)
        elif isinstance(error, asyncio.CancelledError):
            await answer_error(client, entry, _SHUTTING_DOWN, self._face)
            return False
        elif isinstance(error, Exception):
            self._metrics.refused(error)
            explained = explain(error)
            if explained.code == "internal_error":
                logger.error("Request %s failed inside the gateway", entry.id, exc_info=error)
            await answer_error(client, entry, explained, self._face)
            _without_frames(explained)
        else:
            return False
        _without_frames(error)
        return True


def _without_frames(error: BaseException) -> None:
    """Cut an error, and all that led to it, off from the frames that they came through.

    They know the entry, and that keeps its error: a circle, in which the body of a refused call
    would wait for the collector.
    """
    left, seen = [error], {id(error)}
    while left:
        one = left.pop()
        one.__traceback__ = None
        for further in (one.__cause__, one.__context__):
            if further is not None and id(further) not in seen:
                seen.add(id(further))
                left.append(further)


async def answered(
    scope: Scope, receive: Receive, send: Send, endpoint: str, face: Face, work: Work
) -> None:
    """Answer a POST in the language of this face: its body read, and `work` done with it.

    `scope` carries the platform's short name, if the path has one.
    """
    gateway = await Gateway.current()
    client = Client(scope, receive, send)
    platform = scope["url_route"]["kwargs"].get("platform") or ""
    async with Answering(gateway, client, endpoint, platform, face) as entry:
        asked = face.read(await posted(gateway, client, entry))
        await work(gateway, client, entry, face, asked)


async def posted(gateway: Gateway, client: Client, entry: Entry) -> bytes:
    """The body of a POST by a licence, which the entry learns. Raises what `explain` explains."""
    if client.method != "POST":
        raise method_not_allowed(client.method, "POST")
    entry.holder = await gateway.register.authenticate(client.headers, client.address)
    entry.read_hints(client.header(b"x-tokens-group"), client.header(b"x-tokens-retries"))
    # Other types are refused by name; a missing one is taken for JSON.
    given = client.header(b"content-type").partition(b";")[0].strip().lower()
    if given and given != b"application/json" and not given.endswith(b"+json"):
        raise ApiError(
            415,
            f"The body is declared as {given.decode('latin-1')[:100]}; this path takes "
            "application/json. With curl: --header 'Content-Type: application/json'.",
            code="unsupported_media_type",
        )
    return await client.body(gateway.settings.max_chat_body, gateway.settings.body_s)


async def answer_error(client: Client, entry: Entry, error: ApiError, face: Face) -> None:
    """An error as an answer; in the middle of a stream as its last event, never a clean end."""
    if entry.written:
        return  # it came up after the client had everything
    if client.started:
        outcome = Outcome.TRUNCATED if entry.first_byte_ms is not None else Outcome.UPSTREAM_ERROR
        entry.write(outcome, 200, error)
        await entry.settle()
        await client.end(face.error_event(error))
        return
    # A platform's own 429 is its trouble; one of the licence's limits is the caller's.
    at_fault = error.status < 500 and error.type != "rate_limit_error"
    entry.write(Outcome.REFUSED if at_fault else Outcome.UPSTREAM_ERROR, error.status, error)
    await entry.settle()
    headers = list((dict(entry.headers()) | dict(raw(error.headers))).items())
    await client.answer(error.status, face.error(error), headers)
