"""What is kept no longer is removed: files and rows after their days, drafts that crashes left."""

import asyncio
import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from gateway.media.tools import Tools
from gateway.models import ENDED, MediaFile, MediaTask

_BATCH = 200
_UNKNOWN_KEPT = timedelta(hours=6)
"""A file without a task is one whose task is about to be written, or was lost in a crash."""


async def tidy(tools: Tools) -> int:
    """Remove everything that is due; how many files and rows."""
    removed = 0
    while files := await tools.database(_files_to_remove):
        for file in files:
            await tools.store.delete(file.name)
        await tools.database(MediaFile.objects.filter(pk__in=[file.pk for file in files]).delete)
        removed += len(files)
    rows: int = await tools.database(_remove_rows)
    await asyncio.to_thread(_remove_drafts, Path(settings.FILE_UPLOAD_TEMP_DIR))
    return removed + rows


def _files_to_remove() -> list[MediaFile]:
    now = timezone.now()
    expired = MediaFile.objects.filter(task__expires_at__lt=now)
    unknown = MediaFile.objects.filter(task=None, created_at__lt=now - _UNKNOWN_KEPT)
    return list(expired.order_by()[:_BATCH]) or list(unknown.order_by()[:_BATCH])


def _remove_rows() -> int:
    old = timezone.now() - timedelta(days=settings.TOKENS_TASK_DAYS)
    rows = MediaTask.objects.filter(created_at__lt=old, state__in=ENDED, files=None)
    ids = list(rows.order_by().values_list("pk", flat=True)[:_BATCH])
    MediaTask.objects.filter(pk__in=ids).delete()
    return len(ids)


def _remove_drafts(folder: Path) -> None:
    """Drafts that a killed process left: nothing works on one for a day."""
    for path in folder.glob("draft-*"):
        if time.time_ns() / 1e9 - path.stat().st_mtime > 86_400:
            path.unlink(missing_ok=True)
