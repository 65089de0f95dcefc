"""A chat call from request to settled record. Read this first.

    entry ─ route ─ allowed? ─ exchange ─ attempts(credential → upstream) ─ relay ─ record

Whatever happens on the way, `http.answering` around it answers the client and writes the entry.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway import parts, relay
from gateway.admission import admitted
from gateway.attempts import following, scrub, send, tries
from gateway.client import Client
from gateway.faces import openai
from gateway.models import Outcome
from gateway.protocols import PROTOCOLS
from gateway.runtime import Gateway
from gateway.shapes import Answer, Chat, Exchange, Failure, Reply, Usage, usage_object
from gateway.sse import DONE
from gateway.usage import estimate
from gateway.usage.entry import Entry
from gateway.watch import Watch
from gateway.wires import UpstreamResponse
from licences.holders import Holder
from platforms.routes import CredentialSpec, Route

logger = logging.getLogger(__name__)
T = TypeVar("T")


async def chat(gateway: Gateway, client: Client, entry: Entry, holder: Holder, chat: Chat) -> None:
    """Answer one chat request; returns when the client has its last byte.

    Raises what `errors.explain` explains, before the first byte or in the middle of a stream.
    """
    entry.stream = bool(chat.get("stream"))
    entry.route = route = admitted(gateway.catalogue, holder, entry, chat["model"], "chat")
    await parts.take(chat, gateway.media.fetcher, gateway.settings.max_chat_body)
    exchange = PROTOCOLS[route.platform.protocol].chat(chat, route)
    reply = Reply(entry.id, route.model, entry.at_ns // 1_000_000_000)
    call = _Call(gateway, client, entry, chat, route, exchange, reply)
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
        chat: Chat,
        route: Route,
        exchange: Exchange,
        reply: Reply,
    ) -> None:
        self.gateway = gateway
        self.client = client
        self.entry = entry
        self.chat = chat
        self.route = route
        self.exchange = exchange
        self.reply = reply
        self.headers = [(b"x-request-id", entry.id.encode("ascii"))]

    async def blocking(self) -> None:
        """Answer with one body."""
        timeouts = self.route.platform.timeouts
        async with Watch(self.client.receive, total_s=timeouts.total_s) as watch:
            with watch.translated():
                answer = await self._attempts(watch, self._whole)
            usage = answer.usage or estimate.usage(self.chat, answer.text_length)
            if answer.usage is None:
                answer.completion["usage"] = usage_object(usage)
            self.entry.usage = usage
            body = openai.answer(answer.completion)
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
        await self.client.start_stream(self.headers)
        self.entry.first_byte()
        watch.expect("idle", self.route.platform.timeouts.idle_s)
        try:
            rest = await relay.pump(stream, self.client.write, watch)
        finally:
            # Also for a stream that was cut or left: what came was paid for.
            self.entry.usage = usage = self._usage(stream)
        watch.client_is_served()
        tail = b"".join(map(openai.chunk, stream.reader.end(usage)))
        self.entry.write(Outcome.COMPLETED, 200)
        await self.client.end(rest + tail + DONE)
        await relay.drain(stream)

    def _usage(self, stream: relay.Stream) -> Usage:
        return stream.reader.usage or estimate.usage(self.chat, stream.reader.text_length)

    async def _ping(self) -> None:
        # An upstream that thinks for long: from here on an error is an event, not a status.
        await self.client.start_stream(self.headers)
        await self.client.ping()

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
                response, self.exchange, self.reply, watch, self.gateway.settings.max_answer
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
