"""The dashboard's charts: usage by platform and by model in three measures, and latency."""

from collections.abc import Sequence
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from gateway.console.charts import TOP, chart, largest
from gateway.usage import overview
from gateway.usage.overview import By, Figures, Kind, Sums, Timings
from gateway.usage.periods import Period
from gateway.usage.prices import MICROS

_LINES = 12
"""Of the table beside a chart."""


def measures() -> list[tuple[str, str]]:
    """What the charts can show, with how that is called."""
    return [("requests", _("Requests")), ("tokens", _("Tokens")), ("cost", _("Cost"))]


def axis(period: Period, by: By, totals: dict[int, Figures]) -> dict[str, Any]:
    """A card: a chart for each measure, and a table of what each name comes to."""
    found = overview.axis(period, by, TOP)
    names = sorted(found.totals, key=lambda name: (-found.totals[name].requests, name))
    return {
        "id": str(by),
        "title": _("By platform") if by == By.PLATFORM else _("By model"),
        "name": by.label,
        "charts": [
            (f"chart-{by}-{measure}", _chart(period, found, place, totals))
            for place, (measure, _name) in enumerate(measures())
        ],
        "lines": [(name, found.totals[name]) for name in names[:_LINES]],
        "more": max(0, len(names) - _LINES),
    }


def latency(period: Period, timings: Timings) -> dict[str, Any]:
    """How the median and the slow answers moved, whole and to their first token."""
    lines = (
        (_("Latency, median"), Kind.LATENCY, 0.5),
        (_("Latency, p95"), Kind.LATENCY, 0.95),
        (_("First token, median"), Kind.FIRST_BYTE, 0.5),
        (_("First token, p95"), Kind.FIRST_BYTE, 0.95),
    )
    steps = len(period.steps)
    series = [(name, timings.over_time(kind, share, steps)) for name, kind, share in lines]
    shown = _labels(period)
    return {
        "chart": chart("line", shown, series, "ms"),
        "names": [name for name, _values in series],
        "rows": [
            (label, [values[n] for _name, values in series])
            for n, label in enumerate(shown)
            if any(values[n] is not None for _name, values in series)
        ],
    }


def _chart(
    period: Period, found: overview.Axis, place: int, totals: dict[int, Figures]
) -> dict[str, Any]:
    # A name has the same colour whatever is measured, where the same names are the largest.
    top = set(largest({name: sums[place] for name, sums in found.totals.items()}))
    names = sorted(top, key=lambda name: (-found.totals[name].requests, name))
    scale = MICROS if overview.MEASURES[place] == "cost_micros" else 1
    begun = period.begun()
    series = [(name, _values(found.steps[name], place, begun)) for name in names]
    alls = [_of_all(totals.get(step), place) for step in range(begun)]
    rest = [max(0, whole - sum(s[step] for _n, s in series)) for step, whole in enumerate(alls)]
    return chart(
        "stacked",
        _labels(period),
        [(name or _("none"), _padded(values, scale, period)) for name, values in series],
        "money" if scale == MICROS else "count",
        _padded(rest, scale, period),
    )


def _values(steps: dict[int, Sums], place: int, begun: int) -> list[float]:
    return [steps.get(step, Sums())[place] for step in range(begun)]


def _of_all(figures: Figures | None, place: int) -> float:
    return float(getattr(figures, overview.MEASURES[place])) if figures else 0


def _padded(values: Sequence[float], scale: int, period: Period) -> list[float | None]:
    """In the chart's unit, and nothing for what is in the future."""
    future = len(period.steps) - len(values)
    return [value / scale if scale > 1 else value for value in values] + [None] * future


def _labels(period: Period) -> list[str]:
    form = {1: "H:i", 7: "D H:i"}.get(period.days, "MONTH_DAY_FORMAT")
    return [date_format(period.local(step), form) for step in period.steps]
