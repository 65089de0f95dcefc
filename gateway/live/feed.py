"""From what is under way to those who watch: here at once, in other processes through Redis.

    UnderWay ─ Sampler ─┬─ outboxes of this process's sockets
                        └─ Others (Redis) ─ the same in other processes

Nothing is sampled while nobody watches.
"""

import asyncio
import secrets
from collections.abc import Coroutine
from typing import Any

from gateway.live.others import Others, Standing
from gateway.live.outbox import Outbox
from gateway.live.sampling import Sample, Sampler
from gateway.live.under_way import UnderWay

SAMPLE_S = 0.25
MOST_SOCKETS = 50
"""Of one process."""
MOST_PER_USER = 5


class TooManySockets(Exception):
    """So many pages watch already that another would be too many."""


class Feed:
    """Samples this process's requests while they are watched, and gives out what comes."""

    def __init__(self, under_way: UnderWay, redis_url: str) -> None:
        """`redis_url`: "" where there are no other processes."""
        self.process = secrets.token_hex(4)
        self._under_way = under_way
        self._sampler = Sampler(under_way, self.process)
        self._outboxes: set[Outbox] = set()
        self._watched = asyncio.Event()
        self._here = asyncio.Event()
        self._others = Others(redis_url, self._here, self._hear, self._asked) if redis_url else None
        self._asked_elsewhere = False

    @property
    def others(self) -> Standing:
        """Whether the requests of other processes are seen."""
        return "none" if self._others is None else self._others.standing

    def tasks(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What is to be run beside the calls, by name."""
        found = {"tokens: sample requests for those who watch": self._run()}
        if self._others is not None:
            found["tokens: look whether somebody watches"] = self._others.look()
            found["tokens: tell others of requests"] = self._others.send()
            found["tokens: hear of others' requests"] = self._others.hear()
        return found

    def join(self, user: int) -> Outbox:
        """A new socket of this user: what it is to be told gathers here. Raises TooManySockets."""
        of_user = sum(outbox.user == user for outbox in self._outboxes)
        if len(self._outboxes) >= MOST_SOCKETS or of_user >= MOST_PER_USER:
            raise TooManySockets
        outbox = Outbox(user)
        self._outboxes.add(outbox)
        self._here.set()
        self._sampler.restart()
        self._watched.set()
        if self._others is not None:
            self._others.ask()
        return outbox

    def leave(self, outbox: Outbox) -> None:
        """The socket is closed."""
        self._outboxes.discard(outbox)
        if not self._outboxes:
            self._here.clear()
            self._settle()

    async def aclose(self) -> None:
        """Close the connections to Redis."""
        if self._others is not None:
            await self._others.aclose()

    async def _run(self) -> None:
        while True:
            await self._watched.wait()
            self._under_way.watch(watched=True)
            self._sampler.restart()
            try:
                while self._watched.is_set():
                    self._tell(self._sampler.sample())
                    await asyncio.sleep(SAMPLE_S)
            finally:
                self._under_way.watch(watched=False)
                self._sampler.restart()

    def _tell(self, sample: Sample) -> None:
        for outbox in self._outboxes:
            outbox.put(sample)
        if self._others is not None and self._asked_elsewhere:
            self._others.put(sample)

    def _hear(self, sample: Sample) -> None:
        """Another process has told of its requests."""
        if sample["process"] != self.process:
            for outbox in self._outboxes:
                outbox.put(sample)

    def _asked(self, *, watched: bool, anew: bool) -> None:
        """What Redis says: somebody watches, here or elsewhere; `anew`: since this moment."""
        self._asked_elsewhere = watched
        if anew:
            self._sampler.restart()
        self._settle()

    def _settle(self) -> None:
        if self._outboxes or self._asked_elsewhere:
            self._watched.set()
        else:
            self._watched.clear()
