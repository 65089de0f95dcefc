"""Alerts as the database keeps them: who is told, what is wrong, which messages went out."""

from datetime import datetime
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _, pgettext_lazy
from typing_extensions import override


class AlertKind(models.TextChoices):
    """What an alert can be about."""

    CREDENTIAL_DISABLED = "credential_disabled", _("a credential is out of service")
    PLATFORM_DOWN = "platform_down", _("all credentials of a platform are down")
    ERROR_RATE = "error_rate", _("many calls of a platform fail")
    BUDGET = "budget", _("a budget is spent to 80 % or 100 %")
    LICENCE_EXPIRING = "licence_expiring", _("a licence expires within 7 days")


class Severity(models.TextChoices):
    """How bad it is; from warnings to what stops calls."""

    WARNING = "warning", _("warning")
    CRITICAL = "critical", _("critical")


class TargetKind(models.TextChoices):
    """How somebody is told."""

    EMAIL = "email", _("e-mail")
    WEBHOOK = "webhook", _("webhook")


class Event(models.TextChoices):
    """What a message says of an alert."""

    OPENED = "opened", pgettext_lazy("an alert", "opened")
    WORSE = "worse", _("became worse")
    REMINDER = "reminder", _("reminder")
    RESOLVED = "resolved", _("resolved")


class MessageState(models.TextChoices):
    """Where a message stands."""

    WAITING = "waiting", _("waiting")
    SENT = "sent", pgettext_lazy("a message", "sent")
    FAILED = "failed", _("given up")


class AlertTarget(models.Model):
    """Somebody who is told of alerts. A webhook's secret is encrypted and never shown again."""

    name = models.CharField(
        _("name"), max_length=100, unique=True, help_text=_("To tell this target from others.")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=TargetKind.choices)
    address = models.CharField(
        _("address"),
        max_length=2000,
        help_text=_(
            "E-mail: one address or several with commas between. Webhook: the URL that alerts are "
            "posted to; it must be public, or named in TOKENS_ALERT_ALLOW."
        ),
    )
    secret_encrypted = models.TextField(editable=False, blank=True)
    kinds = models.JSONField(
        _("alerts"), default=list, blank=True, help_text=_("What to tell of. None chosen: all.")
    )
    min_severity = models.CharField(
        _("at least"),
        max_length=10,
        choices=Severity.choices,
        default=Severity.WARNING,
        help_text=_("“critical”: only what stops calls."),
    )
    platforms = models.JSONField(
        _("platforms"),
        default=list,
        blank=True,
        help_text=_(
            "Only alerts about these platforms. None chosen: all. "
            "Alerts about licences are not narrowed by it."
        ),
    )
    language = models.CharField(
        _("language"),
        max_length=10,
        choices=[("en", "English"), ("zh-hans", "简体中文")],
        default="en",
        help_text=_("In which messages are written."),
    )
    per_hour = models.PositiveSmallIntegerField(
        _("messages per hour"),
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("At most so many; what comes beyond is summed up in one, later."),
    )
    enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("Switch off to send nothing for a while.")
    )
    last_delivery_at = models.DateTimeField(_("last delivery"), null=True, editable=False)
    last_error = models.CharField(_("last error"), max_length=300, blank=True, editable=False)
    last_error_at = models.DateTimeField(_("last error at"), null=True, editable=False)
    created_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    # No column, but what a page shows: the secret, on the one object that it was just made for.
    fresh_secret: str = ""

    class Meta:
        verbose_name = _("alert target")
        verbose_name_plural = _("alert targets")
        ordering = ["name"]

    @override
    def __str__(self) -> str:
        return self.name

    def wants(self, alert: "Alert") -> bool:
        """Whether it is told of this alert."""
        return (
            (not self.kinds or alert.kind in self.kinds)
            and (not self.platforms or not alert.platform or alert.platform in self.platforms)
            and (self.min_severity == Severity.WARNING or alert.severity == Severity.CRITICAL)
        )


class AlertQuerySet(models.QuerySet["Alert"]):
    """Alerts by what is asked of them."""

    def open(self) -> "AlertQuerySet":
        """Those whose cause is still there."""
        return self.filter(closed_at=None)

    def alive(self) -> "AlertQuerySet":
        """Those that are open, or closed so lately that they may open again."""
        return self.filter(settled_at=None)


class Alert(models.Model):
    """Something that is wrong, or was. `parameters` are what its sentences are made of."""

    kind = models.CharField(_("kind"), max_length=30, choices=AlertKind.choices)
    subject = models.CharField(
        _("subject"), max_length=120, help_text=_("What it is about: credential:7, licence:3:day.")
    )
    platform = models.CharField(_("platform"), max_length=50, blank=True)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity.choices)
    parameters = models.JSONField(_("parameters"), default=dict)
    opened_at = models.DateTimeField(_("opened"))
    last_seen_at = models.DateTimeField(_("last seen"))
    closed_at = models.DateTimeField(_("closed"), null=True)
    settled_at = models.DateTimeField(_("settled"), null=True)
    count = models.PositiveIntegerField(
        _("times opened"), default=1, help_text=_("How often it opened before it was settled.")
    )
    told_at = models.DateTimeField(_("last told"), null=True)
    told_severity = models.CharField(max_length=10, blank=True, editable=False)
    muted_until = models.DateTimeField(_("muted until"), null=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-opened_at", "-id"]
        indexes = [
            models.Index(fields=["opened_at"], name="alert_opened"),
            models.Index(fields=["settled_at"], name="alert_settled"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(settled_at=None), name="alert_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject}"

    def is_muted(self, now: datetime) -> bool:
        """Whether nobody is told of it for now."""
        return self.muted_until is not None and self.muted_until > now


class AlertMessage(models.Model):
    """What one target is told in one message, written once: every attempt sends the same."""

    id = models.CharField(max_length=32, primary_key=True)
    target = models.ForeignKey(AlertTarget, models.CASCADE, related_name="messages")
    is_test = models.BooleanField(default=False)
    content: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    state = models.CharField(
        _("state"), max_length=10, choices=MessageState.choices, default=MessageState.WAITING
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("written"))
    due_at = models.DateTimeField(null=True)
    """When it may be tried; whoever moves it on has claimed it."""
    sent_at = models.DateTimeField(_("sent"), null=True)
    error = models.CharField(_("error"), max_length=300, blank=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("alert message")
        verbose_name_plural = _("alert messages")
        indexes = [
            models.Index(fields=["target", "created_at"], name="alert_message_target"),
            models.Index(fields=["state", "due_at"], name="alert_message_due"),
        ]

    @override
    def __str__(self) -> str:
        return self.id


class AlertNotice(models.Model):
    """One target is to be told one thing of one alert; `message`: in which it is."""

    target = models.ForeignKey(AlertTarget, models.CASCADE, related_name="notices")
    alert = models.ForeignKey(Alert, models.CASCADE, related_name="notices")
    event = models.CharField(_("event"), max_length=10, choices=Event.choices)
    at = models.DateTimeField(_("time"))
    message = models.ForeignKey(AlertMessage, models.CASCADE, null=True, related_name="notices")

    class Meta:
        default_permissions = ()
        verbose_name = _("alert notice")
        verbose_name_plural = _("alert notices")

    @override
    def __str__(self) -> str:
        return f"{self.alert_id} {self.event}"


class AlertRound(models.Model):
    """One row: when it is looked next whether something is wrong, and whose turn it is now."""

    due_at = models.DateTimeField()
    holder = models.CharField(max_length=32, blank=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("alert round")
        verbose_name_plural = _("alert rounds")

    @override
    def __str__(self) -> str:
        return self.holder
