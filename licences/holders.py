"""A licence as the hot path sees it: frozen, compiled once, asked many times. Free of Django."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from licences.errors import LicenceExpired, LicenceNotYetValid, LicenceRevoked, NotAllowed
from licences.limits.terms import Bucket, Budget, BudgetWindow

Network = IPv4Network | IPv6Network

MAX_ADDRESSES = 16
"""Remembered of a licence with networks: 1.6 kB. To read one anew takes 2.6 µs (Nov 2026)."""
_MAPPED_BITS = 96  # ::ffff:0:0/96 holds the IPv4 addresses inside IPv6


@dataclass(frozen=True, slots=True)
class Holder:
    """Who calls, and what he may do. Made by the register, one for each key that works."""

    id: int
    """The licence's id."""
    name: str
    """The licence's name, for logs and usage."""
    start: str
    """How the licence's key in force begins, for logs."""
    platforms: frozenset[str] = frozenset()
    """Slugs that may be called. Default: empty, all of them."""
    patterns: tuple[str, ...] = ()
    """Model names that may be called; `*` stands for any characters. Default: empty, all."""
    networks: tuple[Network, ...] = ()
    """Where calls may come from. Default: empty, from everywhere."""
    enabled: bool = True
    """False while it is switched off. Default: True."""
    revoked: bool = False
    """True once it is revoked, for good. Default: False."""
    not_before_s: float | None = None
    """Unix seconds from which on it is valid. Default: None, always was."""
    expires_s: float | None = None
    """Unix seconds from which on it is not valid any more. Default: None, never ends."""
    previous_until_s: float | None = None
    """Unix seconds from which on the key that led here does not work any more, because it was
    rotated. Default: None, it is the licence's key in force."""
    limits: Bucket | None = None
    """What the licence may use in all. Default: None, no bound."""
    model_limits: tuple[tuple[re.Pattern[str], Bucket], ...] = ()
    """What it may use of the models whose names fit a pattern. Default: empty, no bounds."""
    _matcher: re.Pattern[str] | None = field(init=False, repr=False, compare=False, default=None)
    _let_in: set[str] | None = field(init=False, repr=False, compare=False, default=None)
    """Addresses that were found in its networks; a licence that changes is another holder."""

    def __post_init__(self) -> None:
        # The only way to fill a derived field of a frozen dataclass.
        if self.patterns:
            expression = "|".join(map(_expression, self.patterns))
            object.__setattr__(self, "_matcher", re.compile(expression, re.DOTALL))
        if self.networks:
            object.__setattr__(self, "_let_in", set())

    def require_valid(self, now_s: float) -> None:
        """Return if the licence is in force at this moment (unix seconds).

        Raises:
            LicenceRevoked: it is revoked or switched off.
            LicenceExpired: its time is over.
            LicenceNotYetValid: its time has not begun.
        """
        if self.revoked or not self.enabled:
            raise LicenceRevoked(revoked=self.revoked)
        if self.expires_s is not None and now_s >= self.expires_s:
            raise LicenceExpired(_moment(self.expires_s))
        if self.not_before_s is not None and now_s < self.not_before_s:
            raise LicenceNotYetValid(_moment(self.not_before_s))

    def require_address(self, address: str | None) -> None:
        """Return if a call may come from this address; None is an address that is not known.

        Raises NotAllowed when the licence names networks and the address is in none of them, is
        not known, or is not an address.
        """
        if not self._reaches(address):
            raise NotAllowed("address", address or "unknown")

    def require(self, platform: str, model: str) -> None:
        """Return if the licence may call this model of this platform. Raises NotAllowed."""
        if not self.may_call(platform):
            raise NotAllowed("platform", platform)
        if not self.may_use(model):
            raise NotAllowed("model", model)

    def may_call(self, platform: str) -> bool:
        """Whether the licence reaches the platform with this slug."""
        return not self.platforms or platform in self.platforms

    def may_use(self, model: str) -> bool:
        """Whether the licence reaches the model of this name; capitals count."""
        return self._matcher is None or self._matcher.fullmatch(model) is not None

    def all_buckets(self) -> tuple[Bucket, ...]:
        """All that its calls may be counted in."""
        own = () if self.limits is None else (self.limits,)
        return (*own, *(bucket for _pattern, bucket in self.model_limits))

    def buckets(self, model: str) -> tuple[Bucket, ...]:
        """All that a call for this model is counted in; mostly nothing."""
        found = () if self.limits is None else (self.limits,)
        for pattern, bucket in self.model_limits:
            if pattern.fullmatch(model):
                found = (*found, bucket)
        return found

    def _reaches(self, address: str | None) -> bool:
        let_in = self._let_in
        if let_in is None or address in let_in:
            return True
        address = address or ""
        try:
            parsed = _unmapped(ip_address(address))
        except ValueError:  # a socket's path, a test client's name: nothing that is in a network
            return False
        if not any(parsed in network for network in self.networks):
            return False
        # Only of those that may come in, so that strangers cannot fill it.
        if len(let_in) >= MAX_ADDRESSES:
            let_in.clear()
        let_in.add(address)
        return True


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks from their CIDR form; IPv4 in IPv6's clothes becomes IPv4. Raises ValueError."""
    return tuple(_unmapped_network(ip_network(text, strict=False)) for text in texts)


def limits_of(
    id_: int,
    rates: tuple[int | None, int | None, int | None],
    budgets: Mapping[BudgetWindow, int | None],
) -> Bucket | None:
    """A licence's own bucket: requests and tokens a minute, calls at once, and its budgets."""
    amounts = (Budget(window, amount) for window, amount in budgets.items() if amount is not None)
    found = Bucket(f"licence:{id_}", "licence", "", *rates, tuple(amounts))
    return found if found.limits_anything() else None


def model_limits_of(
    id_: int, limits: Mapping[str, Mapping[str, int]]
) -> tuple[tuple[re.Pattern[str], Bucket], ...]:
    """A bucket for each pattern of models that limits something."""
    found = (
        Bucket(
            f"licence:{id_}:{pattern}",
            "model",
            pattern,
            bounds.get("rpm"),
            bounds.get("tpm"),
            bounds.get("concurrency"),
        )
        for pattern, bounds in limits.items()
    )
    return tuple(
        (re.compile(_expression(bucket.name), re.DOTALL), bucket)
        for bucket in found
        if bucket.limits_anything()
    )


def _expression(pattern: str) -> str:
    """A pattern as regular expression.

    `(?>…)` never gives back what it has found, so no pattern makes a long name slow: taking the
    first place where a piece between two stars fits is always right.
    """
    first, *rest = map(re.escape, pattern.split("*"))
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + ".*" + last


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _unmapped_network(network: Network) -> Network:
    mapped = _unmapped(network.network_address)
    if mapped.version == network.version or network.prefixlen < _MAPPED_BITS:
        return network
    return ip_network((int(mapped), network.prefixlen - _MAPPED_BITS))


def _moment(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat()
