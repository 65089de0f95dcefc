"""What can carry a request to a platform: aiohttp, and an httpx transport in a network's place.

Chat calls go over a third (`gateway/direct/`). Why aiohttp without httpx between:
docs/decisions/0001. httpx's transports are the seam for what is
no network: the sandbox, and tests (`httpx.MockTransport`).
"""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import aiohttp
import httpx
from multidict import CIMultiDict
from yarl import URL

from gateway import bodies, sending
from gateway.bodies import Body
from gateway.shapes import Failure, Headers

MAX_HEADER = 64 * 2**10  # bytes; some platforms send long content-security policies
KEEP_ALIVE_S = 55  # below the 60 s after which common front ends close
DNS_CACHE_S = 30
KEPT = 10_000  # addresses and header sets; an operator has hundreds at most
KEPT_SIZE = 4096  # characters of one; longer ones are a caller's (anthropic-beta), and fill memory
OWN_HEADERS: Headers = (
    ("Content-Type", "application/json"),
    # Asked for none: to unpack a stream would hold back its events.
    ("Accept-Encoding", "identity"),
    ("User-Agent", "tokens-gateway"),
)


class NotConnected(OSError):
    """No connection stood, so nothing of the request has reached the platform."""


class NameUnknown(NotConnected):
    """The host's name stands for no address."""


class Refused(NotConnected):
    """No address took the connection."""


class Untrusted(NotConnected):
    """No TLS connection that can be trusted."""


class Disconnected(OSError):
    """The connection was closed without an answer."""


class Broken(OSError):
    """The connection broke before the answer's end."""


class NotHttp(ValueError):
    """What came is no HTTP."""


ERRORS = (aiohttp.ClientError, httpx.HTTPError, OSError, ValueError)
"""What a wire raises."""


Take = Callable[[bytes], bool]
"""Takes a piece of a body; False: it was the last one wanted for now."""


class UpstreamResponse:
    """What a platform answers: status and headers now, the body as it comes."""

    __slots__ = ("_close", "_each", "_some", "content_type", "headers", "status")

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        some: Callable[[], Awaitable[bytes]],
        close: Callable[[], Awaitable[None]],
        each: Callable[[Take], Awaitable[bool]] | None = None,
    ) -> None:
        """`headers` is case-insensitive; `some` gives what has come of the body, b"" at its end.

        `each`: how a wire hands over pieces itself, see the method; None: by way of `some`.
        """
        self.status = status
        self.headers = headers
        self.content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        """Media type in small letters, without parameters."""
        self._some = some
        self._close = close
        self._each = each

    async def each(self, take: Take) -> bool:
        """Hand over every piece as it comes, until `take` wants no more; whether that was the end.

        Without a task's turn for each, where the wire can: with `client.Line` a quarter of an event
        (bench, Nov 2026). Raises Failure, and whatever `take` raises.
        """
        if self._each is not None:
            try:
                return await self._each(take)
            except ERRORS as error:
                raise Failure("broken", "The platform's answer broke off.") from error
        while piece := await self.some():
            if not take(piece):
                return False
        return True

    async def some(self) -> bytes:
        """What has arrived of the body, at least a byte; b"" at its end. Raises Failure."""
        try:
            return await self._some()
        except ERRORS as error:
            raise Failure("broken", "The platform's answer broke off.") from error

    async def read(self, limit: int, heard: Callable[[], None] | None = None) -> bytes:
        """The whole body. Raises Failure when it breaks or is longer than `limit` bytes.

        `heard` is called for every piece of it.
        """
        pieces, size = [], 0
        while piece := await self.some():
            if heard is not None:
                heard()
            size += len(piece)
            if size > limit:
                raise Failure("broken", f"The platform's answer is longer than {limit} bytes.")
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def aclose(self) -> None:
        """Give the connection back, or close it if the body was not read to its end."""
        await self._close()


