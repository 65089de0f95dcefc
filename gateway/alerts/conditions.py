"""What is wrong now, as the database says: a few small queries, each apart. Blocks.

Nothing of this is asked or told where calls are made; what processes learn of credentials reaches
the database anyway (platforms/sharing.py), and what was spent is booked there.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet

from gateway.alert_rows import Alert, AlertKind, Severity
from gateway.models import Outcome, UsageRecord
from licences.limits.terms import BUDGETS, BudgetWindow
from licences.models import EXPIRING_SOON, Licence
from platforms.models import Credential, Platform

NEAR_PERCENT = 80
"""From here on a budget is worth a warning."""
EXPIRED_TOLD = timedelta(days=1)
"""So long an expired licence is told of; by then somebody has asked, or nobody will."""
MOST_RECORDS = 10_000
"""The newest so many failures and calls of a platform tell its share, however many there were."""
_FAILED = (Outcome.UPSTREAM_ERROR, Outcome.TRUNCATED)
_KEPT_TOTAL_SINCE = datetime(1970, 1, 1, tzinfo=UTC).date()  # as booked: usage/rows.py


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is wrong."""

    kind: AlertKind
    subject: str
    severity: Severity
    platform: str = ""
    """Short name; "": it is about none."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """What its sentences are made of (texts.py)."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A platform that may fail too often."""

    slug: str
    id: int
    enough: int
    """So many calls say something."""


Look = Callable[[datetime], list[Condition]]


def credentials(_now: datetime) -> list[Condition]:
    """Credentials that their platforms have refused, and platforms of which none is left."""
    rows = Credential.objects.filter(enabled=True, platform__enabled=True).order_by("pk")
    by_platform: dict[tuple[str, str, int], list[tuple[int, str, str, bool]]] = {}
    for id, name, reason, draining, slug, title, platform_id in rows.values_list(
        *("pk", "name", "disabled_reason", "draining"),
        *("platform__slug", "platform__name", "platform_id"),
    ):
        by_platform.setdefault((slug, title, platform_id), []).append((id, name, reason, draining))
    found = []
    for (slug, title, platform_id), own in by_platform.items():
        out = [one for one in own if one[2]]
        if out and all(reason or draining for _id, _name, reason, draining in own):
            # What is draining by the operator's will gets no calls either.
            told = {"platform": slug, "title": title, "count": len(own), "id": platform_id}
            found.append(
                Condition(
                    AlertKind.PLATFORM_DOWN, f"platform:{slug}", Severity.CRITICAL, slug, told
                )
            )
        for id, name, reason, _draining in out:
            told = {"platform": slug, "credential": name, "reason": reason, "id": id}
            found.append(
                Condition(
                    *(AlertKind.CREDENTIAL_DISABLED, f"credential:{id}", Severity.WARNING),
                    *(slug, told),
                )
            )
    return found


def budgets(now: datetime) -> list[Condition]:
    """Budgets of which 80 % are spent, and those that are spent, of licences that may call."""
    day = now.astimezone(UTC).date()
    starts = {"total": _KEPT_TOTAL_SINCE, "day": day, "month": day.replace(day=1)}
    found = []
    for window in BUDGETS:
        amount = f"budget_{window}_micros"
        usable = Licence.objects.filter(
            Q(expires_at=None) | Q(expires_at__gt=now), enabled=True, revoked_at=None
        )
        rows = usable.filter(
            **{f"{amount}__gt": 0},  # 0 is the operator's way to say that nothing may be spent
            spends__window=window,
            spends__starts_on=starts[window],
        ).annotate(so_far=F("spends__cost_micros"), hundredfold=F("spends__cost_micros") * 100)
        near = rows.filter(hundredfold__gte=F(amount) * NEAR_PERCENT).order_by("pk")
        for id, name, limit, spent in near.values_list("pk", "name", amount, "so_far"):
            since = "" if window == "total" else f":{starts[window]}"
            found.append(_budget(id, name, window, since, spent, limit))
    return found


