"""The second factor: a code of an authenticator app beside the password, or a recovery code."""

import base64
import secrets
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from gateway import audit
from gateway.audit import Kind

CODES = 10
PASSED = "second_factor"
"""The session's mark that a code was asked for when it began."""


def is_on(user: Any) -> bool:
    """Whether a code is asked for when this user signs in."""
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


@transaction.atomic
def passes(request: HttpRequest, user: Any, code: str) -> bool:
    """Whether the code is right: of the app (once), or a recovery code, which is used up.

    Guessing is slowed: each failure doubles the seconds in which no code is taken.
    """
    code = "".join(code.split()).replace("-", "").lower()
    if len(code) == 6 and code.isdigit():
        app = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
        return app is not None and bool(app.verify_token(code))
    kept = StaticDevice.objects.select_for_update().filter(user=user, confirmed=True).first()
    if kept is None or not kept.verify_token(_fingerprint(code)):
        return False
    left = kept.token_set.count()
    audit.note(request, Kind.CODE_USED, user=user, detail=f"{left} / {CODES}")
    return True


def codes_left(user: Any) -> int:
    """How many recovery codes are not used up."""
    count: int = StaticToken.objects.filter(device__user=user).count()
    return count


def draft(user: Any) -> TOTPDevice:
    """The device that is being set up: made once, so that a reload shows the same picture."""
    found = TOTPDevice.objects.filter(user=user, confirmed=False).first()
    return found or TOTPDevice.objects.create(user=user, confirmed=False, name="app")


@transaction.atomic
def switch_on(request: HttpRequest, user: Any, code: str) -> list[str] | None:
    """Confirm the draft with a code of it; the recovery codes. None: the code is wrong."""
    device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
    if device is None or not device.verify_token("".join(code.split())):
        return None
    TOTPDevice.objects.filter(user=user, confirmed=True).delete()
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    codes = _new_codes(user)
    audit.note(request, Kind.FACTOR_ON, user=user)
    end_sessions(user, but=request.session.session_key)
    request.session[PASSED] = True
    return codes


@transaction.atomic
def new_codes(request: HttpRequest, user: Any) -> list[str]:
    """Recovery codes in place of those there were; to be shown once."""
    audit.note(request, Kind.CODES, user=user)
    return _new_codes(user)


@transaction.atomic
def switch_off(request: HttpRequest | None, person: Any) -> None:
    """Ask this person for no code any more; his sessions end, but the one this is done from.

    Without a request: on the command line.
    """
    TOTPDevice.objects.filter(user=person).delete()
    StaticDevice.objects.filter(user=person).delete()
    if request is None:
        audit.note(None, Kind.FACTOR_OFF, username="manage.py", subject=str(person))
        return end_sessions(person)
    audit.note(request, Kind.FACTOR_OFF, user=request.user, subject=str(person))
    end_sessions(person, but=request.session.session_key)
    if person.pk == request.user.pk:
        request.session.pop(PASSED, None)
    return None


def end_sessions(user: Any, but: str | None = None) -> None:
    """End what this user has open elsewhere. Staff are few, so all sessions are looked through."""
    open_now = Session.objects.filter(expire_date__gte=timezone.now()).exclude(session_key=but)
    ended = [
        session.session_key
        for session in open_now.iterator()
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    Session.objects.filter(session_key__in=ended).delete()


def _new_codes(user: Any) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery")
    codes = [_code() for _number in range(CODES)]
    StaticToken.objects.bulk_create(
        [StaticToken(device=device, token=_fingerprint(code)) for code in codes]
    )
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def _code() -> str:
    """Fifty random bits in letters and digits that are not mistaken for others."""
    return base64.b32encode(secrets.token_bytes(7)).decode()[:10].lower()


def _fingerprint(code: str) -> str:
    """What is kept of a recovery code; 64 bits, as long as the column is."""
    return salted_hmac("tokens.recovery", code).hexdigest()[:16]
