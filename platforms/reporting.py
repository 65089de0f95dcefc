"""How this process sees its credentials, for the console: in flight, resting, the last hour."""

import os
import secrets
import socket
from typing import Any

from django.utils import timezone

from platforms.pool import Pool

BEAT = 5


class Reporter:
    """Makes the reports of one process. `platforms.records.PoolReport` says of what shape."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._last: dict[str, Any] = {}
        self._silent = 0
        self.process = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"

    def report(self) -> dict[str, Any] | None:
        """What is to be told of credentials that did or do anything; None: nothing, as before.

        Every BEAT-th time even nothing is told: it says that this process lives.
        """
        data = {
            str(key): told
            for key, health in self._pool.healths()
            if key > 0 and (told := self._told(key))
        }
        self._silent += 1
        if not data and not self._last and self._silent < BEAT:
            return None
        self._last, self._silent = data, 0
        return data

    def _told(self, key: int) -> dict[str, Any] | None:
        health, now = self._pool.health(key), self._pool.clock()
        wall = timezone.now().timestamp()
        ok, failed = health.last_hour(now)
        rests = {
            model.replace("\x00", ""): [why, round(wall + rest.cooling_until - now, 1)]
            for model, rest in health.rests.items()
            if (why := rest.why(now)) is not None
        }
        if not (health.in_flight or ok or failed or rests):
            return None
        return {"in_flight": health.in_flight, "ok": ok, "failed": failed, "rests": rests}
