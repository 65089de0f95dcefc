"""How many alerts are open: for the badge in the navigation, and for pages that want to say so."""

from gateway.alert_rows import Alert


def open_count() -> int:
    """Alerts that are open now: one small query."""
    return Alert.objects.open().count()


def badge() -> str:
    """The number as the navigation shows it; "" where there is none."""
    count = open_count()
    return str(count) if count else ""
