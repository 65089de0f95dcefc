"""What a test has shown, as the console tells it: a sentence, and a table of the models tried."""

from collections.abc import Iterable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from platforms.probing import ModelResult, ProbeResult


def probe_message(name: str, result: ProbeResult) -> str | SafeString:
    """The message; whatever the platform said in it is escaped."""
    text = gettext("%(name)s: %(detail)s (%(ms)s ms)") % {
        "name": name,
        "detail": result.detail,
        "ms": result.latency_ms,
    }
    return format_html("{}{}", text, _table(result.tried)) if result.tried else text


def _table(tried: Iterable[ModelResult]) -> SafeString:
    rows = format_html_join(
        "",
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{} ms</td><td>{}</td></tr>",
        (
            (one.model, "✓" if one.ok else "✗", one.status or "-", one.latency_ms, one.detail)
            for one in tried
        ),
    )
    return format_html('<table class="tk-table tk-small">{}</table>', rows)
