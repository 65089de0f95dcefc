"""What charts.js draws, as JSON: series over steps of time, the largest by name and the rest."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from django.conf import settings
from django.utils.translation import gettext as _

TOP = 7
"""Series that get a name and a colour; the eighth colour is that of the rest."""

Values = Sequence[float | None]


def chart(
    kind: Literal["line", "bar", "stacked"],
    labels: Sequence[str],
    series: Iterable[tuple[str, Values]],
    unit: Literal["count", "money", "ms", "percent"] = "count",
    rest: Values | None = None,
) -> dict[str, Any]:
    """One chart; money in units of the currency, not in micro-units. `rest`: all others."""
    shown: list[dict[str, Any]] = [{"name": name, "values": list(v)} for name, v in series]
    if rest is not None and any(rest):
        shown.append({"name": _("others"), "values": list(rest), "rest": True})
    return {
        "kind": kind,
        "labels": list(labels),
        "series": shown,
        "unit": unit,
        "currency": settings.TOKENS_CURRENCY,
    }


def largest(totals: Mapping[str, float], count: int = TOP) -> list[str]:
    """The names with the largest totals, the largest first; none whose total is zero."""
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    return [name for name in ranked[:count] if totals[name] > 0]
