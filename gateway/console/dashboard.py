"""The console's start page: is it fast, is it healthy, what does it cost, what has just failed."""

from typing import Any

from django.conf import settings
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from gateway.console import dashboard_charts
from gateway.console.pages import for_staff
from gateway.console.trends import Figure, trend, trend_of_share
from gateway.console.units import compact, duration, money_short, percent
from gateway.models import ENDED, MediaTask, TaskState
from gateway.usage import overview
from gateway.usage.overview import Kind, Timings, Totals
from gateway.usage.periods import CHOICES, Period, period
from licences.models import Licence
from platforms import state
from platforms.state import PlatformHealth, State

REFRESH_S = 30
_LINES = 8
"""Of each list."""
_CARDS = {
    "usage": ("gateway.view_usageday",),
    "licences": ("gateway.view_usageday", "licences.view_licence"),
    "credentials": ("platforms.view_credential",),
    "tasks": ("gateway.view_mediatask",),
    "failures": ("gateway.view_usagerecord",),
    "first_steps": ("platforms.view_platform",),
}
"""What a viewer must be allowed to see for each card."""


def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the start page shows; called by django-unfold."""
    chosen = _period(request)
    may = {card: request.user.has_perms(needed) for card, needed in _CARDS.items()}
    context |= {
        "title": _("Dashboard"),
        "now": timezone.localtime(),
        "refresh_s": REFRESH_S,
        "days": chosen.days,
        "periods": [(days, _name(days)) for days in CHOICES],
        "compared_with": _compared_with(chosen.days),
        "may": may,
        "may_nothing": not any(may.values()),
        "is_empty": overview.is_empty(),
    }
    if may["usage"] and not context["is_empty"]:
        totals, timings = overview.totals(chosen), overview.timings(chosen)
        context["figures"] = _figures(totals, timings)
        context["is_compared"] = totals.before is not None
        context["axes"] = [
            dashboard_charts.axis(chosen, by, totals.steps)
            for by in (overview.By.PLATFORM, overview.By.MODEL)
        ]
        context["latency"] = dashboard_charts.latency(chosen, timings)
        context["measures"] = dashboard_charts.measures()
    if may["credentials"]:
        context |= _credentials()
    if may["tasks"]:
        context["tasks"] = _tasks()
    if may["failures"]:
        context["failures"] = overview.latest_failures(chosen, _LINES)
    return context


@for_staff("gateway.view_usageday")
def top_licences(request: HttpRequest) -> HttpResponse:
    """The card of the licences, which the page fetches when all else is there."""
    if not request.user.has_perms(_CARDS["licences"]):
        return render(request, "console/dashboard_licences.html", {"is_refused": True}, status=403)
    chosen = _period(request)
    found = overview.licences(chosen, _LINES)
    names = dict(Licence.objects.filter(pk__in=dict(found)).values_list("pk", "name"))
    lines = [(pk, names.get(pk), sums) for pk, sums in found]
    return render(request, "console/dashboard_licences.html", {"lines": lines})


def _period(request: HttpRequest) -> Period:
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, CHOICES) else CHOICES[0]
    return period(days, timezone.now(), timezone.get_current_timezone())


def _name(days: int) -> str:
    return _("Today") if days == 1 else _("%(days)d days") % {"days": days}


def _compared_with(days: int) -> str:
    if days == 1:
        return _("Compared with yesterday up to the same time.")
    return _("Compared with the %(days)d days before, up to the same time.") % {"days": days}


def _figures(totals: Totals, timings: Timings) -> list[Figure]:
    now, before = totals.now, totals.before
    money = money_short(round(now.cost_micros), settings.TOKENS_CURRENCY)
    return [
        Figure(
            _("Requests"), compact(now.requests), before and trend(now.requests, before.requests)
        ),
        Figure(
            _("Success rate"),
            percent(now.success),
            before and trend_of_share(now.success, before.success),
            _("%(failed)s failed") % {"failed": compact(now.failed)},
        ),
        Figure(_("Tokens"), compact(now.tokens), before and trend(now.tokens, before.tokens)),
        Figure(_("Cost"), money, before and trend(now.cost_micros, before.cost_micros)),
        _timing(_("Latency, median"), timings, Kind.LATENCY, 0.5, totals),
        _timing(_("Latency, p95"), timings, Kind.LATENCY, 0.95, totals),
        _timing(_("First token, median"), timings, Kind.FIRST_BYTE, 0.5, totals),
        _timing(_("First token, p95"), timings, Kind.FIRST_BYTE, 0.95, totals),
    ]


def _timing(name: str, timings: Timings, kind: Kind, share: float, totals: Totals) -> Figure:
    now = timings.percentile(kind, share)
    before = timings.percentile(kind, share, before=True) if totals.before else None
    return Figure(name, duration(now), trend(now, before, "less"))


def _credentials() -> dict[str, Any]:
    """Platforms with the states of their credentials; those without trouble only as a number."""
    platforms = state.by_platform()
    shown = platforms[:_LINES]
    return {
        "health": [(one, _states(one)) for one in shown],
        "more_platforms": len(platforms) - len(shown),
    }


def _states(platform: PlatformHealth) -> list[dict[str, Any]]:
    """What there is of each state, in the order of concern, with how the console filters by it."""
    kinds = {
        State.OUT: "bad",
        State.FAILING: "bad",
        State.RESTING: "warn",
        State.ACTIVE: "good",
        State.DRAINING: "",
        State.OFF: "",
    }
    return [
        {
            "count": platform.counts[one],
            "label": one.label,
            "kind": kind,
            # What is failing only running processes know; the list has no filter for it.
            "filter": "" if one == State.FAILING else one.value,
        }
        for one, kind in kinds.items()
        if one in platform.counts
    ]


def _tasks() -> dict[str, Any]:
    """Media tasks that have not ended, and since when the oldest waits."""
    states = [one for one in TaskState if one not in ENDED]
    found = {
        state: (count, oldest)
        for state, count, oldest in MediaTask.objects.filter(state__in=states)
        .order_by()
        .values_list("state")
        .annotate(number=Count("pk"), oldest=Min("created_at"))
    }
    queued, oldest = found.pop(TaskState.QUEUED, (0, None))
    return {
        "queued": queued,
        "oldest": oldest,
        "running": sum(count for count, _oldest in found.values()),
    }
