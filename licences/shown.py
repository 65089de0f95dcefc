"""Licences as the commands print them, for people and programs: never a key or a hash."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone

from licences.limits.spending import budgets_of, spent
from licences.limits.terms import Spent
from licences.models import Licence
from licences.money import from_micros

RATES = ("rpm", "tpm", "concurrency")


def publics(licences: Iterable[Licence]) -> list[dict[str, Any]]:
    """`public` of several, with one query for what all of them have spent."""
    found = list(licences)
    spends = spent([licence.pk for licence in found], timezone.now().date())
    return [public(licence, spends[licence.pk]) for licence in found]


def public(licence: Licence, own: Spent | None = None) -> dict[str, Any]:
    """All that may be printed of a licence: never a hash. `own`: what it has spent, if known."""
    if own is None:
        own = spent([licence.pk], timezone.now().date())[licence.pk]
    return {
        "id": licence.pk,
        "name": licence.name,
        "owner": licence.owner,
        "note": licence.note,
        "key_start": licence.key_start,
        "key_end": licence.key_end,
        "state": licence.state(timezone.now()).value,
        "enabled": licence.enabled,
        "platforms": licence.platforms,
        "models": licence.model_patterns,
        "networks": licence.networks,
        **{name: getattr(licence, name) for name in RATES},
        "model_limits": licence.model_limits,
        "budgets": {
            window: _budget(amount, so_far)
            for window, (amount, so_far) in budgets_of(licence, own).items()
            if amount is not None
        },
        "spent": from_micros(own.total),
        "not_before": _iso(licence.not_before),
        "expires_at": _iso(licence.expires_at),
        "revoked_at": _iso(licence.revoked_at),
        "previous_key_until": _iso(licence.previous_key_until),
        "created_at": _iso(licence.created_at),
        "last_used_at": _iso(licence.last_used_at),
    }


def _budget(amount: int, so_far: int) -> dict[str, str]:
    """Money as text, which every reader reads exactly."""
    return {
        "amount": from_micros(amount),
        "spent": from_micros(so_far),
        "left": from_micros(max(0, amount - so_far)),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
