"""What an operator may do to tasks: cancel those that run, try refused ones again. Blocks."""

import time
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from gateway.errors import ApiError
from gateway.media.outcome import CANCELLED, record_of
from gateway.media.tasks import Ended, end
from gateway.models import ENDED, MediaTask, TaskState
from gateway.usage import rows
from gateway.usage.request_ids import new_request_id


def cancel(task: MediaTask) -> bool:
    """End a task that has not ended, whoever works on it; says whether.

    What runs at the platform runs on there, and may be billed; it is not looked after any more.
    """
    error = ApiError(503, "The operator cancelled this task.", type="server_error", code=CANCELLED)
    with transaction.atomic():
        unended = MediaTask.objects.filter(pk=task.pk).exclude(state__in=ENDED)
        done = bool(unended.update(**Ended(error).fields(), **end(), lease_by=""))
        if done:
            rows.insert([record_of(task, (), error)])
    return done


def may_retry(task: MediaTask) -> bool:
    """Whether it can be queued again: it failed, and the platform surely never had it."""
    return task.state == TaskState.FAILED and task.submitted_at is None


def retry(task: MediaTask) -> bool:
    """Queue a refused task again; says whether."""
    limits = {"image": settings.TOKENS_IMAGE_LIMIT_S, "video": settings.TOKENS_VIDEO_LIMIT_S}
    now = timezone.now()
    refused = MediaTask.objects.filter(pk=task.pk, state=TaskState.FAILED, submitted_at=None)
    return bool(
        refused.update(
            state=TaskState.QUEUED,
            blocking=False,  # nobody waits any more
            due_at=now,
            deadline_at=now + timedelta(seconds=limits[task.kind]),
            lease_by="",
            lease_until=None,
            completed_at=None,
            expires_at=None,
            failures=0,
            error_status=0,
            error_type="",
            error_code="",
            error_message="",
            # A usage record per try: that of the first is booked.
            request_id=new_request_id(time.time_ns()),
        )
    )
