"""The pool's news by way of the database: from each process to all others. Blocks.

Looked at twice a second by every process, so what one learns, the others know within a second, and
a restart forgets nothing. `update()` throughout: none of this is a change of the configuration, so
no version is bumped and no catalogue rebuilt.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils import timezone

from platforms.models import Credential
from platforms.news import News
from platforms.pool import Pool
from platforms.records import Cooldown, PoolReport

PROBE_S, MOST_PROBE_S = 30.0, 3600.0
"""When a credential that was put out of service is first tried again, and how seldom at most."""
FRESH = timedelta(seconds=10)
"""Older reports are of processes that are gone."""
BEATS = timedelta(seconds=15)
"""Within which a process that lives has reported at least once."""
_RESETS = timedelta(seconds=60)  # a process that was busy for so long has other troubles
_KEPT = timedelta(minutes=5)
RESET = (
    *("disabled_reason", "disabled_at", "probe_at", "strikes"),
    *("cooling_until", "cooling_reason", "reset_at"),
)
"""Columns that `reset` changes."""
_WELL: dict[str, Any] = {"disabled_reason": "", "disabled_at": None, "probe_at": None}


@dataclass(frozen=True, slots=True)
class Heard:
    """What stands in the database now."""

    cooled: tuple[tuple[int, str, float], ...]
    """Credential, model, seconds."""
    disabled: dict[int, str]
    resets: tuple[tuple[int, datetime], ...]

    def tell(self, pool: Pool) -> None:
        """Let the pool know. On the event loop."""
        for key, at in self.resets:
            pool.reset(key, at)
        for key, model, seconds in self.cooled:  # after them: what the database knows still, holds
            pool.others_cooled(key, model, seconds)
        pool.others_disabled(self.disabled)


def heard() -> Heard:
    """Read what all processes know: two small queries."""
    now = timezone.now()
    rows = Credential.objects.filter(~Q(disabled_reason="") | Q(reset_at__gt=now - _RESETS))
    out = list(rows.order_by().values_list("pk", "disabled_reason", "reset_at"))
    # After them: a reset that comes in between has removed them.
    cooled = Cooldown.objects.filter(until__gt=now).values_list("credential_id", "model", "until")
    return Heard(
        tuple((key, model, (until - now).total_seconds()) for key, model, until in cooled),
        {key: reason for key, reason, _reset in out if reason},
        tuple((key, at) for key, reason, at in out if at is not None and not reason),
    )


def tell(news: News) -> None:
    """Write down what this process has learnt."""
    now = timezone.now()
    _tell_cooled(news, now)
    for key, reason in sorted(news.disabled.items()):
        row = Credential.objects.filter(pk=key, disabled_reason="")
        strikes = row.values_list("strikes", flat=True).first()
        if strikes is not None:  # another process was not faster
            row.update(
                disabled_reason=words(reason) or "-",
                disabled_at=now,
                strikes=strikes + 1,
                probe_at=now + probe_pause(strikes),
            )
    if news.recovered:
        Credential.objects.filter(pk__in=news.recovered, strikes__gt=0).update(strikes=0)


def probe_pause(strikes: int) -> timedelta:
    """How long to leave a credential alone that has failed so often in a row."""
    return timedelta(seconds=min(PROBE_S * 2 ** min(strikes, 20), MOST_PROBE_S))


def reset(credentials: Iterable[int]) -> int:
    """They are well, says the operator or a new secret: forgive them everything. How many."""
    ids = list(credentials)
    Cooldown.objects.filter(credential_id__in=ids).delete()
    return Credential.objects.filter(pk__in=ids).update(
        **_WELL, strikes=0, cooling_until=None, cooling_reason="", reset_at=timezone.now()
    )


def claim_probes(most: int) -> list[Credential]:
    """Credentials out of service whose time has come, each for one process only."""
    now = timezone.now()
    due = Credential.objects.filter(probe_at__lte=now, enabled=True, platform__enabled=True)
    due = due.exclude(disabled_reason="").select_related("platform").order_by("probe_at")
    claimed = []
    for row in due[:most]:
        again = now + probe_pause(row.strikes)
        if Credential.objects.filter(pk=row.pk, probe_at=row.probe_at).update(probe_at=again):
            claimed.append(row)
    return claimed


def revive(key: int) -> None:
    """A probe went well: in service again. Its strikes count until a call has gone well too."""
    Credential.objects.filter(pk=key).update(**_WELL, reset_at=timezone.now())


def still_out(key: int, reason: str) -> None:
    """A probe failed: tried again later, and later each time."""
    now = timezone.now()
    row = Credential.objects.filter(pk=key).exclude(disabled_reason="")
    strikes = row.values_list("strikes", flat=True).first()
    if strikes is not None:
        row.update(
            strikes=min(strikes + 1, 1000),
            probe_at=now + probe_pause(strikes),
            last_error=words(reason),
            last_error_at=now,
        )


def report(process: str, data: dict[str, Any]) -> None:
    """Write down how this process sees its credentials; sweep out what dead ones left."""
    now = timezone.now()
    PoolReport.objects.update_or_create(process=process, defaults={"at": now, "data": data})
    PoolReport.objects.filter(at__lt=now - _KEPT).delete()
    Cooldown.objects.filter(until__lt=now - _KEPT).delete()


def others(process: str) -> int:
    """How many other processes have reported within BEATS: they serve over this database too."""
    alive = PoolReport.objects.filter(at__gt=timezone.now() - BEATS)
    return alive.exclude(process=process).count()


def words(text: str, most: int = 300) -> str:
    """As a column holds it: PostgreSQL's texts know no NUL, and platforms say what they like."""
    return text.replace("\x00", "")[:most]


def _tell_cooled(news: News, now: datetime) -> None:
    there = set(
        Credential.objects.filter(pk__in={key for key, _model in news.cooled}).values_list(
            "pk", flat=True
        )
    )
    for (key, model), (seconds, reason) in sorted(news.cooled.items()):
        if key not in there:
            continue  # deleted meanwhile
        until, model, reason = now + timedelta(seconds=seconds), words(model, 200), words(reason)
        row = Cooldown.objects.filter(credential_id=key, model=model)
        if not row.update(until=Greatest(F("until"), until), reason=reason):
            Cooldown.objects.bulk_create(
                [Cooldown(credential_id=key, model=model, until=until, reason=reason)],
                ignore_conflicts=True,
            )
        later = Credential.objects.filter(pk=key).filter(
            Q(cooling_until=None) | Q(cooling_until__lt=until)
        )
        later.update(cooling_until=until, cooling_reason=f"{model}: {reason}"[:300])
