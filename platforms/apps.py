"""Platforms: whom we call."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _
from typing_extensions import override


class PlatformsConfig(AppConfig):
    """Connects the signals that tell every process to rebuild its catalogue."""

    name = "platforms"
    verbose_name = _("Platforms")

    @override
    def ready(self) -> None:
        from django.db.models.signals import post_delete, post_save

        from platforms.models import CatalogueVersion, Credential, ModelMapping, Platform

        for signal in (post_save, post_delete):
            for model in (Platform, Credential, ModelMapping):
                signal.connect(
                    CatalogueVersion.bump_on_signal,
                    sender=model,
                    dispatch_uid=f"platforms.{model.__name__}",
                )
