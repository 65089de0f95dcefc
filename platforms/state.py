"""What the console and the commands show of a credential: how it is, why, until when. Blocks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _t, gettext_lazy as _

from platforms.models import Credential, Platform
from platforms.records import Cooldown, PoolReport
from platforms.sharing import FRESH

FEW = 200
"""Up to so many credentials their rests are asked for by number; a list of thousands takes longer
than all rests there are."""


class State(models.TextChoices):
    """How a credential is. In the order of decision: the first that fits."""

    OFF = "off", _("switched off")
    OUT = "out", _("out of service")
    DRAINING = "draining", _("draining")
    FAILING = "failing", _("failing")
    RESTING = "resting", _("resting")
    ACTIVE = "active", _("active")


@dataclass(frozen=True, slots=True)
class Shown:
    """One credential, over all running processes."""

    state: State
    reason: str = ""
    until: datetime | None = None
    """When it ends, or is looked at next."""
    in_flight: int = 0
    ok: int = 0
    """Calls of the last hour that went well."""
    failed: int = 0

    @property
    def success_percent(self) -> int | None:
        """Of the last hour's calls, rounded down, so that 100 means all; None: there was none."""
        return 100 * self.ok // (self.ok + self.failed) if self.ok + self.failed else None


@dataclass(slots=True)
class _Seen:
    in_flight: int = 0
    ok: int = 0
    failed: int = 0
    open_model: str = ""
    open_until: float = 0.0


def shown(rows: Iterable[Credential]) -> dict[int, Shown]:
    """How these credentials are, by number: two queries for all of them."""
    rows, now = list(rows), timezone.now()
    seen = _seen(now)
    rests: dict[int, Cooldown] = {}
    resting = Cooldown.objects.filter(until__gt=now)
    if len(rows) <= FEW:
        resting = resting.filter(credential_id__in=[row.pk for row in rows])
    for rest in resting.order_by("until"):
        rests[rest.credential_id] = rest  # the longest stays
    return {row.pk: _shown(row, rests.get(row.pk), seen.get(row.pk, _Seen())) for row in rows}


def in_state(rows: QuerySet[Credential], state: str) -> QuerySet[Credential]:
    """Those that the database says are in this state; `failing` only running processes know."""
    now = timezone.now()
    out = ~Q(disabled_reason="")
    conditions = {
        State.OFF: Q(enabled=False),
        State.OUT: Q(enabled=True) & out,
        State.DRAINING: Q(enabled=True, draining=True) & ~out,
        State.RESTING: Q(enabled=True, draining=False, cooling_until__gt=now) & ~out,
        State.ACTIVE: Q(enabled=True, draining=False)
        & ~out
        & (Q(cooling_until=None) | Q(cooling_until__lte=now)),
    }
    condition = conditions.get(State(state)) if state in State.values else None
    return rows if condition is None else rows.filter(condition)


def counts() -> dict[tuple[str, str], int]:
    """Enabled credentials by their platform's short name and state; for metrics."""
    rows = list(Credential.objects.filter(enabled=True, platform__enabled=True).select_related())
    found: dict[tuple[str, str], int] = {}
    for row, state in zip(rows, shown(rows).values(), strict=True):
        key = row.platform.slug, str(state.state)
        found[key] = found.get(key, 0) + 1
    return found


@dataclass(slots=True)
class PlatformHealth:
    """How many of a platform's credentials are how."""

    id: int
    slug: str
    name: str
    counts: dict[State, int]

    @property
    def usable(self) -> int:
        """Credentials that carry calls now."""
        return self.counts.get(State.ACTIVE, 0)

    @property
    def troubled(self) -> int:
        """Credentials that should carry calls and do not."""
        return sum(self.counts.get(state, 0) for state in (State.OUT, State.FAILING, State.RESTING))


def by_platform() -> list[PlatformHealth]:
    """How the credentials of enabled platforms are, the most troubled platform first."""
    columns = ("platform_id", "enabled", "disabled_reason", "probe_at", "draining")
    rows = list(Credential.objects.filter(platform__enabled=True).only(*columns))
    states = shown(rows)
    names = Platform.objects.filter(pk__in={row.platform_id for row in rows})
    found = {
        pk: PlatformHealth(pk, slug, name, {})
        for pk, slug, name in names.values_list("pk", "slug", "name")
    }
    for row in rows:
        if row.platform_id in found:  # not one that was made between the two queries
            counts = found[row.platform_id].counts
            state = states[row.pk].state
            counts[state] = counts.get(state, 0) + 1
    return sorted(found.values(), key=lambda one: (one.usable > 0, -one.troubled, one.slug))


def _shown(row: Credential, rest: Cooldown | None, seen: _Seen) -> Shown:
    state, reason, until = State.ACTIVE, "", None
    if not row.enabled:
        state = State.OFF
    elif row.disabled_reason:
        state, reason, until = State.OUT, row.disabled_reason, row.probe_at
    elif row.draining:
        state = State.DRAINING
        reason = "" if seen.in_flight else _t("nothing under way any more")
    elif seen.open_model:
        until = datetime.fromtimestamp(seen.open_until, UTC)
        state, reason = State.FAILING, _t("%s keeps failing") % seen.open_model
    elif rest is not None:
        state, reason, until = State.RESTING, f"{rest.model}: {rest.reason}", rest.until
    return Shown(state, reason, until, seen.in_flight, seen.ok, seen.failed)


def _seen(now: datetime) -> dict[int, _Seen]:
    """What the processes that are alive report, added up."""
    found: dict[int, _Seen] = {}
    reports = PoolReport.objects.filter(at__gt=now - FRESH).values_list("data", flat=True)
    for data in reports:
        for key, told in data.items():
            _add(found.setdefault(int(key), _Seen()), told)
    return found


def _add(seen: _Seen, told: dict[str, Any]) -> None:
    seen.in_flight += told["in_flight"]
    seen.ok += told["ok"]
    seen.failed += told["failed"]
    for model, (why, until) in told["rests"].items():
        if why in ("open", "trial") and until > seen.open_until:
            seen.open_model, seen.open_until = model, until
