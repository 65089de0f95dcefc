"""A chat call from request to settled record. Read this first.

    entry ─ route ─ allowed? ─ exchange ─ attempts(credential → upstream) ─ relay ─ record

Whatever happens on the way, `http.answering` around it answers the client and writes the entry.
"""

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import orjson

from gateway import relay
from gateway.admission import admitted, fallbacks
from gateway.attempts import scrub, send
from gateway.client import Client
from gateway.errors import BadRequest
from gateway.faces import Asked, Face
from gateway.failover import Attempts, Leg
from gateway.limited import Worst, reserve, worst_of, worst_of_chat
from gateway.models import Outcome
from gateway.protocols import PROTOCOLS
from gateway.runtime import Gateway
from gateway.shapes import (
    Answer,
    Chat,
    Exchange,
    Failure,
    RawHeaders,
    Recalled,
    Reply,
    Usage,
    usage_object,
)
from gateway.stickiness import sticky_key
from gateway.translation import chat_for, native, said
from gateway.usage import estimate
from gateway.usage.entry import Entry
from gateway.watch import Watch
from gateway.wires import UpstreamResponse
from platforms.routes import CredentialSpec, Route

logger = logging.getLogger(__name__)

_LISTED = 2000  # bytes of the header that names what was dropped


async def chat(gateway: Gateway, client: Client, entry: Entry, face: Face, asked: Asked) -> None:
    """Answer one chat request in the client's language; returns when it has its last byte.

    Raises what `errors.explain` explains, before the first byte or in the middle of a stream.
    """
    entry.stream = asked.stream
    entry.route = route = admitted(gateway.catalogue, entry.caller, entry, asked.model, "chat")
    sticky = sticky_key(asked.body, entry.caller.id)
    call = _Call(gateway, client, entry, face, asked)
    if route.fallbacks:
        call.came = orjson.dumps(asked.body)
    leg = Leg(route, await call.said(route))
    others = call.fallbacks(route) if route.fallbacks else None
    try:
        await reserve(gateway.limiter, entry, route, partial(call.worst, leg))
        async with Attempts(gateway, entry, leg, others, sticky=sticky) as attempts:
            await (call.stream(attempts) if entry.stream else call.blocking(attempts))
    except Failure as failure:
        if entry.credential is not None:
            scrub(failure, entry.credential)
        raise


@dataclass(slots=True)
class _Said:
    """The request as one platform is told it."""

    chat: Chat | None
    """None: it is relayed as it came."""
    exchange: Exchange


