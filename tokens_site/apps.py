"""The site as a Django app: it brings the system checks and the set-up command."""

from django.apps import AppConfig
from typing_extensions import override


class TokensSiteConfig(AppConfig):
    """Registers the checks of the settings."""

    name = "tokens_site"
    verbose_name = "Tokens"

    @override
    def ready(self) -> None:
        import tokens_site.checks  # noqa: F401 - registers itself, and needs loaded settings
