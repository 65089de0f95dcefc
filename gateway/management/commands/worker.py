"""`manage.py worker`: media tasks and upkeep alone, for further machines."""

import asyncio
import contextlib
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseFailure
from typing_extensions import override

from gateway.runtime import Gateway


class Command(BaseCommand):
    """Runs a worker."""

    help = (
        "Make the pictures and films that are queued: submit, poll, copy, tidy up. `serve` does "
        "that too; run this on further machines, over the same database and storage."
    )

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(self._run())

    async def _run(self) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        gateway = Gateway(works=True)
        try:
            await gateway.start()
        except DatabaseFailure as error:
            await gateway.aclose()
            raise CommandError(
                f"The database cannot be used: {error}. Check DATABASE_URL, and that "
                "`manage.py migrate` was run."
            ) from error
        self.stdout.write(
            f"Worker {gateway.media.worker.id} makes pictures and films, up to "
            f"{settings.TOKENS_WORKER_PARALLEL} at once. Ctrl+C or SIGTERM stops it; what is "
            f"being submitted gets {settings.TOKENS_DRAIN_S} s to end."
        )
        self.stdout.flush()
        try:
            await stopped.wait()
        finally:
            await gateway.aclose()
