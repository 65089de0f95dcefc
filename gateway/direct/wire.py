"""All connections that platforms are called by directly: made, kept, chosen, closed."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohappyeyeballs
import uvloop
from yarl import URL

from gateway.bodies import Body
from gateway.direct.connection import Connection, Place
from gateway.shapes import Headers
from gateway.wires import (
    DNS_CACHE_S,
    KEEP_ALIVE_S,
    KEPT,
    KEPT_SIZE,
    OWN_HEADERS,
    Disconnected,
    NameUnknown,
    Refused,
    Untrusted,
    UpstreamResponse,
    Wire,
)

_SWEEP_S = 15.0
_EYEBALLS_S = 0.25  # RFC 8305's delay before the next address is tried beside the first
_FORBIDDEN = ("\r", "\n", "\x00")


@dataclass(frozen=True, slots=True)
class _Head:
    """A request's beginning, encoded once for all calls that share it."""

    place: Place
    start: bytes
    """Up to the value of Content-Length; without a body up to the blank line."""


@dataclass(slots=True)
class _Names:
    """What a host's name stood for."""

    addresses: list[Any] = field(default_factory=list)
    until_s: float = 0.0


class DirectWire:
    """The network, directly."""

    def __init__(self, tls: ssl.SSLContext, other: Wire) -> None:
        """`other` carries what this one does not: bodies in pieces, and URLs with a password."""
        self._tls = tls
        self._other = other
        self._heads: dict[tuple[str, str, Headers], _Head | None] = {}
        self._idle: dict[Place, list[Connection]] = {}
        self._all: set[Connection] = set()
        self._names: dict[Place, _Names] = {}
        self._asking: dict[Place, asyncio.Future[list[Any]]] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | Body,
        connect_s: float,
        files: Mapping[str, Path],
    ) -> UpstreamResponse:
        """See `Wire.send`. Raises what `wires.ERRORS` lists."""
        head = self._head(method, url, headers)
        if head is None or not isinstance(body, bytes):
            return await self._other.send(method, url, headers, body, connect_s, files)
        kept = self._free(head.place)
        connection = kept or Connection(asyncio.get_running_loop(), head.place, self._all)
        try:
            connection.ask(head.start, body)
            if kept is None:
                await self._open(connection, connect_s)
            await connection.answered()
            return connection.response(self._give_back)
        except BaseException:
            connection.abort()
            raise

    async def aclose(self) -> None:
        """See `Wire.aclose`."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._idle.clear()
        for connection in list(self._all):
            connection.abort()
        await self._other.aclose()

    def _head(self, method: str, url: str, headers: Headers) -> _Head | None:
        """None: not for this wire. Raises ValueError for headers that no request can have."""
        key = (method, url, headers)
        try:
            return self._heads[key]
        except KeyError:
            pass
        if len(self._heads) >= KEPT:
            self._heads.clear()
        head = _made_head(method, url, headers)
        if head is None or len(head.start) <= KEPT_SIZE:
            self._heads[key] = head
        return head

    def _free(self, place: Place) -> "Connection | None":
        """A connection that waits, the youngest first: the others may rest and be closed."""
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            # Looked at here, too: the sweep comes by only so often.
            if connection.loop.time() - connection.idle_since >= KEEP_ALIVE_S:
                connection.abort()
            elif connection.is_open:
                return connection
        return None

    def _give_back(self, connection: "Connection") -> None:
        loop = connection.loop
        connection.idle_since = loop.time()
        self._idle.setdefault(connection.place, []).append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP_S, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what has waited too long, forget what the platform has closed."""
        oldest = loop.time() - KEEP_ALIVE_S
        for place, idle in list(self._idle.items()):
            fresh = [one for one in idle if one.is_open and one.idle_since > oldest]
            for one in idle:
                if one.idle_since <= oldest:
                    one.abort()
            if fresh:
                self._idle[place] = fresh
            else:
                del self._idle[place]
        self._sweeper = loop.call_later(_SWEEP_S, self._sweep, loop) if self._idle else None

    async def _open(self, connection: Connection, connect_s: float) -> None:
        """Have it connect. Raises NameUnknown, Untrusted, Refused, and TimeoutError.

        Disconnected where it stood in the last moment: the platform may have the request.
        """
        try:
            async with asyncio.timeout(connect_s):
                await self._connect(connection)
        except TimeoutError:
            if connection.has_stood:
                raise Disconnected from None
            raise

    async def _connect(self, connection: Connection) -> None:
        loop, place = connection.loop, connection.place
        try:
            addresses = await self._addresses(place, loop)
        except (socket.gaierror, UnicodeError) as error:
            raise NameUnknown from error
        try:
            await self._stand(connection, addresses)
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise Untrusted from error
        except OSError as error:
            self._names.pop(place, None)
            raise Refused from error

    async def _stand(self, connection: Connection, addresses: list[Any]) -> None:
        """Connect to one of these. Raises OSError, of which SSLError is one."""
        place = connection.place
        connect = partial(
            connection.loop.create_connection,
            lambda: connection,
            ssl=self._tls if place.is_tls else None,
            server_hostname=place.host if place.is_tls else None,
        )
        family, *_others, address = addresses[0]
        if len(addresses) == 1 and family == socket.AF_INET:
            # Nothing to choose from: takes fewer of the loop's turns than a socket of our own, and
            # for turns a first event waits while a thousand streams keep the loop busy.
            await connect(host=address[0], port=address[1])
            return
        plain = await aiohappyeyeballs.start_connection(
            addresses, happy_eyeballs_delay=_EYEBALLS_S, interleave=1
        )
        try:
            await connect(sock=plain)
        finally:
            if isinstance(connection.loop, uvloop.Loop):
                # Closed by uvloop already, if the platform was quick to leave: to close it once
                # more would close what has its number by now.
                plain.detach()

    async def _addresses(self, place: Place, loop: asyncio.AbstractEventLoop) -> list[Any]:
        """Asked for by one of all that want them: few threads of the process look names up."""
        while True:
            known = self._names.get(place)
            if known is not None and known.until_s >= loop.time():
                return known.addresses
            asking = self._asking.get(place)
            if asking is None:
                return await self._asked(place, loop)
            await asyncio.wait((asking,))
            try:
                if not asking.cancelled():  # else whoever asked is gone, and another asks
                    return asking.result()
            finally:
                del asking  # it knows the error, which knows this frame

    async def _asked(self, place: Place, loop: asyncio.AbstractEventLoop) -> list[Any]:
        asking = self._asking[place] = loop.create_future()
        try:
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            asking.set_exception(error)
            asking.exception()  # perhaps nobody waits for it
            raise
        else:
            if len(self._names) >= KEPT:
                self._names.clear()
            self._names[place] = _Names(found, loop.time() + DNS_CACHE_S)
            asking.set_result(found)
            return found
        finally:
            asking.cancel()  # nothing, unless this call was given up
            del self._asking[place]
            del asking  # as above


def _made_head(method: str, url: str, headers: Headers) -> _Head | None:
    parsed = URL(url)
    if parsed.user or parsed.password or parsed.scheme not in ("http", "https"):
        return None
    if not parsed.raw_host or parsed.port is None:
        raise ValueError("The URL names no host.")
    named = {name.lower(): (name, value) for name, value in (*OWN_HEADERS, *headers)}
    for name, value in named.values():
        if any(sign in name + value for sign in _FORBIDDEN) or not name:
            raise ValueError("A header holds a line break.")
    lines = [f"{method} {parsed.raw_path_qs or '/'} HTTP/1.1"]
    if "host" not in named:
        lines.append(f"Host: {parsed.host_port_subcomponent}")
    lines += [f"{name}: {value}" for name, value in named.values()]
    start = "\r\n".join(lines).encode("utf-8") + b"\r\n"
    place = Place(parsed.raw_host, parsed.port, parsed.scheme == "https")
    return _Head(place, start)
