"""Each process's task for alerts: whose turn it is looks what is wrong; all send what is due."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import Error as DatabaseFailure
from django.utils import timezone

from gateway.alert_rows import AlertMessage
from gateway.alerts import messages, rounds
from gateway.alerts.conditions import LOOKS, Condition, error_rate, suspects
from gateway.alerts.sending import NotDelivered, fetcher, send
from gateway.fetch import Fetcher

logger = logging.getLogger(__name__)

TICK_S = 5.0
AT_ONCE = 8
_TIDY_EVERY = timedelta(hours=1)
InDatabase = Callable[[Callable[[], Any]], Awaitable[Any]]


class Lookout:
    """One per process; never asked where calls are made."""

    def __init__(
        self, database: InDatabase, *, clock: Callable[[], datetime] = timezone.now
    ) -> None:
        """`database`: runs a query in the gateway's database thread."""
        self._database = database
        self._clock = clock
        self._tidied = clock()

    async def run(self) -> None:
        """For ever. A database outage is told once, and waited out."""
        door, failing = fetcher(), False
        while True:
            # Not at the same moment in every process.
            await asyncio.sleep(TICK_S * (0.5 + secrets.randbelow(1000) / 1000))
            try:
                await self.look()
                await self.deliver(door)
            except DatabaseFailure as error:
                if not failing:
                    logger.warning("Alerts wait, the database fails: %s", error)
                failing = True
            except Exception:  # whatever is odd about one round, the next is made as ever
                logger.exception("A round of alerts failed")
            else:
                failing = False

    async def look(self) -> bool:
        """Look for what is wrong, and write what is to be told; False: it is another's turn."""
        now = self._clock()
        token: str = await self._database(partial(rounds.take_turn, now))
        if not token:
            return False
        found: list[Condition] = []
        for look in LOOKS:  # each apart: other queries of this thread come in between
            found += await self._database(partial(look, now))
        for suspect in await self._database(partial(suspects, now)):
            found += await self._database(partial(error_rate, suspect, now))
        if await self._database(partial(rounds.write, found, now, token)):
            await self._database(partial(messages.compose, now, token))
        if now - self._tidied >= _TIDY_EVERY:
            self._tidied = now
            await self._database(partial(rounds.tidy, now))
        return True

    async def deliver(self, door: Fetcher) -> int:
        """Send what is due; how many were tried."""
        claimed: list[AlertMessage] = await self._database(
            partial(messages.claim, self._clock(), AT_ONCE)
        )
        async with asyncio.TaskGroup() as group:
            for message in claimed:
                group.create_task(self._send(message, door))
        return len(claimed)

    async def _send(self, message: AlertMessage, door: Fetcher) -> None:
        error = ""
        try:
            await send(message, door, self._clock())
        except NotDelivered as failure:
            error = str(failure)
            logger.warning("Alert target %s was not reached: %s", message.target_id, error)
        await self._database(partial(messages.note, message, error, self._clock()))
