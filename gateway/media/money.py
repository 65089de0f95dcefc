"""What media tasks take of limits and budgets.

The order is a request like any other, over when it is answered. The money is reserved for as long
as the task is under way, over restarts and on whatever machine: its row says how much.
"""

from dataclasses import replace

from django.conf import settings

from gateway.faces.media import Asked
from gateway.jobs import JobKind
from gateway.limited import buckets_of
from gateway.models import ENDED, MediaTask
from gateway.shapes import Usage
from gateway.usage.entry import Entry
from gateway.usage.prices import cost_micros
from licences.limits.limiter import Limiter
from licences.limits.reservation import Reservation
from licences.limits.terms import Ask, Bucket, Budget
from platforms.routes import Route

_USUAL_S = 10  # of film, where the caller does not say


async def admitted(limiter: Limiter, entry: Entry, route: Route) -> None:
    """Count the order; the entry holds the place until it is settled. Raises what `admit` does."""
    buckets = [
        replace(bucket, budgets=())
        for bucket in buckets_of(entry.caller, route)
        if bucket.has_rates()
    ]
    if buckets:
        entry.reservation = await limiter.admit(entry.id, buckets)


async def reserved(
    limiter: Limiter, entry: Entry, route: Route, task: MediaTask, asked: Asked, kind: JobKind
) -> Reservation:
    """Reserve what the task may cost; the task remembers how much. Raises what `admit` does."""
    own = entry.caller.limits
    if own is None or not own.budgets:
        return await limiter.admit(task.pk, ())
    cost = cost_micros(route.price, _worst(asked, kind))
    task.asked["reserved"] = cost
    bucket = Bucket(own.key, "licence", budgets=own.budgets)
    return await limiter.admit(task.pk, [bucket], cost_micros=cost, counts=False)


async def settled(limiter: Limiter, task: MediaTask, cost: int) -> None:
    """Count what it has cost. Before that is booked: what is booked counts as known."""
    await limiter.settled(_ask(task.pk, task.licence_id, 0, task), 0, 0, cost)


def under_way() -> list[Ask]:
    """What all tasks under way hold. Blocks."""
    rows = MediaTask.objects.exclude(state__in=ENDED).filter(asked__reserved__gt=0)
    return [
        _ask(row.pk, row.licence_id, row.asked["reserved"], row)
        for row in rows.only("pk", "licence_id", "asked", "created_at")
    ]


def _worst(asked: Asked, kind: JobKind) -> Usage:
    usual: int = settings.TOKENS_RESERVE_COMPLETION
    if kind == "image":
        return Usage(completion_tokens=usual * asked.n, images=asked.n)
    return Usage(completion_tokens=usual, seconds=float(asked.seconds or _USUAL_S))


def _ask(id: str, licence_id: int, cost: int, task: MediaTask) -> Ask:
    # That there is a budget is all that counts here, not how large it is.
    bucket = Bucket(f"licence:{licence_id}", "licence", budgets=(Budget("total", 0),))
    day = task.created_at.date()
    return Ask(id, (bucket,), 0, cost, day, settings.TOKENS_LIMIT_LEASE_S, counts=False)
