"""The only door to addresses that others name: callers in a request, upstreams in an answer.

Guarded against being used to reach into the operator's own network: only http and https, only
public addresses, looked at when the connection is made and again at every redirect, bounded in
size and time. What is refused is told in a sentence that shows no more than the address's host.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import urljoin

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from gateway import trust
from gateway.addresses import Network, Resolve, is_odd_number, is_public, literal, look_up
from gateway.resolving import Private, Resolver
from gateway.shapes import Headers

_CONNECT_S = 10.0
_MAX_URL = 8192  # characters
# Characters that two readers of an address understand differently, or that none should see.
_ODD = re.compile(r"[\s\x00-\x20\x7f-\x9f\\\ud800-\udfff]")
_ORIGIN = re.compile(
    r"https?://(\[[0-9a-f:.]+\]|[^][:/?#@%]+)(:[0-9]{1,5})?(?=[/?]|\Z)", re.I | re.A
)
_NAME = re.compile(r"([a-z0-9_-]+\.)*[a-z0-9_-]+\.?")
_URI = re.compile(r"[]!$%&'()*+,./0-9:;=?@A-Z[_a-z~-]*")  # RFC 3986, 2
_REDIRECTS = (301, 302, 303, 307, 308)


class Refused(Exception):
    """An address that is not fetched, or an answer that is not taken."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        """For whoever named the address: what is wrong with it, and what would be right."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken, and how long it may take."""

    max_bytes: int
    total_s: float = 60.0
    idle_s: float = 15.0
    """Until the next byte."""
    redirects: int = 5


