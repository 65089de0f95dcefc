"""Media tasks as rows: ordered, leased, moved from state to state, ended. Blocks; no I/O but that.

    queued ──▶ submitting ──▶ running ──▶ storing ──▶ completed
       ▲           │  └──────────────────────▲            failed (from any of them)
       └───────────┘ surely refused

Every change is a compare-and-set: it holds only if the row is still in the state, and leased by
the worker, that the change was decided for. A row that is found in `submitting` without a worker
may have been submitted: it fails, because nothing is ever submitted twice.
"""

import dataclasses
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Min, Q, QuerySet
from django.utils import timezone

from gateway.errors import ApiError
from gateway.models import ENDED, MediaFile, MediaTask, TaskState
from gateway.usage import rows
from gateway.usage.rows import Record
from licences.models import Licence

IDEMPOTENCY_KEPT = timedelta(hours=24)
_ACTIVE = (TaskState.SUBMITTING, TaskState.RUNNING, TaskState.STORING)
_PREFIXES = {"image": "img", "video": "video"}


@dataclasses.dataclass(frozen=True, slots=True)
class Ended:
    """How a task failed, in the shape in which its caller is told."""

    error: ApiError

    def fields(self) -> dict[str, Any]:
        """The row's columns."""
        return {
            "state": TaskState.FAILED,
            "error_status": self.error.status,
            "error_type": self.error.type[:60],
            "error_code": (self.error.code or "server_error")[:60],
            "error_message": self.error.message,
        }


def new_id(kind: str) -> str:
    """Of 128 random bits: an id that is not told cannot be guessed."""
    return f"{_PREFIXES[kind]}_{secrets.token_hex(16)}"


def order(task: MediaTask, files: Collection[str]) -> tuple[MediaTask, bool]:
    """Write a new task; or the one that was ordered before with the same idempotency key.

    Says whether it is new. `files`: ids of the input files that come with it. Raises ApiError
    where the key was used for another request.
    """
    if task.idempotency_key:
        old = timezone.now() - IDEMPOTENCY_KEPT
        _same_key(task).filter(created_at__lt=old).update(idempotency_key="")
    try:
        with transaction.atomic():
            task.save(force_insert=True)
            MediaFile.objects.filter(pk__in=files).update(task=task)
    except IntegrityError:
        found = _same_key(task).first() if task.idempotency_key else None
        if found is None:
            raise
        return same_request(task.fingerprint, found), False
    return task, True


def same_request(fingerprint: str, found: MediaTask) -> MediaTask:
    """The task of this idempotency key, if it is of the same request. Raises ApiError (409)."""
    if found.fingerprint == fingerprint:
        return found
    raise ApiError(
        409,
        "The Idempotency-Key of this request was used for another request within the last 24 "
        "hours. Use a new key, or repeat that request unchanged.",
        code="idempotency_key_reused",
    )


def of_key(licence_id: int, key: str) -> MediaTask | None:
    """The task that this licence ordered with this idempotency key, while it is kept."""
    since = timezone.now() - IDEMPOTENCY_KEPT
    found = MediaTask.objects.filter(
        licence_id=licence_id, idempotency_key=key, created_at__gte=since
    )
    return found.first()


def _same_key(task: MediaTask) -> QuerySet[MediaTask]:
    return MediaTask.objects.filter(
        licence_id=task.licence_id, idempotency_key=task.idempotency_key
    )


def move(task: MediaTask, *sources: TaskState, **fields: Any) -> bool:
    """Change the row, if it is still in one of these states and leased as `task` says.

    The instance follows.
    """
    same = MediaTask.objects.filter(pk=task.pk, state__in=sources, lease_by=task.lease_by)
    fields = {name: storable(value) for name, value in fields.items()}
    if same.update(**fields) != 1:
        return False
    for name, value in fields.items():
        setattr(task, name, value)
    return True


def is_licensed(task: MediaTask) -> bool:
    """Whether the licence is still in force that ordered it."""
    return Licence.objects.filter(pk=task.licence_id, enabled=True, revoked_at=None).exists()


