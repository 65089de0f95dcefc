"""What running gateways write down about credentials, for each other and for the console."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override


class Cooldown(models.Model):
    """A platform wants fewer calls for one model with one credential; every process keeps to it."""

    credential = models.ForeignKey(
        "platforms.Credential", models.CASCADE, related_name="cooldowns", editable=False
    )
    model = models.CharField(_("upstream model"), max_length=200)
    until = models.DateTimeField(_("until"))
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("cooldown")
        verbose_name_plural = _("cooldowns")
        constraints = [
            models.UniqueConstraint(fields=["credential", "model"], name="cooldown_once")
        ]
        indexes = [models.Index(fields=["until"], name="cooldown_until")]

    @override
    def __str__(self) -> str:
        return f"{self.credential_id} {self.model}"


class PoolReport(models.Model):
    """How one process sees its credentials, every few seconds; older ones are of dead processes.

    `data`: by credential number, `{"in_flight", "ok", "failed", "rests": {model: [why, until]}}`;
    ok and failed are of the last hour, until is Unix seconds.
    """

    process = models.CharField(_("process"), max_length=80, primary_key=True)
    at = models.DateTimeField(_("time"))
    data = models.JSONField(_("state"), default=dict)

    class Meta:
        verbose_name = _("report of a pool")
        verbose_name_plural = _("reports of pools")

    @override
    def __str__(self) -> str:
        return self.process


class LastTest(models.Model):
    """What the last test of a platform with one credential has shown; None: it asks for no key.

    Gone when the secret or the address that was tested is another one.
    """

    platform = models.ForeignKey(
        "platforms.Platform", models.CASCADE, related_name="last_tests", editable=False
    )
    credential = models.ForeignKey(
        "platforms.Credential",
        models.CASCADE,
        null=True,
        related_name="last_tests",
        editable=False,
    )
    at = models.DateTimeField(_("time"))
    ok = models.BooleanField(_("went well"))
    detail = models.CharField(_("result"), max_length=300, blank=True)
    latency_ms = models.PositiveIntegerField(_("took"), default=0)
    tried = models.JSONField(_("models tried"), default=list)
    """`[{"model", "ok", "status", "ms", "detail"}]`, of mapped chat models."""
    listed = models.JSONField(_("models listed"), default=list)
    """Some of the names that the platform lists, for examples."""

    class Meta:
        verbose_name = _("last test")
        verbose_name_plural = _("last tests")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["platform", "credential"], name="last_test_once"),
            models.UniqueConstraint(
                fields=["platform"],
                condition=models.Q(credential=None),
                name="last_test_keyless_once",
            ),
        ]

    @override
    def __str__(self) -> str:
        return f"{self.platform_id} {self.credential_id} {self.ok}"
