"""Issuing, rotating, revoking, switching and extending: what the admin and the command both call.

Each function changes the licence and the version that tells every process of it in one
transaction. Only `issue` validates the whole licence: taking a key out of use must not fail
because of another field.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from licences.keys import hash_key, new_key, start_and_end
from licences.models import Licence

NO_OVERLAP = timedelta(0)


def issue(*, name: str, **fields: Any) -> tuple[Licence, str]:
    """Make a licence; returns it with its key, which cannot be read again later.

    `fields` are columns of Licence. Raises ValidationError, with the fields that are wrong.
    """
    licence = Licence(name=name, **fields)
    return licence, issue_draft(licence)


@transaction.atomic
def issue_draft(draft: Licence) -> str:
    """Give a licence that is not saved yet its key and save it; returns the key.

    Raises ValidationError, with the fields that are wrong.
    """
    key = _renew_key_inplace(draft)
    draft.full_clean()
    draft.save(force_insert=True)
    return key


@transaction.atomic
def rotate(licence: Licence, overlap: timedelta) -> str:
    """Give a licence a new key and return it; the old one works for `overlap` longer.

    A licence has one old key at most: rotating again within the overlap ends the older one.
    Raises ValidationError when the licence is revoked, or the overlap is below zero.
    """
    if overlap < NO_OVERLAP:
        raise ValidationError(_("The overlap cannot be below zero; 0 ends the old key at once."))
    _lock_inplace(licence)
    _refuse_revoked(licence)
    if overlap:
        licence.previous_key_hash = licence.key_hash
        licence.previous_key_until = timezone.now() + overlap
    else:
        licence.previous_key_hash = licence.previous_key_until = None
    key = _renew_key_inplace(licence)
    _save(licence, "key_hash", "key_start", "key_end", "previous_key_hash", "previous_key_until")
    return key


@transaction.atomic
def end_overlap(licence: Licence) -> bool:
    """End the old key of a rotated licence before its time; False: it had none that works."""
    _lock_inplace(licence)
    if not licence.has_old_key(timezone.now()):
        return False
    licence.previous_key_hash = licence.previous_key_until = None
    _save(licence, "previous_key_hash", "previous_key_until")
    return True


@transaction.atomic
def extend(
    licence: Licence, *, by: timedelta | None = None, until: datetime | None = None
) -> datetime:
    """Let a licence work for longer, also one that has expired; returns when it ends now.

    `by` counts from its present end, or from now where that is over; `until` is a moment later
    than both. Raises ValidationError when it is revoked, never expires, or would end sooner.
    """
    _lock_inplace(licence)
    _refuse_revoked(licence)
    if licence.expires_at is None:
        raise ValidationError(
            _("“%(name)s” never expires; there is nothing to extend."),
            code="endless",
            params={"name": licence.name},
        )
    end = max(timezone.now(), licence.expires_at)
    try:
        later = until if by is None else end + by
    except OverflowError:
        later = None
    if later is None or later <= end:
        raise ValidationError(
            _("This is not later than its present end, or not a possible date; choose another.")
        )
    licence.expires_at = later
    _save(licence, "expires_at")
    return later


@transaction.atomic
def revoke(licence: Licence) -> bool:
    """Take a licence out of use for good, its old key too; False: it was already."""
    _lock_inplace(licence)
    if licence.revoked_at is not None:
        return False
    licence.revoked_at = timezone.now()
    _save(licence, "revoked_at")
    return True


@transaction.atomic
def enable(licence: Licence) -> bool:
    """Switch a licence on; False: it was already. Raises ValidationError when it is revoked."""
    _lock_inplace(licence)
    _refuse_revoked(licence)
    return _switch(licence, on=True)


@transaction.atomic
def disable(licence: Licence) -> bool:
    """Switch a licence off for a while; False: it was already."""
    _lock_inplace(licence)
    return _switch(licence, on=False)


def _switch(licence: Licence, *, on: bool) -> bool:
    if licence.enabled == on:
        return False
    licence.enabled = on
    _save(licence, "enabled")
    return True


def _renew_key_inplace(licence: Licence) -> str:
    key = new_key()
    licence.key_start, licence.key_end = start_and_end(key)
    licence.key_hash = hash_key(key.encode("ascii"), settings.TOKENS_LICENCE_PEPPER.encode())
    return key


def _lock_inplace(licence: Licence) -> None:
    """Read the row again and keep others from it, so that two rotations come one by one."""
    licence.refresh_from_db(from_queryset=Licence.objects.select_for_update())


def _refuse_revoked(licence: Licence) -> None:
    if licence.revoked_at is not None:
        raise ValidationError(
            _("“%(name)s” is revoked, which is for good; issue a new licence instead."),
            code="revoked",
            params={"name": licence.name},
        )


def _save(licence: Licence, *columns: str) -> None:
    # Only these: others, such as last_used_at, are written elsewhere at the same time.
    licence.save(update_fields=[*columns, "updated_at"])