def complete(task: MediaTask, files: list[str], record: Record, **fields: Any) -> bool:
    """End it well: the state, its files and its usage record together, or nothing."""
    with transaction.atomic():
        done = move(
            task,
            *_ACTIVE,
            **end(),
            **fields,
            state=TaskState.COMPLETED,
            progress=100,
        )
        if done:
            MediaFile.objects.filter(pk__in=files).update(task=task)
            rows.insert([record])
    return done


def fail(task: MediaTask, ended: Ended, record: Record, *, frees_key: bool) -> bool:
    """End it badly, unless it has ended. `frees_key`: nothing was made, so a repetition may try."""
    with transaction.atomic():
        fields = {**ended.fields(), **end()}
        if ended.error.headers:  # such as Retry-After, for a caller who waits
            fields["facts"] = {**task.facts, "headers": ended.error.headers}
        if frees_key:
            fields["idempotency_key"] = ""
        done = move(task, *(s for s in TaskState if s not in ENDED), **fields)
        if done:
            rows.insert([record])
    return done


def end() -> dict[str, Any]:
    """The columns that every end sets."""
    now = timezone.now()
    return {
        "completed_at": now,
        "expires_at": now + timedelta(days=settings.TOKENS_MEDIA_DAYS),
        "lease_until": None,
        "results": [],
    }


def lease(worker: str, room: int, now: datetime) -> list[MediaTask]:
    """Lease due rows to this worker: what runs first, then what is queued, fairly."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    due = MediaTask.objects.filter(free, due_at__lte=now)
    running = due.filter(state__in=_ACTIVE).order_by("due_at")
    ids = list(running.values_list("pk", flat=True)[:room])
    ids += _fair(due.filter(state=TaskState.QUEUED), room - len(ids))
    if not ids:
        return []
    until = now + timedelta(seconds=settings.TOKENS_LEASE_S)
    with transaction.atomic():
        # Looked at again under a lock: another worker may have been faster. SQLite has one writer
        # at a time, and no such lock.
        free_rows = due.filter(pk__in=ids).select_for_update(skip_locked=True)
        leased = list(free_rows)
        MediaTask.objects.filter(pk__in=[task.pk for task in leased]).update(
            lease_by=worker, lease_until=until
        )
    for task in leased:
        task.lease_by, task.lease_until = worker, until
    return leased


def _fair(queued: QuerySet[MediaTask], room: int) -> list[str]:
    """Queued tasks in the order of turns: the licence with the fewest under way goes first.

    No licence gets more than its parallel share.
    """
    if room <= 0:
        return []
    waiting = list(
        queued.values("licence_id").annotate(first=Min("created_at")).order_by("first")[:200]
    )
    if not waiting:
        return []
    busy = dict(
        MediaTask.objects.filter(state__in=_ACTIVE)
        .order_by()
        .values_list("licence_id")
        .annotate(Count("pk"))
    )
    turns: list[tuple[int, datetime, str]] = []
    for row in waiting:
        licence = row["licence_id"]
        under_way = busy.get(licence, 0)
        share = min(settings.TOKENS_TASKS_PER_LICENCE - under_way, room)
        if share > 0:
            oldest = queued.filter(licence_id=licence).order_by("created_at")[:share]
            turns += [
                (under_way + place, row["first"], pk)
                for place, pk in enumerate(oldest.values_list("pk", flat=True))
            ]
    return [pk for _turn, _first, pk in sorted(turns)[:room]]


def renew(worker: str, ids: Collection[str]) -> None:
    """Hold on to what is being worked on."""
    until = timezone.now() + timedelta(seconds=settings.TOKENS_LEASE_S)
    MediaTask.objects.filter(pk__in=ids, lease_by=worker).exclude(state__in=ENDED).update(
        lease_until=until
    )


def storable(value: Any) -> Any:
    """The value without NUL characters, which PostgreSQL's texts and JSON do not hold."""
    if isinstance(value, str):
        return value.replace("\x00", "") if "\x00" in value else value
    if isinstance(value, dict):
        return {storable(name): storable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    return value
