"""What a licence's page shows of the gateway: use, last requests, rates now, where it may call."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from gateway.models import Outcome, UsageDay, UsageRecord
from gateway.runtime import Gateway
from gateway.sandbox import chat
from gateway.usage.prices import MICROS
from licences.errors import LimitsUnavailable
from licences.limits.terms import Bucket, Usage
from licences.models import Licence
from licences.panels import Reach
from platforms.models import Kind, ModelMapping, Platform

DAYS = 30
LAST = 10
COUNT_S = 1.0  # a page does not wait longer for counters on another machine
_TONES: dict[str, str] = {
    Outcome.COMPLETED: "good",
    Outcome.TRUNCATED: "warn",
    Outcome.REFUSED: "warn",
    Outcome.UPSTREAM_ERROR: "bad",
}


def usage(request: HttpRequest, licence: Licence) -> SafeString | str:
    """Charts of the last days and the last requests, for those who may see each of them."""
    may_see_days = request.user.has_perm("gateway.view_usageday")
    may_see_records = request.user.has_perm("gateway.view_usagerecord")
    if not (may_see_days or may_see_records):
        return ""
    context: dict[str, Any] = {"currency": settings.TOKENS_CURRENCY, "licence": licence}
    if may_see_days:
        context |= _by_day(licence.pk, timezone.now().date())
    if may_see_records:
        context |= _last(licence.pk)
    return render_to_string("console/licence_usage.html", context, request)


def usages_of(buckets: Sequence[Bucket]) -> list[Usage] | None:
    """What they hold now; None where this process has no gateway or counters cannot be reached."""
    gateway = Gateway.running()
    if gateway is None:
        return None
    try:
        return async_to_sync(_counted)(gateway, buckets)
    except (LimitsUnavailable, TimeoutError):
        return None


def reaches() -> list[Reach]:
    """The platforms that answer, with the names of their chat models, oldest first."""
    names = defaultdict(list)
    for slug, name in (
        ModelMapping.objects.filter(enabled=True, kind=Kind.CHAT)
        .order_by("pk")
        .values_list("platform__slug", "public_name")
    ):
        names[slug].append(name)
    return [
        Reach(
            one.slug,
            one.name,
            (*names[one.slug], *(chat.MODELS if _is_sandbox(one) else ())),
            one.pass_unmapped,
        )
        for one in Platform.objects.filter(enabled=True)
    ]


def _is_sandbox(platform: Platform) -> bool:
    return platform.base_url.startswith("sandbox:") and platform.pass_unmapped


async def _counted(gateway: Gateway, buckets: Sequence[Bucket]) -> list[Usage]:
    async with asyncio.timeout(COUNT_S):
        return [await gateway.limiter.usage(bucket) for bucket in buckets]


def _by_day(licence_id: int, today: date) -> dict[str, Any]:
    """Sums by day, all days there; `charts` as charts.js wants them."""
    days = [today - timedelta(days=ago) for ago in range(DAYS - 1, -1, -1)]
    found = {
        row["day"]: row
        # The days one by one: so the index that begins with the day finds the licence in each.
        for row in UsageDay.objects.filter(licence_id=licence_id, day__in=days)
        .order_by()
        .values("day")
        .annotate(
            all=Sum("requests"),
            failed=Sum("errors"),
            prompt=Sum("prompt_tokens"),
            completion=Sum("completion_tokens"),
            cost=Sum("cost_micros"),
        )
    }
    empty = {"all": 0, "failed": 0, "prompt": 0, "completion": 0, "cost": 0}
    rows: list[dict[str, Any]] = [{"day": day, **empty, **found.get(day, {})} for day in days]

    def values(name: str, unit: int = 1) -> list[float]:
        return [row[name] / unit if unit > 1 else row[name] for row in rows]

    requests = [
        {
            "name": _("answered"),
            "values": [row["all"] - row["failed"] for row in rows],
        },
        {"name": _("failed"), "values": values("failed")},
    ]
    tokens = [
        {"name": _("prompt tokens"), "values": values("prompt")},
        {"name": _("completion tokens"), "values": values("completion")},
    ]
    cost = [{"name": _("cost"), "values": values("cost", MICROS)}]
    frame = {"kind": "stacked", "labels": [day.isoformat()[5:] for day in days]}
    return {
        "days": rows,
        "total": {name: sum(row[name] for row in rows) for name in empty},
        "charts": [
            ("requests", _("Requests"), {**frame, "unit": "count", "series": requests}),
            ("tokens", _("Tokens"), {**frame, "unit": "count", "series": tokens}),
            (
                "cost",
                _("Cost"),
                {**frame, "unit": "money", "currency": settings.TOKENS_CURRENCY, "series": cost},
            ),
        ],
    }


def _last(licence_id: int) -> dict[str, Any]:
    records = list(UsageRecord.objects.filter(licence_id=licence_id).order_by("-at")[:LAST])
    return {
        "sees_records": True,
        "records": [
            {"record": one, "tone": _TONES.get(one.outcome, ""), "page": _page(one)}
            for one in records
        ],
        "all_url": reverse("admin:gateway_usagerecord_changelist") + f"?licence_id={licence_id}",
    }


def _page(record: UsageRecord) -> str:
    return reverse("admin:gateway_usagerecord_change", args=[record.pk])
