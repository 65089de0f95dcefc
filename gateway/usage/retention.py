"""Usage records that are kept no longer are removed; the sums by day, and what was spent, stay."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time

from django.conf import settings
from django.db import Error as DatabaseFailure, connection, transaction

from gateway.models import UsageRecord
from gateway.usage import report

logger = logging.getLogger(__name__)

BATCH = 5_000  # a tenth of a second; booking waits no longer for its turn
EVERY_S = 3600.0
PAUSE_S = 0.2  # between batches: calls come first
_LOCK = 0x746B_7573  # "tkus": the number of our advisory lock

InDatabase = Callable[[Callable[[], int | None]], Awaitable[int | None]]


def before(period: str) -> datetime:
    """The moment before which records are older than `90d`, `2w` or a date. Raises ValueError.

    The beginning of a day (UTC): days are removed whole, as the sums know them.
    """
    return datetime.combine(report.day_of(period), time.min, UTC)


def older(than: datetime) -> int:
    """How many records there are from before."""
    return UsageRecord.objects.filter(at__lt=than).order_by().count()


def remove_batch(than: datetime) -> int | None:
    """Remove up to `BATCH` records from before, the oldest first; how many.

    None: another process is at it. One transaction, and a short one.
    """
    with transaction.atomic():
        if not _turn():
            return None
        old = UsageRecord.objects.filter(at__lt=than).order_by("at")
        ids = list(old.values_list("pk", flat=True)[:BATCH])
        UsageRecord.objects.filter(pk__in=ids).delete()
    return len(ids)


async def run(in_database: InDatabase) -> None:
    """Remove what is older than TOKENS_USAGE_DAYS, every hour, for ever; with 0 nothing ever."""
    while settings.TOKENS_USAGE_DAYS > 0:
        # Not at the same moment in every process.
        await asyncio.sleep(EVERY_S * (0.5 + secrets.randbelow(1000) / 1000))
        try:
            removed = await remove_due(in_database)
        except DatabaseFailure as error:
            logger.warning("Old usage records cannot be removed, the database fails: %s", error)
        else:
            if removed:
                logger.info("%d old usage records removed.", removed)


async def remove_due(in_database: InDatabase) -> int:
    """Remove all that is older than the setting allows, batch by batch; how many."""
    than, removed = before(f"{settings.TOKENS_USAGE_DAYS}d"), 0
    while count := await in_database(lambda: remove_batch(than)):
        removed += count
        if count < BATCH:
            break
        await asyncio.sleep(PAUSE_S)
    return removed


def _turn() -> bool:
    """Whether this transaction is the only one that removes. SQLite lets only one write anyway."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])
