"""How many alerts are open: for the badge in the navigation, and for pages that want to say so."""

from django.core.cache import cache

from gateway.alert_rows import Alert

KEPT_S = 5
_KEY = "alerts-open"


def open_count() -> int:
    """Alerts that are open now, as of a few seconds ago. One small query at most."""
    found: int | None = cache.get(_KEY)
    if found is None:
        found = Alert.objects.open().count()
        cache.set(_KEY, found, KEPT_S)
    return found


def badge() -> str:
    """The number as the navigation shows it; "" where there is none."""
    count = open_count()
    return str(count) if count else ""


def forget() -> None:
    """Count anew for the next page."""
    cache.delete(_KEY)
