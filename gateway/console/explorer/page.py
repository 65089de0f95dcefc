"""The explorer's page: what is asked, its chart, its table, and the ways on from each row."""

from typing import Any, get_args

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from gateway.console.explorer import table as tables
from gateway.console.explorer.asked import DATES, NONE, PERIODS, Asked, asked, today
from gateway.console.pages import for_staff, page
from gateway.usage.groups import By, Scope, licence_names
from gateway.usage.stepping import values

_PATH = "console:explorer"


@for_staff("gateway.view_usageday")
def show(request: HttpRequest) -> HttpResponse:
    """The page."""
    what = asked(request.GET)
    found = tables.table(what)
    return page(
        request,
        "explorer.html",
        _("Usage explorer"),
        asked=what,
        scope=what.scope,
        table=found,
        rows=_rows(request, what, found),
        chart=tables.chart(what, found) if found.count else None,
        heads=_heads(what),
        measured=tables.measures()[what.measure],
        grouped=_groups()[what.by],
        form=_form(what),
        currency=settings.TOKENS_CURRENCY,
        today=today(),
        **_links(request, what, found),
    )


def _groups() -> dict[By, str]:
    return {
        "licence": _("Licence"),
        "platform": _("Platform"),
        "model": _("Model"),
        "day": _("Day"),
        "month": _("Month"),
    }


def _form(what: Asked) -> dict[str, Any]:
    """The fields' choices and values."""
    scope = what.scope
    platforms = [name for name in values("gateway_usageday", "platform") if name]
    if scope.platform and scope.platform not in platforms:
        platforms.append(scope.platform)
    return {
        "periods": [
            *((key, _period(key)) for key in PERIODS),
            (DATES, _("From … to …")),
        ],
        "groups": _groups().items(),
        "measures": tables.measures().items(),
        "platforms": platforms,
        "platform": NONE if scope.platform == "" else scope.platform or "",
        "model": NONE if scope.model == "" else scope.model or "",
        "licence": _licence(scope),
        "is_dates": what.period == DATES,
    }


def _period(key: str) -> str:
    return _("Today") if key == "today" else _("%(days)s days") % {"days": key}


def _licence(scope: Scope) -> str:
    """The licence as its field shows it, with its name now, or else the newest that was booked."""
    if scope.licence_id is None:
        return scope.licence_name or ""
    if not scope.licence_id:
        return NONE
    name = licence_names([scope.licence_id]).get(scope.licence_id)
    return f"{name} ({scope.licence_id})" if name else str(scope.licence_id)


def _heads(what: Asked) -> list[dict[str, Any]]:
    """The table's heads of columns that can be measured: each leads to its own view."""
    names = tables.measures()
    order = ("requests", "errors", "tokens", "cost", "images", "latency")
    return [
        {
            "name": names[measure],
            "query": what.query(measure=measure, page=None),
            "is_current": measure == what.measure,
            "measure": measure,
        }
        for measure in order
    ]


def _rows(request: HttpRequest, what: Asked, found: tables.Table) -> list[dict[str, Any]]:
    """The table's rows with where they lead."""
    may_list = request.user.has_perm("gateway.view_usagerecord")
    records = reverse("admin:gateway_usagerecord_changelist")
    rows = []
    for line in found.lines:
        narrowed = what.narrowed(line.key)
        requests = f"{records}?{narrowed.requests_query}" if may_list else ""
        is_last = narrowed.is_narrowest or narrowed.scope == what.scope
        deeper = requests if is_last else f"?{narrowed.query()}"
        rows.append({"line": line, "deeper": deeper, "requests": requests})
    return rows


def _links(request: HttpRequest, what: Asked, found: tables.Table) -> dict[str, Any]:
    """Where the page leads: files, the list of requests, other pages of the table."""
    query = what.query(page=None)
    links: dict[str, Any] = {
        "sums_file": f"{reverse('console:explorer_sums')}?{query}",
        "by_links": [
            {"name": name, "query": what.query(by=by, page=None), "is_current": by == what.by}
            for by, name in _groups().items()
            if by in get_args(By)
        ],
    }
    if request.user.has_perm("gateway.view_usagerecord"):
        links["requests_file"] = f"{reverse('console:explorer_requests')}?{query}"
        links["requests_list"] = (
            f"{reverse('admin:gateway_usagerecord_changelist')}?{what.requests_query}"
        )
    if found.page > 1:
        links["previous_query"] = what.query(page=found.page - 1)
    if found.page < found.pages:
        links["next_query"] = what.query(page=found.page + 1)
    return links
