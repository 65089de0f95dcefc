"""Who may call: licences, what they have spent, and the version that tells processes to reload."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from licences.limits.terms import Spent
from licences.validators import (
    validate_model_limits,
    validate_networks,
    validate_patterns,
    validate_slugs,
)

EXPIRING_SOON = timedelta(days=7)  # time enough to renew a licence before its holder notices


class State(models.TextChoices):
    """What an operator wants to know first of a licence. Not stored: it follows from the columns.

    In the order of decision: the first that fits is the state.
    """

    REVOKED = "revoked", _("revoked")
    SWITCHED_OFF = "switched_off", _("switched off")
    EXPIRED = "expired", _("expired")
    NOT_YET_VALID = "not_yet_valid", _("not yet valid")
    EXPIRING = "expiring", _("expires within 7 days")
    ACTIVE = "active", _("active")


class LicenceQuerySet(models.QuerySet["Licence"]):
    """Licences by what an operator asks for."""

    def in_state(self, state: State, now: datetime) -> "LicenceQuerySet":
        """Those of which `Licence.state(now)` says this."""
        conditions = {
            State.REVOKED: Q(revoked_at__isnull=False),
            State.SWITCHED_OFF: Q(enabled=False),
            State.EXPIRED: Q(expires_at__lte=now),
            State.NOT_YET_VALID: Q(not_before__gt=now),
            State.EXPIRING: Q(expires_at__lte=now + EXPIRING_SOON),
        }
        found = self.all()
        for earlier, condition in conditions.items():
            if earlier is state:
                return found.filter(condition)
            found = found.exclude(condition)
        return found


class Licence(models.Model):
    """A key that somebody holds, and all that he may do with it.

    The key itself is not stored: only its HMAC (to recognise it), its first and last characters
    (for people to tell keys apart).
    """

    name = models.CharField(
        _("name"),
        max_length=100,
        help_text=_("What this licence is for, in your words. Shown in lists and usage reports."),
    )
    owner = models.CharField(
        _("owner"),
        max_length=100,
        blank=True,
        help_text=_("The person or program that holds the key. For your own orientation."),
    )
    note = models.TextField(_("note"), blank=True, help_text=_("Anything worth remembering."))

    key_start = models.CharField(_("key starts with"), max_length=16, editable=False)
    key_end = models.CharField(_("key ends with"), max_length=4, editable=False)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    previous_key_hash = models.CharField(
        max_length=64, unique=True, null=True, blank=True, editable=False
    )
    previous_key_until = models.DateTimeField(
        _("old key works until"), null=True, blank=True, editable=False
    )

    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_("Switch off to refuse this licence for a while. Acts within a second."),
    )
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    not_before = models.DateTimeField(
        _("valid from"),
        null=True,
        blank=True,
        help_text=_("Calls before this moment are refused. Empty: valid at once."),
    )
    expires_at = models.DateTimeField(
        _("expires"),
        null=True,
        blank=True,
        help_text=_("Calls from this moment on are refused. Empty: never expires."),
    )

    platforms = models.JSONField(
        _("platforms"),
        default=list,
        blank=True,
        validators=[validate_slugs],
        help_text=_("The platforms that this licence may call. Empty: all of them."),
    )
    model_patterns = models.JSONField(
        _("models"),
        default=list,
        blank=True,
        validators=[validate_patterns],
        help_text=_(
            "Patterns of model names this licence may call, such as gpt-4o or claude-*. "
            "Empty: all of them."
        ),
    )
    networks = models.JSONField(
        _("networks"),
        default=list,
        blank=True,
        validators=[validate_networks],
        help_text=_(
            "Addresses that may use this licence, such as 10.0.0.0/8 or 203.0.113.7. "
            "Empty: from everywhere."
        ),
    )

    rpm = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("In any 60 seconds; more are answered 429. Empty: no bound."),
    )
    tpm = models.PositiveIntegerField(
        _("tokens per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Prompts and completions, in any 60 seconds. Empty: no bound."),
    )
    concurrency = models.PositiveIntegerField(
        _("parallel requests"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("At the same moment. Empty: no bound."),
    )
    model_limits = models.JSONField(
        _("limits of models"),
        default=dict,
        blank=True,
        validators=[validate_model_limits],
        help_text=_(
            "For patterns of models, all that fit one together: "
            '{"gpt-5*": {"rpm": 10, "tpm": 40000, "concurrency": 2}}.'
        ),
    )
    budget_total_micros = models.BigIntegerField(
        _("budget in total"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("Money that may be spent, ever. Empty: no bound."),
    )
    budget_day_micros = models.BigIntegerField(
        _("budget per day"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("From midnight to midnight, UTC. Empty: no bound."),
    )
    budget_month_micros = models.BigIntegerField(
        _("budget per month"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("From the first of the month, UTC. Empty: no bound."),
    )
    log_content = models.BooleanField(_("log contents"), default=False)

    created_at = models.DateTimeField(_("issued"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    # No columns, but what a page shows: the key, on the one object that was issued in this very
    # request, and what was spent, on those that `spends.note_spends` has seen.
    fresh_key: str = ""
    spent: Spent

    objects = LicenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("licence")
        verbose_name_plural = _("licences")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["name"], name="licence_name"),
            models.Index(fields=["expires_at"], name="licence_expires"),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.name} ({self.shown_key})"

    @override
    def clean(self) -> None:
        """Refuse times in which the licence could never be used. Raises ValidationError."""
        super().clean()
        if self.expires_at is None:
            return
        if self.not_before is not None and self.expires_at <= self.not_before:
            raise ValidationError(
                {"expires_at": _("This is not after “valid from”; choose a later moment.")}
            )
        if self._state.adding and self.expires_at <= timezone.now():
            raise ValidationError({"expires_at": _("This is over already; choose a later moment.")})

    @property
    def shown_key(self) -> str:
        """What people may see of the key, such as `tk-abcde…wxyz`."""
        return f"{self.key_start}…{self.key_end}"

    def has_old_key(self, now: datetime) -> bool:
        """Whether the key before the last rotation still works at this moment."""
        return bool(self.previous_key_hash) and (self.previous_key_until or now) > now

    def state(self, now: datetime) -> State:
        """What this licence is at this moment; the first state that fits."""
        if self.revoked_at is not None:
            return State.REVOKED
        if not self.enabled:
            return State.SWITCHED_OFF
        if self.expires_at is not None and self.expires_at <= now:
            return State.EXPIRED
        if self.not_before is not None and self.not_before > now:
            return State.NOT_YET_VALID
        if self.expires_at is not None and self.expires_at <= now + EXPIRING_SOON:
            return State.EXPIRING
        return State.ACTIVE


class LicenceSpend(models.Model):
    """What a licence has spent in one window of time: in total, in a day, in a month (UTC)."""

    TOTAL, DAY, MONTH = "total", "day", "month"

    licence = models.ForeignKey(Licence, models.CASCADE, related_name="spends")
    window = models.CharField(max_length=5, choices=[(w, w) for w in (TOTAL, DAY, MONTH)])
    # For "total" a fixed day, so that the constraint below holds (NULLs never collide).
    starts_on = models.DateField()
    cost_micros = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("spend")
        verbose_name_plural = _("spends")
        constraints = [
            models.UniqueConstraint(
                fields=["licence", "window", "starts_on"], name="licence_spend_once"
            )
        ]

    @override
    def __str__(self) -> str:
        return f"{self.licence_id} {self.window} {self.starts_on}: {self.cost_micros}"


class LicenceVersion(models.Model):
    """One row whose number grows with every change of a licence; processes reload when it does."""

    number = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("version of the licences")
        verbose_name_plural = _("versions of the licences")

    @override
    def __str__(self) -> str:
        return str(self.number)

    @classmethod
    def bump(cls) -> None:
        """Tell every process to reload. Needed by hand only after `QuerySet.update()`."""
        if not cls.objects.filter(pk=1).update(number=F("number") + 1):
            # The row came with a migration; `manage.py flush` takes it away.
            LicenceVersion.objects.bulk_create(
                [LicenceVersion(pk=1, number=1)], ignore_conflicts=True
            )

    @classmethod
    def bump_on_signal(cls, **_signal: Any) -> None:
        """Bump after a save or delete; connected in apps.py."""
        cls.bump()

    @classmethod
    def current(cls) -> int:
        """The number now; 0 when the row is not there."""
        return cls.objects.filter(pk=1).values_list("number", flat=True).first() or 0
