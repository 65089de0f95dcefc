"""The other processes that serve: who watches where, and what they have to tell.

A key in Redis says that somebody watches; whoever watches renews it, and each process looks at it
once a second. What they tell goes through Channels' layer. Redis may fail at any time: then
watchers see their own process, one line is logged, and no call notices.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal, Protocol, cast

from channels.layers import get_channel_layer

from gateway.live.sampling import Sample

logger = logging.getLogger(__name__)

Standing = Literal["none", "seen", "down"]
LAYER = "live"
"""Its name among settings.CHANNEL_LAYERS; no consumer uses it by itself."""
GROUP = "tokens.live.1"
"""Another number when `Sample` changes: processes of two versions may serve side by side."""
KEY = "tokens:live:watched"
LOOK_S = 1.0
KEY_S = 10
RENEW_ROUNDS = 3
MOST_WAITING = 8
"""Samples that wait for Redis; older ones are dropped, and what they told is counted."""
REDIS_S = 1.0
SEND_S = 2.0
SILENT_S = 60.0
"""So long nothing more is logged about a Redis that comes and goes."""
_PAUSES_S = (1.0, 2.0, 5.0, 10.0)


class _Asked(Protocol):
    def __call__(self, *, watched: bool, anew: bool) -> None:
        """Somebody watches, or nobody does."""


class Others:
    """This process among several."""

    def __init__(
        self,
        url: str,
        watched_here: asyncio.Event,
        hear: Callable[[Sample], None],
        asked: _Asked,
    ) -> None:
        """`watched_here`: set while sockets of this process watch."""
        from redis import asyncio as redis  # 7 MB for those who have none

        self.standing: Standing = "seen"
        self._redis = redis.Redis.from_url(
            url, socket_timeout=REDIS_S, socket_connect_timeout=REDIS_S, max_connections=4
        )
        self._errors = (redis.RedisError, OSError, TimeoutError)
        self._watched_here = watched_here
        self._hear = hear
        self._asked = asked
        self._layer: Any = None
        self._channel = ""
        self._joined = False
        self._waiting: deque[Sample] = deque()
        self._something = asyncio.Event()
        self._look_now = asyncio.Event()
        self._ask_anew = False
        self._marker: bytes | None = None
        self._silent_until = 0.0

    def ask(self) -> None:
        """Somebody new watches here: all processes are to tell what they have under way."""
        self._ask_anew = True
        self._look_now.set()

    def put(self, sample: Sample) -> None:
        """Tell the others, soon; never waits."""
        if len(self._waiting) >= MOST_WAITING:
            dropped = self._waiting.popleft()
            sample["left_out"] += dropped["ended"]
            sample["ended"] += dropped["ended"]
            sample["failed"] += dropped["failed"]
        self._waiting.append(sample)
        self._something.set()

    async def look(self) -> None:
        """See once a second whether somebody watches, and say so where somebody does here."""
        rounds = 0
        while True:
            try:
                async with asyncio.timeout(2 * REDIS_S):
                    await self._look(renews=rounds % RENEW_ROUNDS == 0)
            except self._errors as error:
                self._failed(error)
            else:
                self._works()
            rounds += 1
            self._look_now.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._look_now.wait()

    async def _look(self, *, renews: bool) -> None:
        if self._watched_here.is_set():
            anew, self._ask_anew = self._ask_anew, False
            if renews or anew or not self._joined:
                await self._renew(anew=anew)
        elif self._joined:
            await self._channels().group_discard(GROUP, self._channel)
            self._joined = False
        marker = cast("bytes | None", await self._redis.get(KEY))
        anew = marker is not None and marker != self._marker
        self._marker = marker
        self._asked(watched=marker is not None, anew=anew)

    async def _renew(self, *, anew: bool) -> None:
        """Keep the key and the membership; after a restart of Redis both are gone."""
        layer = self._channels()
        if not self._channel:
            self._channel = await layer.new_channel()
        await layer.group_add(GROUP, self._channel)
        if anew or not await self._redis.expire(KEY, KEY_S):
            await self._redis.set(KEY, secrets.token_hex(4), ex=KEY_S)
        self._joined = True

    async def send(self) -> None:
        """Send what waits."""
        while True:
            await self._something.wait()
            self._something.clear()
            while self._waiting:
                sample = self._waiting.popleft()
                try:
                    async with asyncio.timeout(SEND_S):
                        await self._channels().group_send(GROUP, {"type": "live", **sample})
                except self._errors as error:
                    self._failed(error)
                    self._waiting.clear()

    async def hear(self) -> None:
        """Take what other processes tell, from the first watcher of this process on."""
        failures = 0
        while True:
            await self._watched_here.wait()
            if not self._joined:
                await asyncio.sleep(0.1)
                continue
            try:
                self._hear(cast("Sample", await self._channels().receive(self._channel)))
            except self._errors as error:
                self._failed(error)
                await asyncio.sleep(_PAUSES_S[min(failures, len(_PAUSES_S) - 1)])
                failures += 1
            else:
                failures = 0

    async def aclose(self) -> None:
        """Close all connections."""
        with contextlib.suppress(*self._errors):  # then they are closed already
            await self._redis.aclose()
            if self._layer is not None:
                async with asyncio.timeout(SEND_S):
                    await self._layer.close_pools()

    def _channels(self) -> Any:
        """The layer; loaded when it is first used, and most processes are never watched."""
        self._layer = self._layer or get_channel_layer(LAYER)
        return self._layer

    def _failed(self, error: BaseException) -> None:
        now = time.monotonic()
        watched = self._watched_here.is_set()
        if watched and self.standing != "down" and now >= self._silent_until:
            self._silent_until = now + SILENT_S
            words = str(error) or type(error).__name__
            logger.warning("Live requests of other processes are not seen, Redis fails: %s", words)
        self.standing = "down"
        self._joined = False

    def _works(self) -> None:
        if self.standing == "down":
            self._ask_anew = True
        self.standing = "seen"