def _budget(
    id: int, name: str, window: BudgetWindow, since: str, spent: int, amount: int
) -> Condition:
    return Condition(
        AlertKind.BUDGET,
        f"licence:{id}:{window}{since}",
        Severity.CRITICAL if spent >= amount else Severity.WARNING,
        parameters={
            "licence": name,
            "id": id,
            "window": window,
            "percent": 100 * spent // amount,
            "spent_micros": spent,
            "amount_micros": amount,
        },
    )


def expiries(now: datetime) -> list[Condition]:
    """Licences that end within 7 days, and those that have ended just now."""
    rows = Licence.objects.filter(
        enabled=True,
        revoked_at=None,
        expires_at__lte=now + EXPIRING_SOON,
        expires_at__gt=now - EXPIRED_TOLD,
    )
    return [
        Condition(
            AlertKind.LICENCE_EXPIRING,
            f"licence:{id}:expires",
            Severity.CRITICAL if expires_at <= now else Severity.WARNING,
            parameters={"licence": name, "id": id, "expires_at": expires_at.isoformat()},
        )
        for id, name, expires_at in rows.order_by("pk").values_list("pk", "name", "expires_at")
        if expires_at is not None  # the query has said so
    ]


def suspects(now: datetime) -> list[Suspect]:
    """Platforms with so many failures lately that their calls are worth counting.

    Failures are counted by their index, all at once; calls platform by platform.
    """
    since = _window(now)
    least = settings.TOKENS_ALERT_ERROR_REQUESTS
    open_now = set(
        Alert.objects.open().filter(kind=AlertKind.ERROR_RATE).values_list("platform", flat=True)
    )
    failures: Counter[str] = Counter()
    for outcome in _FAILED:  # each by its own stretch of the index
        errors = _newest(UsageRecord.objects.filter(outcome=outcome, at__gte=since))
        failures.update(dict(errors.values_list("platform").annotate(count=Count("pk"))))
    known = dict(Platform.objects.filter(enabled=True).values_list("slug", "pk"))
    found = []
    for slug in sorted(failures.keys() & known.keys()):
        # While callers stay away from what fails, too few calls are no sign that it is well.
        enough = 1 if slug in open_now else least
        if failures[slug] * 100 >= enough * settings.TOKENS_ALERT_ERROR_PERCENT:
            found.append(Suspect(slug, known[slug], enough))
    return found


def error_rate(suspect: Suspect, now: datetime) -> list[Condition]:
    """The condition, if too many of this platform's calls failed lately."""
    failed, total = _counted(suspect.slug, _window(now))
    if total < suspect.enough or failed * 100 < total * settings.TOKENS_ALERT_ERROR_PERCENT:
        return []
    told = {
        "platform": suspect.slug,
        "percent": 100 * failed // total,
        "id": suspect.id,
        "errors": failed,
        "requests": total,
        "minutes": max(1, round(settings.TOKENS_ALERT_ERROR_WINDOW_S / 60)),
    }
    subject, slug = f"errors:{suspect.slug}", suspect.slug
    return [Condition(AlertKind.ERROR_RATE, subject, Severity.CRITICAL, slug, told)]


def _window(now: datetime) -> datetime:
    return now - timedelta(seconds=settings.TOKENS_ALERT_ERROR_WINDOW_S)


def _counted(slug: str, since: datetime) -> tuple[int, int]:
    """Failed and answered calls of a platform; what was refused or given up says nothing."""
    calls = _newest(UsageRecord.objects.filter(platform=slug, at__gte=since))
    calls = calls.filter(outcome__in=(*_FAILED, Outcome.COMPLETED))
    counts = calls.aggregate(failed=Count("pk", filter=Q(outcome__in=_FAILED)), total=Count("pk"))
    return counts["failed"], counts["total"]


def _newest(records: QuerySet[UsageRecord]) -> QuerySet[UsageRecord]:
    """No more than MOST_RECORDS of them, in no order: a million would keep the thread busy."""
    moments = records.order_by("-at").values_list("at", flat=True)
    cut = moments[MOST_RECORDS : MOST_RECORDS + 1].first()
    return records.order_by() if cut is None else records.order_by().filter(at__gt=cut)


LOOKS: tuple[Look, ...] = (credentials, budgets, expiries)
