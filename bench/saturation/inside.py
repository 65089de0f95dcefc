"""Run in a process of its own, with the site's settings: fills a database, books a journal.

python -m bench.saturation.inside prepare RECORDS
python -m bench.saturation.inside book FOLDER BATCH_BYTES
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import django
import orjson

from bench.saturation.racing import READY


def prepare(records: int) -> dict[str, Any]:
    """Tables; with `records`, on PostgreSQL, what `bench.scale` fills them with."""
    from django.core.management import call_command

    from bench.scale import fill

    call_command("migrate", verbosity=0, interactive=False)
    if records:
        fill.fill(records)
    else:
        _few()
    return {}


def _few() -> None:
    """The licences and credentials that journals speak of, where SQL of PostgreSQL is no use."""
    from bench.saturation.journals import LICENCES, PLATFORMS
    from bench.scale.fill import CREDENTIALS
    from licences.models import Licence
    from platforms.models import Credential, Platform

    Licence.objects.bulk_create(
        Licence(pk=n, name=f"licence-{n}", key_hash=f"{n:064}") for n in range(1, LICENCES + 1)
    )
    Platform.objects.bulk_create(
        Platform(pk=n + 1, slug=f"platform-{n}", name=f"Platform {n}") for n in range(PLATFORMS)
    )
    Credential.objects.bulk_create(
        Credential(pk=n + 1, platform_id=1 + n % PLATFORMS, name=f"key {n}")
        for n in range(CREDENTIALS)
    )


def book(folder: Path, batch_bytes: int) -> dict[str, Any]:
    """Everything that lies in the folder, once a line comes; what that took."""
    from gateway.models import JournalBatch
    from gateway.usage import booking

    booking.BATCH_BYTES = batch_bytes
    books = booking.Booking(folder, None)
    JournalBatch.objects.exists()  # connected, and everything imported
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    sys.stdin.buffer.readline()
    began_s, cpu_s = time.monotonic(), time.process_time()
    records = books.book()
    return {
        "records": records,
        "began_s": began_s,
        "ended_s": time.monotonic(),
        "cpu_s": time.process_time() - cpu_s,
    }


def main() -> int:
    """Do what the first argument says; JSON out."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    django.setup()
    verb, *rest = sys.argv[1:]
    found = prepare(int(rest[0])) if verb == "prepare" else book(Path(rest[0]), int(rest[1]))
    sys.stdout.buffer.write(orjson.dumps(found) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
