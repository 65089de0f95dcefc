"""Deleting a task with its files, at its owner's word."""

from django.db.models import Q

from gateway.media.studio import Studio
from gateway.models import ENDED, MediaFile, MediaTask, TaskState


async def remove(studio: Studio, task: MediaTask) -> bool:
    """Delete it if it has ended or was never begun; says whether. The usage record stays."""
    idle = Q(state__in=ENDED) | Q(state=TaskState.QUEUED)

    def claim() -> list[MediaFile] | None:
        # Ended first, so that no worker takes up what is being deleted.
        found = MediaTask.objects.filter(idle, pk=task.pk)
        if not found.update(state=TaskState.FAILED, lease_by=""):
            return None
        return list(MediaFile.objects.filter(task_id=task.pk))

    files = await studio.database(claim)
    if files is None:
        return False
    for file in files:
        await studio.store.delete(file.name)
    await studio.database(MediaTask.objects.filter(pk=task.pk).delete)
    return True
