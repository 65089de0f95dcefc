"""A chat call from request to settled record. Read this first.

    entry ─ route ─ allowed? ─ exchange ─ attempts(credential → upstream) ─ relay ─ record

Whatever happens on the way, `http.answering` around it answers the client and writes the entry.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

import orjson

from gateway import relay
from gateway.admission import admitted
from gateway.attempts import following, scrub, send, tries
from gateway.client import Client
from gateway.errors import BadRequest
from gateway.faces import Asked, Face
from gateway.models import Outcome
from gateway.protocols import PROTOCOLS
from gateway.runtime import Gateway
from gateway.shapes import (
    Answer,
    Chat,
    Exchange,
    Failure,
    Recalled,
    Reply,
    Usage,
    usage_object,
)
from gateway.translation import chat_for, native, said
from gateway.usage import estimate
from gateway.usage.entry import Entry
from gateway.watch import Watch
from gateway.wires import UpstreamResponse
from platforms.routes import CredentialSpec, Route

logger = logging.getLogger(__name__)
T = TypeVar("T")

_LISTED = 2000  # bytes of the header that names what was dropped


async def chat(gateway: Gateway, client: Client, entry: Entry, face: Face, asked: Asked) -> None:
    """Answer one chat request in the client's language; returns when it has its last byte.

    Raises what `errors.explain` explains, before the first byte or in the middle of a stream.
    """
    entry.stream = asked.stream
    entry.route = route = admitted(gateway.catalogue, entry.caller, entry, asked.model, "chat")
    protocol = PROTOCOLS[route.platform.protocol]
    chat: Chat | None = None
    if protocol.relays(face.wire, route):
        exchange = protocol.relay(native(client, face, asked), route)
    else:
        chat = await chat_for(gateway, client, entry.caller, face, asked, route)
        exchange = said(face, protocol.chat, chat, route)
    reply = Reply(entry.id, route.model, entry.at_ns // 1_000_000_000)
    call = _Call(gateway, client, entry, face, asked, chat, route, exchange, reply)
    try:
        await (call.stream() if entry.stream else call.blocking())
    except Failure as failure:
        if entry.credential is not None:
            scrub(failure, entry.credential)
        raise


class _Call:
    """One chat call under way: the parties, and the two ways to answer."""

    def __init__(
        self,
        gateway: Gateway,
        client: Client,
        entry: Entry,
        face: Face,
        asked: Asked,
        chat: Chat | None,
        route: Route,
        exchange: Exchange,
        reply: Reply,
    ) -> None:
        self.gateway = gateway
        self.client = client
        self.entry = entry
        self.face = face
        self.asked = asked
        self.chat = chat
        """None: the request is relayed as it came."""
        self.route = route
        self.exchange = exchange
        self.reply = reply
        self.headers = [(b"x-request-id", entry.id.encode("ascii"))]
        if face.dropped or exchange.dropped:
            self.headers.append((b"x-tokens-dropped", _listed(face.dropped, exchange.dropped)))

    async def blocking(self) -> None:
        """Answer with one body."""
        timeouts = self.route.platform.timeouts
        async with Watch(self.client.receive, total_s=timeouts.total_s) as watch:
            with watch.translated():
                answer = await self._attempts(watch, self._whole)
            usage = answer.usage or self._estimate(answer.text_length)
            if answer.usage is None:
                answer.completion["usage"] = usage_object(usage)
            self.entry.usage = usage
            body = answer.raw or relay.sound(self.face.answer, answer.completion)
            await self._keep(answer.recall)
            watch.client_is_served()
            self.entry.first_byte()
            self.entry.write(Outcome.COMPLETED, 200)
            await self.client.answer(200, body, self.headers)

    async def stream(self) -> None:
        """Answer event by event, with pings while nothing comes."""
        settings, timeouts = self.gateway.settings, self.route.platform.timeouts
        async with Watch(
            self.client.receive,
            total_s=timeouts.total_s,
            ping_s=settings.ping_s,
            ping=self._ping,
        ) as watch:
            with watch.translated():
                stream = await self._attempts(watch, self._opened)
                try:
                    await self._relay(stream, watch)
                finally:
                    await stream.response.aclose()

    async def _relay(self, stream: relay.Stream, watch: Watch) -> None:
        await self.client.start_stream(self.headers, self.face.content_type)
        self.entry.first_byte()
        watch.expect("idle", self.route.platform.timeouts.idle_s)
        try:
            rest = await relay.pump(stream, self.client.write, watch)
        finally:
            # Also for a stream that was cut or left: what came was paid for.
            self.entry.usage = usage = self._usage(stream)
        await self._keep(stream.reader.recall)
        watch.client_is_served()
        tail = relay.sound(self._tail, stream, usage)
        self.entry.write(Outcome.COMPLETED, 200)
        await self.client.end(rest + tail)
        await relay.drain(stream)

    def _tail(self, stream: relay.Stream, usage: Usage) -> bytes:
        return b"".join(map(stream.encode, stream.reader.end(usage))) + self.face.end()

    def _usage(self, stream: relay.Stream) -> Usage:
        return stream.reader.usage or self._estimate(stream.reader.text_length)

    def _estimate(self, text_length: int) -> Usage:
        try:
            return estimate.usage(self.chat or self.face.chat(self.asked), text_length)
        except BadRequest:  # what was relayed need not be anything that a chat could say
            return estimate.usage_of_sizes(len(orjson.dumps(self.asked.body)), text_length)

    async def _keep(self, recall: Mapping[str, Recalled]) -> None:
        """Before the client has its answer: its next turn may come at once."""
        if recall and self.chat is not None:
            await self.gateway.recall.keep(
                self.entry.caller.id, self.route.platform.id, self.chat, recall
            )

    async def _ping(self) -> None:
        if self.face.ping:
            # An upstream that thinks for long: from here on an error is an event, not a status.
            await self.client.start_stream(self.headers, self.face.content_type)
            await self.client.write(self.face.ping)

    async def _whole(self, response: UpstreamResponse, watch: Watch) -> Answer:
        try:
            return await relay.whole(
                response, self.exchange, self.reply, watch, self.gateway.settings.max_answer
            )
        finally:
            await response.aclose()

    async def _opened(self, response: UpstreamResponse, watch: Watch) -> relay.Stream:
        try:
            return await relay.open_stream(
                response,
                self.exchange,
                self.reply,
                self.face.relayed if self.exchange.relays else self.face.chunk,
                watch,
                self.gateway.settings.max_answer,
            )
        except BaseException:
            await response.aclose()
            raise

    async def _attempts(
        self, watch: Watch, use: Callable[[UpstreamResponse, Watch], Awaitable[T]]
    ) -> T:
        """The first attempt that succeeds; the client has had nothing before. Raises Failure."""
        platform, entry = self.route.platform, self.entry
        most = self.gateway.settings.attempts
        order = tries(platform)
        credential = next(order)
        while True:
            entry.credential = credential
            entry.attempts += 1
            try:
                with watch.translated():
                    watch.expect("first_byte", platform.timeouts.first_byte_s)
                    return await use(await self._send(credential), watch)
            except Failure as failure:
                scrub(failure, credential)
                self.gateway.note_failure(credential, failure)
                if entry.attempts >= most or watch.is_over:
                    raise
                credential = following(order, credential, failure)

    async def _send(self, credential: CredentialSpec) -> UpstreamResponse:
        """The answer of one upstream call, if it is a good one. Raises Failure."""
        return await send(
            self.gateway.upstream,
            self.route.platform,
            credential,
            self.exchange.request,
            max_error=self.gateway.settings.max_error,
        )


def _listed(*names: Iterable[str]) -> bytes:
    """Names for a header; a client's own fields may be named by any characters."""
    listed = ", ".join(dict.fromkeys(name for some in names for name in some))
    said = listed.encode("ascii", "backslashreplace")
    return bytes(byte for byte in said if 32 <= byte < 127)[:_LISTED]
