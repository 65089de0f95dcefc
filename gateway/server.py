"""uvicorn as Tokens runs it: signals that drain, an exit code of 0, headers with a limit."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

import uvicorn
from django.conf import settings
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_KEEP_ALIVE_S = 75  # longer than clients and load balancers keep theirs: they close first


class LimitedHttpProtocol(HttpToolsProtocol):
    """Stops reading headers that do not end: the parser itself would keep them all in memory.

    `asgi.Entrance` answers headers that are merely too long in OpenAI's shape; twice that length
    is the end of the connection.
    """

    _header_bytes = 0

    @override
    def on_message_begin(self) -> None:
        self._header_bytes = 0
        super().on_message_begin()

    @override
    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > 2 * settings.TOKENS_MAX_HEADERS:
            # What a callback raises reaches data_received as a parser error: 400, and closed.
            raise ValueError("headers without end")


class Server(uvicorn.Server):
    """A server that ends well: SIGTERM and SIGINT drain it, and the process exits with 0."""

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


def config(host: str, port: int) -> uvicorn.Config:
    """Uvicorn's configuration for the gateway."""
    return uvicorn.Config(
        "tokens_site.asgi:application",
        host=host,
        port=port,
        loop="uvloop",
        http=LimitedHttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.TOKENS_TRUSTED_PROXIES,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=settings.TOKENS_DRAIN_S,
    )
