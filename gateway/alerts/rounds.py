"""One look every 15 seconds, by one process of all: alerts open, worsen, close. Blocks.

The turn is taken with a compare-and-set, and kept only as long as nobody else has taken the next
one; what is written is one transaction, over a unique constraint. An alert is told when it opens,
when it becomes worse, once a day while it stays open, and when it has been over for a while: what
comes back before that was never away, so flapping sends nothing.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from gateway.alert_rows import (
    Alert,
    AlertKind,
    AlertMessage,
    AlertNotice,
    AlertRound,
    AlertTarget,
    Event,
    Severity,
)
from gateway.alerts.conditions import Condition

EVERY = timedelta(seconds=15)
CALM = timedelta(minutes=10)
"""So long the cause must be away until an alert is told to be resolved."""
REMIND = timedelta(hours=24)
_NOT_REMINDED = frozenset({AlertKind.LICENCE_EXPIRING.value, AlertKind.BUDGET.value})
"""They last for days as they are, and nothing is broken: once is enough."""
ALERTS_KEPT, MESSAGES_KEPT = timedelta(days=90), timedelta(days=30)
_RANK = {"": 0, Severity.WARNING.value: 1, Severity.CRITICAL.value: 2}


def take_turn(now: datetime) -> str:
    """A token, if it is time to look and this is the one to do it; "" otherwise."""
    due = AlertRound.objects.filter(pk=1, due_at__lte=now)
    if not due.exists():
        if not AlertRound.objects.filter(pk=1).exists():
            # The very first look, or the first after `manage.py flush`.
            AlertRound.objects.bulk_create([AlertRound(pk=1, due_at=now)], ignore_conflicts=True)
        return ""
    token = secrets.token_hex(16)
    return token if due.update(due_at=now + EVERY, holder=token) else ""


def write(found: Iterable[Condition], now: datetime, token: str) -> bool:
    """Bring the alerts to what was found, and note who is to be told; whether it was done.

    It is not where another process has taken the next turn meanwhile.
    """
    try:
        with transaction.atomic():
            turn = AlertRound.objects.select_for_update().filter(pk=1, holder=token)
            if turn.first() is None:
                return False
            _write({(one.kind.value, one.subject): one for one in found}, now)
    except IntegrityError:  # a target was deleted meanwhile; the next turn sees that
        return False
    return True


def tidy(now: datetime) -> None:
    """Remove what is long over."""
    AlertMessage.objects.filter(created_at__lt=now - MESSAGES_KEPT).delete()
    Alert.objects.filter(settled_at__lt=now - ALERTS_KEPT).delete()


def _write(found: dict[tuple[str, str], Condition], now: datetime) -> None:
    alive = {(alert.kind, alert.subject): alert for alert in Alert.objects.alive()}
    fresh = [
        Alert(
            kind=one.kind,
            subject=one.subject,
            platform=one.platform,
            severity=one.severity,
            parameters=one.parameters,
            opened_at=now,
            last_seen_at=now,
            told_at=now,
            told_severity=one.severity,
        )
        for key, one in found.items()
        if key not in alive
    ]
    Alert.objects.bulk_create(fresh)
    told = [(alert, Event.OPENED) for alert in fresh]
    changed = []
    for key, alert in alive.items():
        one = found.get(key)
        is_changed, event = _gone(alert, now) if one is None else _still(alert, one, now)
        if is_changed:
            changed.append(alert)
        if event is not None:
            told.append((alert, event))
    Alert.objects.bulk_update(
        changed,
        ["severity", "parameters", "closed_at", "settled_at", "count", "told_at", "told_severity"],
        batch_size=200,
    )
    Alert.objects.open().update(last_seen_at=now)  # all that were not found are closed by now
    _note(told, now)


def _still(alert: Alert, one: Condition, now: datetime) -> tuple[bool, Event | None]:
    """An alert whose cause is there: whether anything of it has changed, and what to tell."""
    before = (alert.severity, alert.parameters, alert.closed_at)
    alert.severity, alert.parameters = one.severity.value, one.parameters
    if alert.closed_at is not None:
        alert.closed_at = None
        alert.count += 1
    event = None
    if not alert.is_muted(now):
        if _RANK[alert.severity] > _RANK[alert.told_severity]:
            event = Event.WORSE if alert.told_severity else Event.OPENED
        elif alert.kind not in _NOT_REMINDED and now - (alert.told_at or now) >= REMIND:
            event = Event.REMINDER
    if event is not None:
        alert.told_at = now
        alert.told_severity = max(alert.severity, alert.told_severity, key=_RANK.__getitem__)
    is_changed = before != (alert.severity, alert.parameters, alert.closed_at)
    return is_changed or event is not None, event


def _gone(alert: Alert, now: datetime) -> tuple[bool, Event | None]:
    """An alert whose cause is away."""
    if alert.closed_at is None:
        alert.closed_at = now
        return True, None
    if now - alert.closed_at < CALM:
        return False, None
    alert.settled_at = now
    # As bad as it was told to be: who heard of it hears of its end.
    alert.severity = alert.told_severity or alert.severity
    return True, None if alert.is_muted(now) else Event.RESOLVED


def _note(told: list[tuple[Alert, Event]], now: datetime) -> None:
    if not told:
        return
    targets = list(AlertTarget.objects.filter(enabled=True))
    AlertNotice.objects.bulk_create(
        [
            AlertNotice(target=target, alert=alert, event=event, at=now)
            for alert, event in told
            for target in targets
            if target.wants(alert)
        ],
        batch_size=500,
    )
