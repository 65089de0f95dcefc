"""Which network addresses are public, however they are written."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses. Raises OSError."""

_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
# IPv4 addresses are reachable through these; RFC 6052, RFC 8215.
_NAT64 = ip_network("64:ff9b::/96")
_NEVER = (
    ip_network("64:ff9b:1::/48"),  # local NAT64
    ip_network("192.88.99.0/24"),  # 6to4 relays, given up
    ip_network("fec0::/10"),  # site-local, given up
    ip_network("192.0.0.0/24"),  # protocol assignments; RFC 6890
    ip_network("3fff::/20"),  # documentation; RFC 9637, newer than Python 3.11's tables
    ip_network("168.63.129.16/32"),  # Azure's host, which is a public address by its number only
)


async def look_up(host: str, port: int) -> list[str]:
    """All addresses of a name, from the system's resolver. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def literal(host: str) -> Address | None:
    """The address that a host is, written as usual; None for a name."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_odd_number(host: str) -> bool:
    """Whether a host is a number that some readers take for an address: 127.1, 0x7f000001, 017700.

    (WHATWG URL, “ends in a number checker”.)
    """
    last = host.rstrip(".").rpartition(".")[2]
    return literal(host) is None and _NUMBER.fullmatch(last) is not None


def is_public(address: Address, also: Sequence[Network] = ()) -> bool:
    """Whether it is an address of the public internet, or in one of the networks `also`.

    Addresses that carry another one inside (mapped, 6to4, Teredo, NAT64) are as public as that.
    """
    inner = _inside(address)
    if any(one in network for one in (address, inner) for network in also):
        return True
    if any(one in network for one in (address, inner) for network in _NEVER):
        return False
    return inner.is_global and not (inner.is_multicast or inner.is_reserved)


def _inside(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, or itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    if int(address) >> 32 == 0:  # ::a.b.c.d, given up
        return IPv4Address(int(address))
    return address
