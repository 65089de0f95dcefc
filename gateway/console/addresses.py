"""Which address counts when sign-ins are slowed down."""

from ipaddress import IPv6Address, IPv6Network, ip_address

from django.http import HttpRequest

from gateway import audit


def network_of(request: HttpRequest) -> str | None:
    """The caller's address; of IPv6 the first of its /64, all of which one customer has."""
    found = audit.address(request)
    if found is None:
        return None
    try:
        parsed = ip_address(found.partition("%")[0])
    except ValueError:  # a Unix socket has no address
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Network((parsed, 64), strict=False).network_address)
    return str(parsed)
