"""A message on its way: by e-mail, or posted to a webhook, signed and guarded.

Signed as the Standard Webhooks specification says (standardwebhooks.com): HMAC-SHA256 over
`id.timestamp.body` with the secret's bytes, in base64 behind `v1,`.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
import secrets
import smtplib
import ssl
from datetime import datetime
from urllib.parse import unquote

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.utils.translation import gettext as _

from gateway.alert_rows import AlertMessage, AlertTarget, TargetKind
from gateway.fetch import Fetcher, Limits, Refused
from platforms.secrets import SecretUnreadable, decrypt, encrypt

PREFIX = "whsec_"
_KEY_BYTES = 32
_MAX_KEY = range(24, 65)  # bytes, as the specification bounds them
_LIMITS = Limits(max_bytes=1000, total_s=10.0, idle_s=10.0)
_SHOWN = 200  # characters of a receiver's answer
_TOKEN = 8  # characters of an address's part that may be one


class NotDelivered(Exception):
    """A message that did not arrive; the sentence is for the operator and holds no secret."""


def new_secret() -> str:
    """A webhook's secret, as both sides keep it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def seal(secret: str) -> str:
    """The secret as it is stored. Raises ValueError where it is none."""
    _key(secret)
    return encrypt(secret)


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """What `webhook-signature` says. Raises ValueError."""
    signed = f"{id}.{timestamp}.".encode() + body
    made = hmac.digest(_key(secret), signed, hashlib.sha256)
    return "v1," + base64.b64encode(made).decode()


def fetcher() -> Fetcher:
    """The door that webhooks go through."""
    return Fetcher(settings.TOKENS_ALERT_ALLOW, setting="TOKENS_ALERT_ALLOW")


async def send(message: AlertMessage, door: Fetcher, now: datetime) -> str:
    """Send; what was answered. Raises NotDelivered. Touches no database."""
    target = message.target
    if not target.enabled and not message.is_test:
        raise NotDelivered(_("The target is switched off."))
    if target.kind == TargetKind.EMAIL:
        return await asyncio.to_thread(_mail, target, message)
    return await _post(target, message, door, now)


def recipients(address: str) -> list[str]:
    """The addresses of an e-mail target."""
    return [one.strip() for one in address.split(",") if one.strip()]


def _mail(target: AlertTarget, message: AlertMessage) -> str:
    if settings.EMAIL_BACKEND.endswith("dummy.EmailBackend"):
        raise NotDelivered(_("No mail server is named: set EMAIL_URL, and restart."))
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("> ") or "localhost"
    mail = EmailMessage(
        message.content["subject"],
        message.content["text"],
        to=recipients(target.address),
        # The same in every attempt, so that who gets it twice may notice.
        headers={"Message-ID": f"<{message.pk}@{host}>", "Auto-Submitted": "auto-generated"},
        connection=get_connection(),
    )
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        said = "; ".join(_answer(*answer) for answer in error.recipients.values())
        raise NotDelivered(_("The mail server refused the recipients: %s") % said) from None
    except smtplib.SMTPResponseException as error:
        said = _answer(error.smtp_code, error.smtp_error)
        raise NotDelivered(_("The mail server answered: %s") % said) from None
    except ssl.SSLError as error:
        raise NotDelivered(_("No TLS with the mail server: %s") % error.reason) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotDelivered(
            _("The mail server could not be reached, or broke off (%s).") % type(error).__name__
        ) from None
    return _("The mail server has taken it.")


async def _post(target: AlertTarget, message: AlertMessage, door: Fetcher, now: datetime) -> str:
    body = message.content["body"].encode("utf-8")
    timestamp = int(now.timestamp())
    id = f"msg_{message.pk}"
    headers = [
        ("Content-Type", "application/json"),
        ("webhook-id", id),
        ("webhook-timestamp", str(timestamp)),
    ]
    try:
        if target.secret_encrypted:
            signed = signature(decrypt(target.secret_encrypted), id, timestamp, body)
            headers.append(("webhook-signature", signed))
        status, answer = await door.post(target.address, body, tuple(headers), _LIMITS)
    except (SecretUnreadable, Refused) as error:
        raise NotDelivered(str(error)) from None
    shown = _shown(answer, target)
    if 300 <= status < 400:
        raise NotDelivered(
            _("It answered %d, a redirect, which is not followed: enter where it leads.") % status
        )
    if not 200 <= status < 300:
        raise NotDelivered(
            (_("It answered %(status)d: %(said)s") if shown else _("It answered %(status)d."))
            % {"status": status, "said": shown}
        )
    return f"{status} {shown}".strip()


def _shown(answer: bytes, target: AlertTarget) -> str:
    """What a receiver said, as far as it may be shown: an address can hold a token.

    Also a part of it: "Cannot POST /hook/<token>" is what many say.
    """
    text = " ".join(answer.decode("utf-8", "replace").split())
    _host, *parts = re.split(r"[/?&=]+", target.address.partition("//")[2])
    for part in (target.address, *sorted(parts, key=len, reverse=True)):
        if len(part) >= _TOKEN:
            text = text.replace(part, "…").replace(unquote(part), "…")
    return text[:_SHOWN]


def _answer(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    if settings.EMAIL_HOST_PASSWORD:
        text = text.replace(settings.EMAIL_HOST_PASSWORD, "…")
    return f"{code} {' '.join(text.split())}"[:_SHOWN]


def _key(secret: str) -> bytes:
    """The secret's bytes. Raises ValueError."""
    if not secret.startswith(PREFIX):
        raise ValueError(_("A secret begins with whsec_."))
    try:
        key = base64.b64decode(secret[len(PREFIX) :], validate=True)
    except binascii.Error:
        raise ValueError(_("What follows whsec_ must be base64.")) from None
    if len(key) not in _MAX_KEY:
        raise ValueError(_("A secret has 24 to 64 bytes, in base64 behind whsec_."))
    return key