class Fetched:
    """An answer of status 200: what was announced, and its bytes as they come."""

    def __init__(self, response: aiohttp.ClientResponse, limits: Limits, end_s: float) -> None:
        """`end_s`: on the event loop's clock."""
        self.content_type = response.content_type.lower()
        """As announced; what it is, its bytes show."""
        self.length = response.content_length
        self._response = response
        self._limits = limits
        self._end_s = end_s
        self._host = _shown(response.url)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes. Raises Refused: too long, too slow, cut off."""
        size = 0
        while True:
            now_s = asyncio.get_running_loop().time()
            try:
                if now_s >= self._end_s:  # What is there already is read without a wait.
                    raise TimeoutError
                async with asyncio.timeout_at(min(self._end_s, now_s + self._limits.idle_s)):
                    piece = await self._response.content.readany()
            except TimeoutError:
                raise Refused(f"{self._host} sends too slowly.") from None
            except (aiohttp.ClientError, OSError, ValueError):
                raise Refused(f"{self._host} broke off before the end.") from None
            if not piece:
                return
            size += len(piece)
            if size > self._limits.max_bytes:
                raise _too_long(self._host, self._limits)
            yield piece


class Fetcher:
    """Fetches, and posts. One per process; connections are not kept."""

    def __init__(
        self,
        allow: Sequence[str] = (),
        *,
        resolve: Resolve = look_up,
        setting: str = "TOKENS_FETCH_ALLOW",
    ) -> None:
        """`allow`: private hosts that may be reached: names, `host:port`, addresses or networks.

        `setting`: where the operator names them, for who is refused.
        """
        self._setting = setting
        self._names: set[str] = set()
        self._networks: list[Network] = []
        for entry in allow:
            try:
                self._networks.append(ip_network(entry, strict=False))
            except ValueError:
                self._names.add(entry.lower())
        self._resolve = resolve

    def check(self, url: str, *, also: Collection[str] = ()) -> None:
        """Look at an address without any network. Raises Refused."""
        self._parsed(url, _origins(also))

    @contextlib.asynccontextmanager
    async def open(
        self, url: str, limits: Limits, *, also: Collection[str] = (), headers: Headers = ()
    ) -> AsyncIterator[Fetched]:
        """Fetch an address; the body is read within the context. Raises Refused.

        `also`: origins (`http://10.0.0.5:8000`) that may be private: a platform's own. `headers`:
        sent to those alone, and no more after a redirect to another origin.
        """
        end_s = asyncio.get_running_loop().time() + limits.total_s
        own = _origins(also)
        target = self._parsed(url, own)
        headers = headers if _origin(target) in own else ()
        async with contextlib.AsyncExitStack() as stack:
            for _number in range(limits.redirects + 1):
                response = await self._get(target, own, headers, limits, end_s, stack)
                if response.status not in _REDIRECTS:
                    _require_good(response, limits)
                    yield Fetched(response, limits, end_s)
                    return
                response.close()
                last, target = target, self._next(target, response.headers.get("location", ""), own)
                headers = headers if _origin(target) == _origin(last) else ()
        raise Refused(f"{_shown(target)} redirects more than {limits.redirects} times.")

    async def post(
        self, url: str, body: bytes, headers: Headers, limits: Limits
    ) -> tuple[int, bytes]:
        """Send to an address: the status, and what is within the limits of the answer.

        Redirects are not followed. Raises Refused.
        """
        end_s = asyncio.get_running_loop().time() + limits.total_s
        async with contextlib.AsyncExitStack() as stack:
            target = self._parsed(url, ())
            response = await self._get(target, (), headers, limits, end_s, stack, body)
            read = bytearray()
            # What it says is only shown: that it was cut off is no reason to send again.
            with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError, ValueError):
                async with asyncio.timeout_at(end_s):
                    while len(read) < limits.max_bytes and (
                        piece := await response.content.readany()
                    ):
                        read += piece
            return response.status, bytes(read[: limits.max_bytes])

    async def aclose(self) -> None:
        """Nothing is kept open between fetches."""

    async def _get(
        self,
        url: URL,
        own: Collection[str],
        headers: Headers,
        limits: Limits,
        end_s: float,
        stack: contextlib.AsyncExitStack,
        body: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        """The answer of one request; `stack` closes it."""
        allowed = _origin(url) in own or self._is_named(url)
        resolver = Resolver(self._resolve, self._networks, allowed=allowed)
        connector = aiohttp.TCPConnector(
            resolver=resolver, use_dns_cache=False, force_close=True, ssl=trust.authorities()
        )
        session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        )
        await stack.enter_async_context(session)
        sent = CIMultiDict({"User-Agent": "tokens-gateway", "Accept": "*/*"})
        sent.update(headers)
        sent["Accept-Encoding"] = "identity"
        idle = aiohttp.ClientTimeout(None, sock_connect=_CONNECT_S, sock_read=limits.idle_s)
        try:
            async with asyncio.timeout_at(end_s):
                response = await session.request(
                    "GET" if body is None else "POST",
                    url,
                    data=body,
                    headers=sent,
                    allow_redirects=False,
                    timeout=idle,
                )
        except Private:
            raise self._private(url) from None
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            # One sentence for all, so that nobody learns from it which ports are open where.
            raise Refused(f"{_shown(url)} could not be reached.") from None
        stack.callback(response.close)
        return response

    def _next(self, target: URL, location: str, own: Collection[str]) -> URL:
        """Where a redirect leads, looked at like any other address."""
        try:
            if not location or _ODD.search(location):
                raise ValueError
            joined = urljoin(str(target), location)
        except ValueError:
            raise Refused(f"{_shown(target)} redirects to something that is no address.") from None
        following = self._parsed(joined, own)
        if target.scheme == "https" and following.scheme == "http":
            raise Refused(f"{_shown(target)} redirects from https to http.")
        return following

    def _parsed(self, url: str, own: Collection[str]) -> URL:
        """The address, parsed once: what was looked at is what is connected to."""
        parsed = _plain(url)
        address = literal(parsed.raw_host or "")
        allowed = _origin(parsed) in own or self._is_named(parsed)
        if address is not None and not allowed and not is_public(address, self._networks):
            raise self._private(parsed)
        return parsed

    def _private(self, url: URL) -> Refused:
        return Refused(
            f"{_shown(url)} is not a public address; only public ones are reached, or hosts that "
            f"the operator names in {self._setting}."
        )

    def _is_named(self, url: URL) -> bool:
        """Whether the operator has named this host."""
        host = url.host_subcomponent
        return host in self._names or f"{host}:{url.port}" in self._names


def _plain(url: str) -> URL:
    """Parse. Raises Refused for all that two readers might understand differently."""
    if len(url) > _MAX_URL:
        raise Refused(f"the address is longer than {_MAX_URL} characters, the most.")
    if not url.lower().startswith(("https://", "http://")):
        raise Refused("the address must begin with https:// or http://.")
    found = _ORIGIN.match(url)
    if found is None or _ODD.search(url):
        raise Refused("the address must be plain: https://host/path, no user name, no spaces.")
    rest = url[found.end() :].partition("#")[0]
    try:
        # As it came: signatures do not survive quoting anew.
        parsed = URL(f"{URL(found[0]).origin()}{rest}", encoded=bool(_URI.fullmatch(rest)))
        host, port = parsed.raw_host or "", parsed.port
    except ValueError:
        raise Refused("the address cannot be read.") from None
    # aiohttp asks no resolver about what looks like a number to it, so that must be one to us.
    if is_odd_number(host) or (literal(host) is None and not _NAME.fullmatch(host)) or not port:
        raise Refused("the address has no host name, or a number in an unusual form.")
    return parsed


def _require_good(response: aiohttp.ClientResponse, limits: Limits) -> None:
    host = _shown(response.url)
    if response.status != 200:
        raise Refused(f"{host} answered with status {response.status} instead of the file.")
    encodings = response.headers.getall("content-encoding", [])
    if any(one.strip().lower() not in ("", "identity") for one in encodings):
        # Asked for none: a few kilobytes can unpack to gigabytes.
        raise Refused(f"{host} sends it compressed, which was not asked for.")
    if response.content_length is not None and response.content_length > limits.max_bytes:
        raise _too_long(host, limits)


def _too_long(host: str, limits: Limits) -> Refused:
    return Refused(f"what {host} sends is longer than {limits.max_bytes} bytes, the most.")


def _origin(url: URL) -> str:
    return str(url.origin())


def _origins(urls: Collection[str]) -> set[str]:
    """As they are compared: in small letters, without the usual port."""
    found = set()
    for url in urls:
        with contextlib.suppress(ValueError):  # The sandbox's address has no host.
            found.add(_origin(URL(url)))
    return found


def _shown(url: URL) -> str:
    """Scheme and host: the rest may hold a secret."""
    return f"{url.scheme}://{url.raw_authority}"
