"""Licences: who may call."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _
from typing_extensions import override


class LicencesConfig(AppConfig):
    """Connects the signals that tell every process to reload its licences."""

    name = "licences"
    verbose_name = _("Licences")

    @override
    def ready(self) -> None:
        from django.db.models.signals import post_delete, post_save

        from licences.models import Licence, LicenceVersion

        for signal in (post_save, post_delete):
            signal.connect(LicenceVersion.bump_on_signal, sender=Licence, dispatch_uid="licences")
