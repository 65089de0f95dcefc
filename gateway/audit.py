"""Who did what in the console: sign-ins, second factors, roles, and every change of a row."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.sessions.models import Session
from django.db import models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

logger = logging.getLogger(__name__)

KEPT = timedelta(days=400)
_PRUNED_EVERY = 100  # events


class Kind(models.TextChoices):
    """What happened."""

    SIGN_IN = "sign_in", _("Signed in")
    SIGN_OUT = "sign_out", _("Signed out")
    REFUSED = "refused", _("Sign-in refused")
    LOCKED = "locked", _("Locked out")
    FACTOR_ON = "factor_on", _("Second factor on")
    FACTOR_OFF = "factor_off", _("Second factor off")
    CODES = "codes", _("New recovery codes")
    CODE_USED = "code_used", _("Recovery code used")
    PASSWORD = "password", _("Password changed")  # a kind of event
    ROLES = "roles", _("Roles changed")
    ADDED = "added", _("Added")
    CHANGED = "changed", _("Changed")
    DELETED = "deleted", _("Deleted")


_KINDS = {ADDITION: Kind.ADDED, CHANGE: Kind.CHANGED, DELETION: Kind.DELETED}


class AuditEvent(models.Model):
    """One thing that somebody did, or tried, in the console."""

    at = models.DateTimeField(_("when"), default=timezone.now)
    kind = models.CharField(_("what"), max_length=12, choices=Kind.choices)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("account"),
    )
    username = models.CharField(
        _("who"), max_length=150, help_text=_("As given; of a refused sign-in perhaps nobody's.")
    )
    address = models.GenericIPAddressField(_("from"), null=True)
    subject = models.CharField(_("of what"), max_length=250, blank=True)
    detail = models.TextField(_("details"), blank=True)
    entry = models.OneToOneField(
        LogEntry, models.SET_NULL, null=True, related_name="+", verbose_name=_("history")
    )

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit")
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["at"], name="audit_at")]

    @override
    def __str__(self) -> str:
        return f"{self.username}: {self.get_kind_display()}"


def address(request: HttpRequest | None) -> str | None:
    """The caller's address; behind a proxy in TOKENS_TRUSTED_PROXIES what that says, by uvicorn."""
    return (request.META.get("REMOTE_ADDR") or None) if request is not None else None


def note(
    request: HttpRequest | None,
    kind: Kind,
    *,
    user: Any = None,
    username: str = "",
    subject: str = "",
    detail: str = "",
) -> None:
    """Write an event down; now and then what is too old goes."""
    event = AuditEvent.objects.create(
        kind=kind,
        user=user,
        username=(username or (user.get_username() if user else "")).replace("\0", "")[:150],
        address=address(request),
        subject=subject[:250],
        detail=detail,
    )
    if event.pk % _PRUNED_EVERY == 0:
        prune()


def take_in(request: HttpRequest, user: Any, since: datetime) -> None:
    """Write down what this user's request has put into the history of rows since then."""
    entries = LogEntry.objects.filter(user_id=user.pk, action_time__gte=since)
    events = [
        AuditEvent(
            at=entry.action_time,
            kind=_KINDS[entry.action_flag],
            user_id=entry.user_id,
            username=user.get_username(),
            address=address(request),
            subject=_subject(entry),
            detail=entry.get_change_message(),
            entry=entry,
        )
        for entry in entries.select_related("content_type")
    ]
    if events:
        AuditEvent.objects.bulk_create(events, ignore_conflicts=True)


def prune() -> None:
    """Remove events older than `KEPT`, and sessions that have ended."""
    now = timezone.now()
    AuditEvent.objects.filter(at__lt=now - KEPT).order_by().delete()
    Session.objects.filter(expire_date__lt=now).delete()


def _subject(entry: LogEntry) -> str:
    kind = entry.content_type.name if entry.content_type else "?"
    return f"{kind}: {entry.object_repr}"[:250]
