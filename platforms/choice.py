"""Tiers of credentials, and one of a tier: by weight and load, or always the same. Pure."""

import bisect
import hashlib
import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from platforms.routes import CredentialSpec, PlatformSpec

T = TypeVar("T")
Groups = tuple[frozenset[str], ...]
Load = Callable[[CredentialSpec], float | None]
"""What a credential carries for its weight; None: it must not be used now."""
_DRAWS = 4  # before all of a tier are looked at
_FEW = 32  # from so many credentials on they bid in squads of eight and more
_MASK = 2**64 - 1
_ODD = 0x9E3779B97F4A7C15  # 2**64 / the golden ratio: Knuth's multiplicative hashing


@dataclass(frozen=True, slots=True)
class Bidders(Generic[T]):
    """Those among whom a sticky key finds its own, and what their bids need."""

    members: tuple[T, ...]
    salts: tuple[int, ...]
    """A number of each that looks like chance."""
    weights: tuple[int, ...]
    """(): all weigh the same."""


@dataclass(frozen=True, slots=True)
class Tier:
    """Credentials of one priority, with what a draw by weight needs."""

    credentials: tuple[CredentialSpec, ...]
    bounds: tuple[int, ...]
    """Sums of weights up to and with each."""
    squads: Bidders[Bidders[CredentialSpec]]
    """The same, in parts that bid first, so that few bids settle who of many it is."""


def tiers(platform: PlatformSpec, groups: Groups) -> tuple[Tier, ...]:
    """The credentials that may get calls of these groups, the best tier first."""
    able = [
        credential
        for credential in platform.credentials
        if not credential.draining and all(credential.groups & group for group in groups)
    ]
    able.sort(key=lambda credential: credential.tier)
    by_tier = itertools.groupby(able, key=lambda credential: credential.tier)
    return tuple(_tier(tuple(of_tier)) for _number, of_tier in by_tier)


def lighter(tier: Tier, load: Load) -> CredentialSpec | None:
    """Of two drawn by weight the one that carries less; None: not one of the tier can be used."""
    for _draw in range(_DRAWS):
        found = _lighter_of(_drawn(tier), _drawn(tier), load)
        if found is not None:
            return found
    well = tuple(one for one in tier.credentials if load(one) is not None)
    if not well:
        return None
    left = _tier(well)
    return _lighter_of(_drawn(left), _drawn(left), load)


def faithful(tier: Tier, sticky: str, load: Load) -> CredentialSpec | None:
    """Rendezvous: each bids by its own hash of the key; the highest that can be used wins.

    So a key stays with its credential while that is well, and only its own keys move when it
    is not: no table, and the same in every process.
    """
    seed = _number(sticky)
    for squad in _by_bid(tier.squads, seed):
        for credential in _by_bid(squad, seed):
            if load(credential) is not None:
                return credential
    return None


def _tier(credentials: tuple[CredentialSpec, ...]) -> Tier:
    bounds = tuple(itertools.accumulate(one.weight for one in credentials))
    return Tier(credentials, bounds, _squads(credentials))


def _squads(credentials: tuple[CredentialSpec, ...]) -> Bidders[Bidders[CredentialSpec]]:
    """By number, so that each stays in its squad when others come and go."""
    many = len(credentials)
    count = 1 if many < _FEW else 1 << (many.bit_length() - 4)
    parts: dict[int, list[CredentialSpec]] = {}
    for credential in credentials:
        parts.setdefault(credential.id % count, []).append(credential)
    squads = tuple(
        _bidders(tuple(part), [str(one.id) for one in part], [one.weight for one in part])
        for part in parts.values()
    )
    weights = [sum(one.weight for one in part) for part in parts.values()]
    return _bidders(squads, [f"squad {id}" for id in parts], weights)


def _bidders(members: tuple[T, ...], names: Sequence[str], weights: Sequence[int]) -> Bidders[T]:
    is_even = len(set(weights)) == 1
    return Bidders(members, tuple(map(_number, names)), () if is_even else tuple(weights))


def _drawn(tier: Tier) -> CredentialSpec:
    """One by chance, by weight."""
    if len(tier.credentials) == 1:
        return tier.credentials[0]
    place = bisect.bisect(tier.bounds, random.random() * tier.bounds[-1])  # noqa: S311 # no secret
    return tier.credentials[min(place, len(tier.credentials) - 1)]


def _lighter_of(first: CredentialSpec, second: CredentialSpec, load: Load) -> CredentialSpec | None:
    one = load(first)
    if first is second:
        return None if one is None else first
    other = load(second)
    if one is None:
        return None if other is None else second
    return first if other is None or one <= other else second


def _by_bid(bidders: Bidders[T], seed: int) -> Iterator[T]:
    """The highest bidder first; the others are put in order only if they are asked for."""
    members = bidders.members
    if len(members) == 1:
        yield members[0]
        return
    bids = _bids(bidders, seed)
    best = bids.index(max(bids))
    yield members[best]
    for place in sorted(range(len(bids)), key=bids.__getitem__, reverse=True):
        if place != best:
            yield members[place]


def _bids(bidders: Bidders[T], seed: int) -> Sequence[float]:
    """Each one's bid for a sticky key, the same in every process.

    Where weights differ it is -weight / ln(u): weighted rendezvous hashing (Schindelhauer and
    Schomaker, 2005).
    """
    # One multiplication spreads what the salts have made different; a digest each costs ten times.
    hashes = [((seed ^ salt) * _ODD) & _MASK for salt in bidders.salts]
    if not bidders.weights:
        return hashes
    log = math.log
    return [
        -weight / log((hashed + 1) / (_MASK + 2))
        for hashed, weight in zip(hashes, bidders.weights, strict=True)
    ]


def _number(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
