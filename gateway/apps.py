"""The gateway: what happens between a licence's call and a platform's answer."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _
from typing_extensions import override


class GatewayConfig(AppConfig):
    """Relay, usage, and the endpoints that clients call."""

    name = "gateway"
    verbose_name = _("Gateway")

    @override
    def ready(self) -> None:
        """Tell the two apps below, which do not know each other, what each needs of the rest."""
        from gateway.console import events, roles
        from gateway.probe import probe
        from licences.forms import platform_choices
        from platforms import probing

        platform_choices.register(_platforms)
        probing.use(probe)
        post_migrate.connect(roles.after_migrating, dispatch_uid="gateway.roles")
        events.connect()


def _platforms() -> list[tuple[str, str]]:
    from platforms.models import Platform

    return [(slug, name) for slug, name in Platform.objects.values_list("slug", "name")]
