"""A figure beside the one of the period before: which way it moves, and whether that is good."""

from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from gateway.console.units import percent

Good = Literal["more", "less", ""]
"""Which way is better; "": neither."""
_STEADY = 0.005
"""Half a per cent is no movement."""
_VAST = 10.0
"""From here on it is said as a factor."""


@dataclass(frozen=True, slots=True)
class Trend:
    """How a figure has moved."""

    arrow: str
    """▲ or ▼; "" where it has not moved."""
    words: str
    """By how much, and more or less, better or worse: nobody has to see an arrow or a colour."""
    verdict: Literal["better", "worse", ""] = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the dashboard."""

    name: str | Promise
    value: str
    trend: Trend | None
    """None: there is nothing to compare with."""
    note: str = ""


def trend(now: float | None, before: float | None, good: Good = "") -> Trend | None:
    """The change as a share of what was before."""
    if now is None or not before:
        return None
    change = now / before - 1
    if abs(change) < _STEADY:
        return _steady()
    amount = (
        _("%(number)d times") % {"number": round(1 + change)}
        if change >= _VAST
        else percent(abs(change))
    )
    return _moved(change > 0, amount, good)


def trend_of_share(now: float | None, before: float | None) -> Trend | None:
    """The change of a share of which more is better, in percentage points."""
    if now is None or before is None:
        return None
    points = (now - before) * 100
    if abs(points) < 0.05:
        return _steady()
    return _moved(points > 0, _("%(number).1f points") % {"number": abs(points)}, "more")


def _steady() -> Trend:
    return Trend("", _("as before"))


def _moved(up: bool, amount: str, good: Good) -> Trend:
    arrow = "▲" if up else "▼"
    if not good:
        words = _("%(amount)s more") if up else _("%(amount)s less")
        return Trend(arrow, words % {"amount": amount})
    if up == (good == "more"):
        return Trend(arrow, _("%(amount)s better") % {"amount": amount}, "better")
    return Trend(arrow, _("%(amount)s worse") % {"amount": amount}, "worse")
