"""What an upstream wants to see again in the next turn, kept for clients that do not bring it back.

Signed thinking, thought signatures, reasoning in tool turns: a plain OpenAI client sends none of it
back, and the platform refuses the next turn without it. It is kept by the tool call's id, for the
licence and the platform that it came from, for a while: in memory, or in Redis where there is one.
"""

import hashlib
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from typing import Protocol, cast

import orjson

from gateway.shapes import Chat, Json, Recalled

logger = logging.getLogger(__name__)

KEPT_S = 24 * 3600.0
MEMORY_BYTES = 16 * 2**20
LARGEST = 2**20
"""Bytes of one turn's; more is not kept, because no thinking is that long."""
REDIS_CONNECTIONS = 32
REDIS_S = 1.0  # a call waits no longer for what it can mostly do without


_COUNTED = re.compile(r"^.{0,10}$|[:_-]\d{1,5}$")


class Store(Protocol):
    """Values by key, each forgotten after a while."""

    async def put(self, values: Mapping[str, bytes]) -> None:
        """Keep these, for KEPT_S."""

    async def get(self, keys: list[str]) -> list[bytes | None]:
        """The values of these keys, None for what is not there."""

    async def aclose(self) -> None:
        """Give back what it holds."""


class Memory:
    """For one process: the oldest goes when there is too much."""

    def __init__(
        self, size: int = MEMORY_BYTES, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`size`: bytes of keys and values together."""
        self._most = size
        self._clock = clock
        self._size = 0
        self._kept: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def put(self, values: Mapping[str, bytes]) -> None:
        """Keep these; what is expired or too much goes, the oldest first."""
        now = self._clock()
        for key, value in values.items():
            self._forget(key)
            self._kept[key] = (now + KEPT_S, value)
            self._size += len(key) + len(value)
        while self._kept:
            oldest = next(iter(self._kept))
            if self._size <= self._most and self._kept[oldest][0] > now:
                return
            self._forget(oldest)

    async def get(self, keys: list[str]) -> list[bytes | None]:
        """The values of these keys."""
        now = self._clock()
        found = [self._kept.get(key, (0.0, b"")) for key in keys]
        return [value if until > now else None for until, value in found]

    async def aclose(self) -> None:
        """Forget everything."""
        self._kept.clear()

    def _forget(self, key: str) -> None:
        if kept := self._kept.pop(key, None):
            self._size -= len(key) + len(kept[1])


class Redis:
    """For several processes. Where it fails, nothing is recalled, and the call goes on."""

    def __init__(self, url: str) -> None:
        """`url`: redis://host:port/database."""
        from redis import asyncio as redis  # 7 MB for those who have none

        # Blocking: the usual pool refuses the call after its hundredth connection.
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=REDIS_CONNECTIONS,
            timeout=REDIS_S,
            socket_timeout=REDIS_S,
            socket_connect_timeout=REDIS_S,
        )
        self._client = redis.Redis.from_pool(pool)
        self._errors = (redis.RedisError, OSError, TimeoutError)

    async def put(self, values: Mapping[str, bytes]) -> None:
        """Keep these."""
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for key, value in values.items():
                    pipeline.set(f"tokens:recall:{key}", value, ex=int(KEPT_S))
                await pipeline.execute()
        except self._errors as error:
            logger.warning("Reasoning could not be kept in Redis: %s", error)

    async def get(self, keys: list[str]) -> list[bytes | None]:
        """The values of these keys."""
        try:
            found = await self._client.mget([f"tokens:recall:{key}" for key in keys])
        except self._errors as error:
            logger.warning("Reasoning could not be recalled from Redis: %s", error)
            return [None] * len(keys)
        return cast("list[bytes | None]", found)

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()


class Recall:
    """Keeps what answers hold for later turns, and puts it back into requests."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(
        self, licence: int, platform: int, chat: Chat, recalled: Mapping[str, Recalled]
    ) -> None:
        """Keep this, by the ids of the tool calls that answered this chat."""
        key = _Keys(licence, platform, chat)
        values = {key(call): orjson.dumps(asdict(what)) for call, what in recalled.items()}
        values = {key: value for key, value in values.items() if len(value) <= LARGEST}
        if values:
            await self._store.put(values)

    async def restore(self, licence: int, platform: int, chat: Chat) -> None:
        """Put back what a client left out of the assistant's messages; its own words stay."""
        places = list(_calls(chat))
        if not places:
            return
        key = _Keys(licence, platform, chat)
        keys = [key(call["id"]) for _, call in places]
        for (message, call), value in zip(places, await self._store.get(keys), strict=True):
            if value is not None:
                what = orjson.loads(value)
                _fill(message, what["message"])
                _fill(call, what["call"])

    async def aclose(self) -> None:
        """Close the store."""
        await self._store.aclose()


class _Keys:
    """The keys under which one conversation's calls are kept.

    Some platforms count their calls (`call_0`, `functions.search:0`), so that every conversation
    has the same ids; those are told apart by how the conversation begins.
    """

    def __init__(self, licence: int, platform: int, chat: Chat) -> None:
        self._prefix = f"{licence}:{platform}"
        self._chat = chat

    def __call__(self, id: str) -> str:
        if not _COUNTED.search(id):
            return f"{self._prefix}:{id}"
        return f"{self._prefix}:{self._beginning}:{id}"

    @cached_property
    def _beginning(self) -> str:
        """A hash of what the system and the user say up to the first answer; pictures are long."""
        said: list[Json] = []
        for message in self._chat["messages"]:
            if message["role"] == "assistant":
                break
            said.append(message.get("content"))
        return hashlib.sha256(orjson.dumps(said)).hexdigest()[:16]


def _calls(chat: Chat) -> Iterable[tuple[dict[str, Json], dict[str, Json]]]:
    """Every tool call with an id, and the assistant's message in which it stands."""
    for message in chat["messages"]:
        if message["role"] == "assistant" and isinstance(message.get("tool_calls"), list):
            for call in message["tool_calls"]:
                if isinstance(call, dict) and isinstance(call.get("id"), str):
                    yield message, call


def _fill(where: dict[str, Json], fields: dict[str, Json]) -> None:
    for name, value in fields.items():
        if where.get(name) is None:
            where[name] = value
