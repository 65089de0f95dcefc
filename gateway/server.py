"""uvicorn as Tokens runs it: signals that drain, an exit code of 0, headers with a limit."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import uvicorn
from django.conf import settings
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.accepting import Acceptor
from gateway.client import LINE
from gateway.errors import ApiError
from gateway.faces.openai import OPENAI
from gateway.line import Line

_GOING_AWAY = 1001
_FLUSH_S = 2.0
_MAX_FRAME = 4096  # bytes; pages of ours send nothing at all
_KEEP_ALIVE_S = 75  # longer than clients and load balancers keep theirs: they close first


class LimitedHttpProtocol(HttpToolsProtocol):
    """Refuses headers that are too long or do not end: the parser would keep them all in memory.

    Counted per packet, not per header, which costs a tenth (bench, Nov 2026).
    """

    _head_bytes = 0
    _in_head = True
    _line: Line | None = None  # of the request that is being answered
    _refusal = ApiError(400, "The request is not valid HTTP.", code="invalid_request")

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """As uvicorn's; Django's settings are asked once a connection, not with every packet."""
        super().__init__(*arguments, **named)
        self._most: int = settings.TOKENS_MAX_HEADERS

    @override
    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self._most:
            self._refusal = _too_long()
            self.send_400_response("")

    @override
    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    @override
    def on_headers_complete(self) -> None:
        """Begin to answer; a packet that was long may hold long headers or some of a body."""
        limit = self._most
        if self._head_bytes > limit and sum(len(n) + len(v) for n, v in self.headers) > limit:
            self._refusal = _too_long()
            raise ValueError  # the parser stops, and data_received answers by the method below
        self._in_head = False
        self._head_bytes = 0
        super().on_headers_complete()

    @override
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._line = Line(cycle)
        cycle.scope[LINE] = self._line  # type: ignore[literal-required] # an extension of ours
        super()._start_asgi_task(cycle, app)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._line is not None:
            self._line.lost()

    @override
    def send_400_response(self, msg: str) -> None:
        """Refuse what never became a request, in OpenAI's shape, and close."""
        if self.transport.is_closing():
            return
        body = OPENAI.error(self._refusal)
        self.transport.write(
            b"HTTP/1.1 %d Refused\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n%s" % (self._refusal.status, len(body), body)
        )
        self.transport.close()


class SocketProtocol(WebSocketsSansIOProtocol):
    """WebSockets that keep no server from ending, and no reader that has stopped reading."""

    @override
    def shutdown(self) -> None:
        """Tell the page at once that the server goes away, and that it is to come back."""
        if self.close_sent or not self.handshake_complete:
            super().shutdown()
        else:
            self.stop_keepalive()
            self.queue.put_nowait({"type": "websocket.disconnect", "code": _GOING_AWAY})
            self.conn.send_close(_GOING_AWAY)
            self.close_sent = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
        self.loop.call_later(_FLUSH_S, self.transport.abort)

    @override
    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        """As uvicorn's; and what is not sent soon is not waited for."""
        super().on_task_complete(task)
        self.loop.call_later(_FLUSH_S, self.transport.abort)


def _too_long() -> ApiError:
    return ApiError(
        431,
        f"The headers are longer than {settings.TOKENS_MAX_HEADERS} bytes, the most that is "
        "accepted here.",
        code="headers_too_large",
    )


class Server(uvicorn.Server):
    """A server that ends well: SIGTERM and SIGINT drain it, and the process exits with 0."""

    def __init__(
        self, config: uvicorn.Config, on_start: Callable[[], object] | None = None
    ) -> None:
        """`on_start` is called when it answers."""
        super().__init__(config)
        self._on_start = on_start

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, but for how connections are taken; then whoever waits for it is told."""
        await super().startup(None if sockets is None else [])
        loop = asyncio.get_running_loop()
        protocol = partial(
            self.config.http_protocol_class,  # type: ignore[call-arg] # uvicorn names no type of it
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        for listener in sockets or ():
            listener.listen(self.config.backlog)
            self.servers.append(Acceptor(loop, listener, protocol))  # type: ignore[arg-type]
        if self.started and self._on_start is not None:
            self._on_start()

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, once connections that were just taken can be told, too."""
        for server in self.servers:
            if isinstance(server, Acceptor):
                server.close()
                await server.wait_closed()
        await super().shutdown(sockets)

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but the signal is not raised again at the end: it was obeyed."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


def config() -> uvicorn.Config:
    """Uvicorn's configuration for the gateway; the socket is given to `run`."""
    return uvicorn.Config(
        "tokens_site.asgi:application",
        loop="uvloop",
        http=LimitedHttpProtocol,
        ws=SocketProtocol,
        ws_max_size=_MAX_FRAME,
        ws_per_message_deflate=False,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.TOKENS_TRUSTED_PROXIES,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.TOKENS_DRAIN_S,
    )
