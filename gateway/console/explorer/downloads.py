"""The explorer's files: the sums of its table, and the single requests behind them."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from gateway.console.explorer.asked import Asked, asked
from gateway.console.explorer.table import ordered_groups
from gateway.console.pages import for_staff
from gateway.usage import export, groups, sheets
from gateway.usage.groups import SUMMED, By

_TYPE = "text/csv; charset=utf-8"
_HEADS: dict[By, tuple[str, ...]] = {
    "licence": ("licence_id", "licence"),
    "platform": ("platform",),
    "model": ("platform", "model"),
    "day": ("day",),
    "month": ("month",),
}


@for_staff("gateway.view_usageday")
def of_sums(request: HttpRequest) -> HttpResponseBase:
    """Every group of the table, not its page alone."""
    what = asked(request.GET)
    ordered = ordered_groups(what, groups.grouped(what.scope, what.by))
    names = [name for name in SUMMED if name not in ("cost_micros", "latency_ms")]
    head = [*_HEADS[what.by], *names, "mean_latency_ms", "cost"]
    rows = (
        [
            *(sheets.cell(_text(what, part)) for part in key),
            *(getattr(group, name) for name in names),
            round(group.mean_latency_ms or 0),
            sheets.amount(group.cost_micros),
        ]
        for key, group in ordered
    )
    answer = HttpResponse(
        sheets.BOM.encode() + sheets.lines([head]) + sheets.lines(rows), content_type=_TYPE
    )
    return _as_file(answer, f"usage-by-{what.by}", what)


@for_staff("gateway.view_usagerecord")
def of_requests(request: HttpRequest) -> HttpResponseBase:
    """Each request of the period, streamed: there may be millions."""
    what = asked(request.GET)
    answer = StreamingHttpResponse(export.requests(what.scope), content_type=_TYPE)
    # Nginx would wait for some of it, and keep the rest on its disk.
    answer["X-Accel-Buffering"] = "no"
    return _as_file(answer, "requests", what)


def _as_file(answer: HttpResponseBase, name: str, what: Asked) -> HttpResponseBase:
    scope = what.scope
    answer["Content-Disposition"] = (
        f'attachment; filename="{name}-{scope.since}-to-{scope.until}.csv"'
    )
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _text(what: Asked, part: object) -> str:
    return str(part)[:7] if what.by == "month" else str(part)
