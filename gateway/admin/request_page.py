"""What the page of one request shows: how it ended, what it cost, and what happened when."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from gateway.admin.books import badge
from gateway.console.units import duration
from gateway.models import MediaTask, UsageRecord
from gateway.shapes import Usage
from gateway.usage.prices import Part, format_micros, parts
from gateway.usage.timeline import Bar, timeline
from licences.models import Licence
from platforms.models import Credential, ModelMapping, Platform
from platforms.routes import Price


@dataclass(frozen=True, slots=True)
class Lane:
    """A bar of the timeline as it is drawn: places in per cent of the axis."""

    bar: Bar
    x: str
    width: str
    what: str
    where: str


def context(record: UsageRecord, request: HttpRequest) -> dict[str, Any]:
    """For `admin/gateway/usagerecord/change_form.html`."""
    shown = timeline(
        record.tries,
        first_byte_ms=record.first_byte_ms,
        latency_ms=record.latency_ms,
        is_good=record.outcome == "completed",
    )
    first = record.first_byte_ms
    return {
        "record": record,
        "badge": badge(record.outcome, record.get_outcome_display()),
        "links": _links(record, request),
        "parts": [_part(part) for part in parts(_price(record), _usage(record))],
        "total": format_micros(record.cost_micros),
        "lanes": [_lane(bar, shown.total_ms) for bar in shown.bars],
        "axis_ms": shown.total_ms,
        "is_exact": shown.is_exact,
        "first_x": None if first is None else _percent(first, shown.total_ms),
        "speed": _tokens_per_second(record),
    }


def _links(record: UsageRecord, request: HttpRequest) -> dict[str, str]:
    """Where its names lead, as far as they are still there and may be looked at."""
    may = request.user.has_perm
    links: dict[str, str | bool] = {
        "licence": may("licences.view_licence") and _change(Licence, pk=record.licence_id),
        "platform": may("platforms.view_platform") and _change(Platform, slug=record.platform),
        "credential": may("platforms.view_credential")
        and _change(Credential, pk=record.credential_id),
        "model": may("platforms.view_modelmapping")
        and _change(ModelMapping, platform__slug=record.platform, public_name=record.model),
        "task": may("gateway.view_mediatask")
        and record.endpoint.startswith(("images", "videos"))
        # Not exactly: so PostgreSQL finds it in the index that searches of tasks use.
        and _change(MediaTask, request_id__iexact=record.request_id),
        "previous": _neighbour(record, later=False),
        "next": _neighbour(record, later=True),
    }
    if record.licence_id:
        page = reverse("admin:gateway_usagerecord_changelist")
        links["of_licence"] = f"{page}?licence_id={record.licence_id}"
        if may("gateway.view_usageday"):
            explorer = reverse("console:explorer")
            links["explorer"] = f"{explorer}?licence={record.licence_id}&by=model"
    return {name: link for name, link in links.items() if isinstance(link, str) and link}


def _change(model: Any, **where: Any) -> str:
    """The page of the row that fits, if there is one."""
    if None in where.values():
        return ""
    pk = model.objects.filter(**where).order_by().values_list("pk", flat=True).first()
    options = model._meta
    page = f"admin:{options.app_label}_{options.model_name}_change"
    return "" if pk is None else reverse(page, args=[pk])


def _neighbour(record: UsageRecord, *, later: bool) -> str:
    """The same licence's request before or after this one."""
    side, order = ("gt", "") if later else ("lt", "-")
    own = UsageRecord.objects.filter(licence_id=record.licence_id)
    for where in (
        {"at": record.at, f"pk__{side}": record.pk},
        {f"at__{side}": record.at},
    ):
        found = own.filter(**where).order_by(f"{order}at", f"{order}pk")
        if pk := found.values_list("pk", flat=True).first():
            return reverse("admin:gateway_usagerecord_change", args=[pk])
    return ""


def _price(record: UsageRecord) -> Price:
    names = ("prompt", "completion", "image", "second", "request", "cached", "cache_write")
    return Price(**{name: record.prices[name] for name in names if name in record.prices})


def _usage(record: UsageRecord) -> Usage:
    return Usage(
        prompt_tokens=record.prompt_tokens,
        completion_tokens=record.completion_tokens,
        cached_tokens=record.cached_tokens,
        cache_write_tokens=record.cache_write_tokens,
        images=record.images,
        seconds=record.seconds,
    )


def _part(part: Part) -> dict[str, Any]:
    names = {
        "prompt": _("Prompt tokens"),
        "cached": _("Prompt tokens from the cache"),
        "cache_write": _("Prompt tokens written to the cache"),
        "completion": _("Completion tokens"),
        "image": _("Images"),
        "second": _("Seconds"),
        "request": _("Request"),
    }
    unit = format_micros(part.unit_micros)
    return {
        "name": names[part.kind],
        "number": f"{part.number:,}",
        "unit": _("%(price)s per million") % {"price": unit} if part.is_tokens else unit,
        "amount": f"{part.micros / 1_000_000:,.8f}".rstrip("0").rstrip("."),
    }


def _tokens_per_second(record: UsageRecord) -> str:
    """How fast a streamed answer came, once it came."""
    if not record.stream or record.first_byte_ms is None or record.completion_tokens < 2:
        return ""
    seconds = (record.latency_ms - record.first_byte_ms) / 1000
    return f"{record.completion_tokens / seconds:,.1f}" if seconds > 0 else ""


def _lane(bar: Bar, total_ms: int) -> Lane:
    where = f"{bar.platform}/{bar.model}" if bar.platform else ""
    # Never so thin that it cannot be seen.
    width = f"{max(0.4, 100 * bar.ms / total_ms):.2f}%"
    return Lane(bar, _percent(bar.start_ms, total_ms), width, _what(bar), where)


def _what(bar: Bar) -> str:
    number = {"number": bar.attempt, "took": duration(bar.ms)}
    match bar.kind:
        case "waited":
            return _("Waited %(took)s") % number
        case "failed":
            failed = _("Attempt %(number)s failed after %(took)s") % number
            return f"{failed}: {_failures().get(bar.failure, bar.failure)}"
        case "began":
            text = _("Attempt %(number)s: %(took)s until the answer began") % number
            if bar.failure:
                return f"{text}; {_failures().get(bar.failure, bar.failure)}"
            return text
        case "answered":
            return _("The answer: %(took)s") % number
        case _:
            return _("The answer, which was not whole: %(took)s") % number


def _failures() -> dict[str, str]:
    """What kinds of failure mean."""
    return {
        "rate": _("asked too fast"),
        "quota": _("the account has no credit left"),
        "key": _("the credential was refused"),
        "overloaded": _("the platform had no capacity"),
        "context_length": _("the request was too long for the model"),
        "content_filter": _("the platform's content filter refused it"),
        "not_found": _("the platform has no such model"),
        "bad_request": _("the platform rejected the request as invalid"),
        "unreachable": _("no connection to the platform"),
        "timeout": _("the platform did not answer in time"),
        "broken": _("the platform failed, or gave no usable answer"),
    }


def _percent(ms: int, total_ms: int) -> str:
    return f"{100 * ms / total_ms:.2f}%"