class Wire(Protocol):
    """What can carry a request."""

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | Body,
        connect_s: float,
        files: Mapping[str, Path],
    ) -> UpstreamResponse:
        """Send it; returns when the answer's headers are there. `files`: by `Source.file`."""

    async def aclose(self) -> None:
        """Close every connection."""


class AiohttpWire:
    """The network, directly or by one proxy."""

    def __init__(self, tls: ssl.SSLContext, proxy: str = "") -> None:
        self._proxy = proxy or None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # limits are the licences' and credentials', not the socket layer's
                keepalive_timeout=KEEP_ALIVE_S,
                ttl_dns_cache=DNS_CACHE_S,
                ssl=tls,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=MAX_HEADER,
            max_field_size=MAX_HEADER,
        )
        # Built once, not per call: together they were 8 % of a call's CPU (bench, Nov 2026).
        self._urls: dict[str, URL] = {}
        self._headers: dict[Headers, CIMultiDict[str]] = {}
        self._timeouts: dict[float, aiohttp.ClientTimeout] = {}

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | Body,
        connect_s: float,
        files: Mapping[str, Path],
    ) -> UpstreamResponse:
        """See `Wire.send`."""
        if isinstance(body, bytes):
            named = self._headers_of(headers)
            # As a payload, so that aiohttp need not find out what it is: 2 % of a call.
            data: Any = aiohttp.BytesPayload(body) if body else None
        else:
            named, data = _sized(headers, body), sending.pieces(body, files)
        response = await self._session.request(
            method,
            self._url(url),
            headers=named,
            data=data,
            allow_redirects=False,
            timeout=self._timeout(connect_s),
            proxy=self._proxy,
        )

        async def close() -> None:
            # release() keeps the connection only if the body was read to its end.
            response.release()

        return UpstreamResponse(response.status, response.headers, response.content.readany, close)

    async def aclose(self) -> None:
        """See `Wire.aclose`."""
        await self._session.close()

    def _url(self, url: str) -> URL:
        found = self._urls.get(url)
        if found is None:
            self._urls = {} if len(self._urls) >= KEPT else self._urls
            found = URL(url)
            if len(url) <= KEPT_SIZE:
                self._urls[url] = found
        return found

    def _headers_of(self, headers: Headers) -> CIMultiDict[str]:
        found = self._headers.get(headers)
        if found is None:
            self._headers = {} if len(self._headers) >= KEPT else self._headers
            found = CIMultiDict(OWN_HEADERS)
            found.update(headers)  # the operator's win
            if sum(len(value) for _name, value in headers) <= KEPT_SIZE:
                self._headers[headers] = found
        return found

    def _timeout(self, connect_s: float) -> aiohttp.ClientTimeout:
        found = self._timeouts.get(connect_s)
        if found is None:
            self._timeouts = {} if len(self._timeouts) >= KEPT else self._timeouts
            found = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
            self._timeouts[connect_s] = found
        return found


class TransportWire:
    """An httpx transport in the network's place."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | Body,
        connect_s: float,
        files: Mapping[str, Path],
    ) -> UpstreamResponse:
        """See `Wire.send`."""
        content = body if isinstance(body, bytes) else sending.pieces(body, files)
        named = httpx.Headers(OWN_HEADERS)
        named.update(httpx.Headers(headers))
        request = httpx.Request(method, url, headers=named, content=content)
        response = await self._transport.handle_async_request(request)
        pieces = response.aiter_raw()

        async def some() -> bytes:
            # An empty piece is no end here.
            while (piece := await anext(pieces, None)) == b"":
                pass
            return piece or b""

        return UpstreamResponse(response.status_code, response.headers, some, response.aclose)

    async def aclose(self) -> None:
        """See `Wire.aclose`."""
        await self._transport.aclose()


def _sized(headers: Headers, body: Body) -> CIMultiDict[str]:
    """A media call's headers; its length, so that it is not sent in chunks, which some refuse."""
    found = CIMultiDict(OWN_HEADERS)
    found.update(headers)
    found["Content-Length"] = str(bodies.length(body))
    return found
