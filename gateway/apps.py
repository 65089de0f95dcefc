"""The gateway: what happens between a licence's call and a platform's answer."""

from collections.abc import Callable

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
        from gateway.console import events, licence_panels, policy, roles
        from gateway.probe import list_models, probe
        from licences.forms import platform_choices
        from licences.panels import panels
        from platforms import probing, secrets

        platform_choices.register(_platforms)
        panels.register(
            usage=licence_panels.usage,
            usages_of=licence_panels.usages_of,
            reaches=licence_panels.reaches,
        )
        probing.use(probe, list_models)
        secrets.rotate_also(_rotate_webhooks)
        post_migrate.connect(roles.after_migrating, dispatch_uid="gateway.roles")
        events.connect()
        policy.plain_json()


def _platforms() -> list[tuple[str, str]]:
    from platforms.models import Platform

    return [(slug, name) for slug, name in Platform.objects.values_list("slug", "name")]


def _rotate_webhooks(rotate: Callable[[str], str]) -> int:
    from gateway.alert_rows import AlertTarget

    targets = list(AlertTarget.objects.select_for_update().exclude(secret_encrypted=""))
    for target in targets:
        target.secret_encrypted = rotate(target.secret_encrypted)
        target.save(update_fields=["secret_encrypted"])
    return len(targets)
