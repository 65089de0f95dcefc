"""GET /<platform>/v1/licence and /v1/licence: what the licence that asks may use, and has used."""

from datetime import date, datetime, timedelta
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from gateway.rest import GatewayView
from gateway.shapes import Json, duration
from gateway.usage.prices import MICROS
from licences.errors import NotAllowed
from licences.holders import Holder
from licences.limits.terms import Bucket, Budget, Usage


class LicenceView(GatewayView):
    """For programs that want to know how much is left before they ask for it. Counts as nothing."""

    endpoint = "licence"

    async def get(self, request: Request, platform: str) -> Response:
        """Limits, used, left, expiry. Raises LimitsUnavailable."""
        holder = await self.authenticate(request)
        if platform:
            self.gateway.catalogue.platform(platform)
            if not holder.may_call(platform):
                raise NotAllowed("platform", platform)
        limits, budgets = [], []
        for bucket in holder.all_buckets():
            usage = await self.gateway.limiter.usage(bucket)
            limits += _limits(bucket, usage)
            budgets += [_budget(budget, usage) for budget in bucket.budgets]
        return Response({**_holder(holder), "limits": limits, "budgets": budgets})


def _holder(holder: Holder) -> dict[str, Json]:
    return {
        "object": "licence",
        "name": holder.name,
        "key_start": holder.start,
        "expires_at": None if holder.expires_s is None else int(holder.expires_s),
        "platforms": sorted(holder.platforms) or None,
        "models": list(holder.patterns) or None,
    }


def _limits(bucket: Bucket, usage: Usage) -> list[dict[str, Json]]:
    models = bucket.name or None
    found: list[dict[str, Json]] = []
    rates = (
        ("requests_per_minute", bucket.rpm, usage.requests, usage.requests_reset_s),
        ("tokens_per_minute", bucket.tpm, usage.tokens, usage.tokens_reset_s),
        ("parallel_requests", bucket.concurrency, usage.under_way, None),
    )
    for name, limit, used, reset_s in rates:
        if limit is not None:
            one = {"limit": name, "models": models, "most": limit, "used": used}
            one["left"] = max(0, limit - used)
            one["reset"] = None if reset_s is None else duration(reset_s)
            found.append(one)
    return found


def _budget(budget: Budget, usage: Usage) -> dict[str, Json]:
    spent = usage.spent
    assert spent is not None  # the limiter has asked for it
    used = getattr(spent, budget.window)
    left = max(0, budget.amount - used - usage.reserved)
    return {
        "window": budget.window,
        "amount": budget.amount / MICROS,
        "spent": used / MICROS,
        "reserved": usage.reserved / MICROS,
        "left": left / MICROS,
        **_bounds(budget.window, spent.on),
    }


def _bounds(window: str, day: date) -> dict[str, Any]:
    """When a budget's window began and ends, in Unix seconds."""
    if window == "total":
        return {"starts_at": None, "ends_at": None}
    start = day if window == "day" else day.replace(day=1)
    end = start + timedelta(days=1 if window == "day" else 31)
    end = end if window == "day" else end.replace(day=1)
    return {"starts_at": _unix(start), "ends_at": _unix(end)}


def _unix(day: date) -> int:
    return int(datetime.fromisoformat(f"{day.isoformat()}T00:00:00+00:00").timestamp())