class _Call:
    """One chat call under way: the parties, and the two ways to answer."""

    def __init__(
        self, gateway: Gateway, client: Client, entry: Entry, face: Face, asked: Asked
    ) -> None:
        self.gateway = gateway
        self.client = client
        self.entry = entry
        self.face = face
        self.asked = asked
        self.came = b""
        """The body as it came, where it may have to be said twice."""
        self.reply = Reply(entry.id, asked.model, entry.at_ns // 1_000_000_000)

    async def said(self, route: Route) -> _Said:
        """The request for this route's platform. Raises BadRequest where that cannot be said."""
        protocol = PROTOCOLS[route.platform.protocol]
        if protocol.relays(self.face.wire, route) and not route.fields:
            given = native(self.client, self.face, self.asked)
            return _Said(None, protocol.relay(given, route))
        chat = await chat_for(
            self.gateway, self.client, self.entry.caller, self.face, self.asked, route
        )
        if route.fields:
            chat = {**chat, **route.fields}
        return _Said(chat, said(self.face, protocol.chat, chat, route))

    async def fallbacks(self, route: Route) -> AsyncIterator[Leg[_Said]]:
        """Where else it may be answered, as far as it can be said there."""
        for other in fallbacks(self.gateway.catalogue, self.entry.caller, route, "chat"):
            # As it came: what the platform before wanted in it is not for this one.
            self.asked = replace(self.asked, body=orjson.loads(self.came))
            try:
                yield Leg(other, await self.said(other))
            except BadRequest as error:
                place = f"{other.platform.slug}/{other.name}"
                logger.warning("Request %s cannot go to %s: %s", self.entry.id, place, error)

    def worst(self, leg: Leg[_Said]) -> Worst:
        """What it may come to, for limits and budgets."""
        usual = self.gateway.settings.reserve_completion
        if leg.call.chat is not None:
            return worst_of_chat(leg.call.chat, usual)
        return worst_of(partial(self.face.chat, self.asked), self.asked.body, usual)

    async def blocking(self, attempts: Attempts[_Said]) -> None:
        """Answer with one body."""
        timeouts = attempts.leg.route.platform.timeouts
        async with Watch(self.client.receive, self.client.line, total_s=timeouts.total_s) as watch:

            async def attempt(leg: Leg[_Said], credential: CredentialSpec) -> Answer:
                with watch.translated():
                    return await self._whole(leg, credential, watch)

            with watch.translated():
                answer = await attempts.first(attempt, lambda: watch.is_over)
                await self._keep(attempts.leg, answer.recall)
            call = attempts.leg.call
            usage = answer.usage or self._estimate(call.chat, answer.text_length)
            if answer.usage is None:
                answer.completion["usage"] = usage_object(usage)
            self.entry.used(usage)
            body = answer.raw or relay.sound(self.face.answer, answer.completion)
            watch.client_is_served()
            self.entry.first_byte()
            self.entry.write(Outcome.COMPLETED, 200)
            await self.entry.settle()
            await self.client.answer(200, body, self._headers(call.exchange))

    async def stream(self, attempts: Attempts[_Said]) -> None:
        """Answer event by event, with pings while nothing comes."""
        settings, timeouts = self.gateway.settings, attempts.leg.route.platform.timeouts

        async def ping() -> None:
            if self.face.ping:
                # An upstream that thinks for long: from here on an error is an event, no status.
                headers = self._headers(attempts.leg.call.exchange)
                await self.client.start_stream(headers, self.face.content_type)
                await self.client.write(self.face.ping)

        async with Watch(
            self.client.receive,
            self.client.line,
            total_s=timeouts.total_s,
            ping_s=settings.ping_s,
            ping=ping,
        ) as watch:

            async def attempt(leg: Leg[_Said], credential: CredentialSpec) -> relay.Stream:
                with watch.translated():
                    return await self._opened(leg, credential, watch)

            with watch.translated():
                stream = await attempts.first(attempt, lambda: watch.is_over)
                try:
                    await self._relay(attempts.leg, stream, watch)
                finally:
                    await stream.response.aclose()

    async def _relay(self, leg: Leg[_Said], stream: relay.Stream, watch: Watch) -> None:
        headers = self._headers(leg.call.exchange)
        await self.client.start_stream(headers, self.face.content_type)
        self.entry.first_byte()
        self.entry.reader = stream.reader
        watch.expect("idle", leg.route.platform.timeouts.idle_s)
        try:
            rest = await relay.pump(stream, self.client, watch)
        finally:
            # Also for a stream that was cut or left: what came was paid for.
            counted = stream.reader.usage
            usage = counted or self._estimate(leg.call.chat, stream.reader.text_length)
            self.entry.used(usage)
        await self._keep(leg, stream.reader.recall)
        watch.client_is_served()
        tail = relay.sound(self._tail, stream, usage)
        self.entry.write(Outcome.COMPLETED, 200)
        await self.entry.settle()
        await self.client.end(rest + tail)
        await relay.drain(stream)

    def _tail(self, stream: relay.Stream, usage: Usage) -> bytes:
        return b"".join(map(stream.encode, stream.reader.end(usage))) + self.face.end()

    def _estimate(self, chat: Chat | None, text_length: int) -> Usage:
        try:
            return estimate.usage(chat or self.face.chat(self.asked), text_length)
        except BadRequest:  # what was relayed need not be anything that a chat could say
            return estimate.usage_of_sizes(len(orjson.dumps(self.asked.body)), text_length)

    async def _keep(self, leg: Leg[_Said], recall: Mapping[str, Recalled]) -> None:
        """Before the client has its answer: its next turn may come at once."""
        if recall and leg.call.chat is not None:
            await self.gateway.recall.keep(
                self.entry.caller.id, leg.route.platform.id, leg.call.chat, recall
            )

    async def _whole(self, leg: Leg[_Said], credential: CredentialSpec, watch: Watch) -> Answer:
        response = await self._send(leg, credential, watch)
        most = self.gateway.settings.max_answer
        try:
            return await relay.whole(response, leg.call.exchange, self.reply, watch, most)
        finally:
            await response.aclose()

    async def _opened(
        self, leg: Leg[_Said], credential: CredentialSpec, watch: Watch
    ) -> relay.Stream:
        response = await self._send(leg, credential, watch)
        exchange = leg.call.exchange
        try:
            return await relay.open_stream(
                response,
                exchange,
                self.reply,
                self.face.relayed if exchange.relays else self.face.chunk,
                watch,
                self.gateway.settings.max_answer,
                alike=self.face.alike,
            )
        except BaseException:
            await response.aclose()
            raise

    async def _send(
        self, leg: Leg[_Said], credential: CredentialSpec, watch: Watch
    ) -> UpstreamResponse:
        """The answer of one upstream call, if it is a good one. Raises Failure."""
        platform = leg.route.platform
        watch.expect("first_byte", platform.timeouts.first_byte_s)
        return await send(
            self.gateway.upstream,
            platform,
            credential,
            leg.call.exchange.request,
            max_error=self.gateway.settings.max_error,
        )

    def _headers(self, exchange: Exchange) -> RawHeaders:
        headers = self.entry.headers()
        if self.face.dropped or exchange.dropped:
            dropped = _listed(self.face.dropped, exchange.dropped)
            headers.append((b"x-tokens-dropped", dropped))
        return headers


def _listed(*names: Iterable[str]) -> bytes:
    """Names for a header; a client's own fields may be named by any characters."""
    listed = ", ".join(dict.fromkeys(name for some in names for name in some))
    said = listed.encode("ascii", "backslashreplace")
    return bytes(byte for byte in said if 32 <= byte < 127)[:_LISTED]
