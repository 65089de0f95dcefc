"""Template filters for numbers: `{{ tokens|compact }}`, `{{ cost_micros|money }}`."""

from django import template
from django.conf import settings

from gateway.console import units

register = template.Library()
register.filter("compact", units.compact)
register.filter("duration", units.duration)
register.filter("percent", units.percent)


@register.filter
def money(micros: int) -> str:
    """Micro-units in the site's currency, every digit that counts."""
    return units.money(micros, settings.TOKENS_CURRENCY)


@register.filter
def money_short(micros: int) -> str:
    """The same in at most two decimals, four below one."""
    return units.money_short(micros, settings.TOKENS_CURRENCY)
