"""All licences in memory: from a key and an address to the one who holds it."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseFailure, close_old_connections
from django.db.models import Q

from licences import passes
from licences.errors import KeyMissing, KeyUnknown, RegisterUnavailable
from licences.holders import Holder, limits_of, model_limits_of, parse_networks
from licences.keys import hash_key, shown, wellformed
from licences.models import Licence, LicenceVersion

LOOK_UPS = 4  # at the same time; a key that is not in memory is rare, or an attack
LOOK_UP_S = 5.0  # then the caller hears that we cannot tell
MISS_S = 2.0  # how long a key that nobody holds is not asked for again
MAX_MISSES = 10_000  # of them remembered: about 2 MB
# Keys whose hash is remembered: 2 MB. To work it out anew was 4 % of a call (bench, Nov 2026).
MAX_HASHES = 10_000

_COLUMNS = (
    *("id", "name", "key_start", "key_hash", "previous_key_hash", "previous_key_until"),
    *("enabled", "revoked_at", "not_before", "expires_at"),
    *("platforms", "model_patterns", "networks"),
    *("rpm", "tpm", "concurrency", "model_limits"),
    *("budget_total_micros", "budget_day_micros", "budget_month_micros"),
)
# In the order in which they win.
_KEY_HEADERS = (b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key")

_log = logging.getLogger(__name__)
_Name = str | int  # a licence is found by the hash of a key, or by its id


class Register:
    """The licences, by the hash of their key; a rotated key is there too, until its moment.

    By their id too: that is how a pass of the console's names its licence (`licences.passes`).
    `load()` and `refresh()` run in a thread, `authenticate()` on the event loop. What they share
    is one dict that is replaced, never cleared, so a call sees the old state or the new one.
    """

    def __init__(
        self,
        pepper: bytes,
        passes_key: bytes = b"",
        *,
        look_up_s: float = LOOK_UP_S,
        max_misses: int = MAX_MISSES,
        clock: Callable[[], float] = time.monotonic,
        now_s: Callable[[], float] = time.time,  # noqa: TID251 # with every call; no datetime
    ) -> None:
        """Make an empty register: until `load()`, every key is looked up.

        Args:
            pepper: the server's secret under which keys are hashed.
            passes_key: what signs passes; empty: none is accepted.
            look_up_s: how long a caller waits for the database.
            max_misses: how many unknown keys are remembered.
            clock: seconds of a clock that only goes forward, for remembered misses.
            now_s: unix seconds, for the validity of licences.
        """
        self._pepper = pepper
        self._passes_key = passes_key
        self._look_up_s = look_up_s
        self._max_misses = max_misses
        self._clock = clock
        self._now_s = now_s
        self._version: int | None = None
        self._holders: dict[_Name, Holder] = {}
        self._misses: dict[_Name, float] = {}
        self._hashes: dict[bytes, str] = {}
        # Those who wait here find in memory what the ones before them have learned.
        self._turns = asyncio.Semaphore(LOOK_UPS)
        # Threads of its own: a database that hangs must not use up those of the event loop, which
        # resolve the names of upstreams.
        self._threads = ThreadPoolExecutor(LOOK_UPS, thread_name_prefix="licence-look-up")

    def load(self) -> None:
        """Read all licences with one query. Blocks; a database error leaves the old state."""
        # Before the rows: a change that comes in between is loaded twice rather than never.
        version = LicenceVersion.current()
        rows = Licence.objects.order_by().values_list(*_COLUMNS)
        self._holders = dict(_entries(rows, self._now_s()))
        self._version = version

    def refresh(self) -> bool:
        """Load again if a licence has changed since; says whether. Blocks.

        A database error goes to the caller, who logs it; the licences known so far stay in force.
        """
        if LicenceVersion.current() == self._version:
            return False
        self.load()
        return True

    def close(self) -> None:
        """Give back the threads of the look-ups, after those under way."""
        self._threads.shutdown()

    async def authenticate(
        self, headers: Iterable[tuple[bytes, bytes]], address: str | None
    ) -> Holder:
        """Who calls with these raw ASGI headers (names in small letters) from this address.

        A key that is in memory costs no query and no waiting; nor does a pass for such a licence.

        Raises:
            KeyMissing: no header carries a key.
            KeyUnknown: nobody holds this key, or it is no key at all.
            RegisterUnavailable: the key is not in memory and the database does not answer.
            LicenceRevoked, LicenceExpired, LicenceNotYetValid: it is not in force.
            NotAllowed: not from this address.
        """
        key = _key(headers)
        now_s = self._now_s()
        name: _Name
        if key.startswith(passes.PREFIX):
            name = self._named_by_pass(key, now_s)
        else:
            name = self._hashes.get(key) or hash_key(key, self._pepper)
        # Before its checksum is worked out: what is in memory is well-formed.
        holder = self._holders.get(name)
        if holder is None:
            holder = await self._look_up(key, name)
            now_s = self._now_s()
        elif type(name) is str and key not in self._hashes:
            self._remember_hash(key, name)
        if holder.previous_until_s is not None and now_s >= holder.previous_until_s:
            raise KeyUnknown(shown(key))
        holder.require_valid(now_s)
        holder.require_address(address)
        return holder

    def _remember_hash(self, key: bytes, name: str) -> None:
        """Only of keys that somebody holds, so that strangers cannot fill the memory."""
        if len(self._hashes) >= MAX_HASHES:
            self._hashes.clear()
        self._hashes[key] = name

    def _named_by_pass(self, key: bytes, now_s: float) -> int:
        """The id of the licence that a pass is for. Raises KeyUnknown."""
        found = passes.read(key, self._passes_key, now_s) if self._passes_key else None
        if found is None:
            raise KeyUnknown(shown(key))
        return found.licence_id

    async def _look_up(self, key: bytes, name: _Name) -> Holder:
        holder = None
        if (isinstance(name, int) or wellformed(key)) and not self._is_missed(name):
            try:
                async with asyncio.timeout(self._look_up_s), self._turns:
                    holder = await self._learn(name)
            except (TimeoutError, DatabaseFailure) as error:
                raise RegisterUnavailable from error
        if holder is None:
            raise KeyUnknown(shown(key))
        return holder

    async def _learn(self, name: _Name) -> Holder | None:
        holders = self._holders
        if name in holders or self._is_missed(name):
            return holders.get(name)
        read = sync_to_async(self._read, thread_sensitive=False, executor=self._threads)
        holder = await read(name)
        if holder is None:
            self._remember_miss(name)
        elif holders is self._holders:
            # Only if nothing was loaded meanwhile: that may know of a later revocation.
            holders[name] = holder
        return holder

    def _read(self, name: _Name) -> Holder | None:
        close_old_connections()
        try:
            by_id = isinstance(name, int)
            wanted = Q(pk=name) if by_id else Q(key_hash=name) | Q(previous_key_hash=name)
            rows = Licence.objects.filter(wanted).values_list(*_COLUMNS)
            return dict(_entries(rows, self._now_s())).get(name)
        finally:
            close_old_connections()

    def _is_missed(self, name: _Name) -> bool:
        until = self._misses.get(name)
        return until is not None and self._clock() < until

    def _remember_miss(self, name: _Name) -> None:
        self._misses.pop(name, None)  # so that it goes to the end, the newest
        while len(self._misses) >= self._max_misses:
            del self._misses[next(iter(self._misses))]
        self._misses[name] = self._clock() + MISS_S


def _key(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The key that came with the call. Raises KeyMissing.

    An `authorization` of another scheme is not for us: a proxy in front may have asked for it.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _KEY_HEADERS and name not in found:
            key = _bearer(value) if name == b"authorization" else value.strip()
            if key:
                found[name] = key
    for name in _KEY_HEADERS:
        if name in found:
            return found[name]
    raise KeyMissing


def _bearer(value: bytes) -> bytes:
    scheme, _, key = value.strip().partition(b" ")
    return key.strip() if scheme.lower() == b"bearer" else b""


def _entries(rows: Iterable[tuple[Any, ...]], now_s: float) -> Iterator[tuple[_Name, Holder]]:
    """Name and holder for each licence, and for each key that works or may work again."""
    for row in rows:
        try:
            yield from _holders(row, now_s)
        except (AttributeError, TypeError, ValueError) as error:
            # Written past the validators. It is refused; the others must not suffer.
            _log.error(
                "licence %s is not usable, please correct it in the admin: %s", row[0], error
            )


def _holders(row: tuple[Any, ...], now_s: float) -> Iterator[tuple[_Name, Holder]]:
    id_, name, start, key_hash, previous_hash, previous_until, *rest = row
    enabled, revoked_at, not_before, expires_at, platforms, patterns, networks, *bounds = rest
    rpm, tpm, concurrency, model_limits, total, day, month = bounds
    fields = {
        "limits": limits_of(
            id_, (rpm, tpm, concurrency), {"total": total, "day": day, "month": month}
        ),
        "model_limits": model_limits_of(id_, model_limits),
        "platforms": frozenset(platforms),
        "patterns": tuple(patterns),
        "networks": parse_networks(networks),
        "enabled": enabled,
        "revoked": revoked_at is not None,
        "not_before_s": _unix_s(not_before),
        "expires_s": _unix_s(expires_at),
    }
    holder = Holder(id_, name, start, **fields)
    yield key_hash, holder
    yield id_, holder
    until_s = _unix_s(previous_until)
    if previous_hash and until_s is not None and until_s > now_s:
        yield previous_hash, Holder(id_, name, start, **fields, previous_until_s=until_s)


def _unix_s(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
