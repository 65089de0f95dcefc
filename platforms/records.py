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
