"""Run in a process of its own, with Django: makes the rows of a run, reads what came of it.

python -m bench.chaos.inside prepare < plan.json
python -m bench.chaos.inside counters
python -m bench.chaos.inside read
"""

import asyncio
import os
import sys
from typing import Any

import django
import orjson

SUMS = ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_micros", "latency_ms")
HOUR_SUMS = ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_micros")
KEY = ("day", "licence_id", "platform", "model")


def prepare(plan: dict[str, Any]) -> dict[str, Any]:
    """Tables, platforms with credentials and a priced model, licences; the licences' keys."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    from licences.issuing import issue
    from platforms.adding import add_credential, add_mapping, add_platform

    for spec in plan["platforms"]:
        platform, _new = add_platform(spec["slug"], **spec["fields"])
        for name, fields in spec["credentials"].items():
            add_credential(platform, name, f"secret-{name}", **fields)
        for name, fields in spec["models"].items():
            add_mapping(platform, name, **fields)
    licences = [issue(**fields) for fields in plan["licences"]]
    return {"licences": [[licence.pk, key] for licence, key in licences]}


def read() -> dict[str, Any]:
    """Everything that was booked, and how the credentials are."""
    from django.db.models import Max

    from gateway.models import JournalBatch, UsageDay, UsageHour, UsageRecord
    from licences.models import Licence, LicenceSpend
    from platforms.models import Credential

    columns = ("request_id", "at", "licence_id", "platform", "model", "outcome", "status", *SUMS)
    records = UsageRecord.objects.order_by("id").values(*columns)
    days = UsageDay.objects.values(*KEY, "requests", *SUMS)
    hours = UsageHour.objects.values("by", "hour", "name", "requests", *HOUR_SUMS)
    spends = LicenceSpend.objects.values("licence_id", "window", "starts_on", "cost_micros")
    out = Credential.objects.exclude(disabled_reason="", enabled=True)
    return {
        "records": list(records),
        "days": list(days),
        "hours": list(hours),
        "spends": list(spends),
        "journals": dict(JournalBatch.objects.values_list("file").annotate(Max("end"))),
        "budgets": dict(
            Licence.objects.exclude(budget_total_micros=None).values_list(
                "pk", "budget_total_micros"
            )
        ),
        "out_of_service": list(out.values("name", "enabled", "disabled_reason")),
    }


def counters() -> list[dict[str, Any]]:
    """What Redis holds of everything that has limits."""
    from django.conf import settings
    from django.db.models import Q
    from django.utils import timezone

    from licences.limits.redis import RedisCounters
    from licences.limits.terms import Bucket
    from licences.models import Licence
    from platforms.models import Credential

    limited = Q(rpm__gt=0) | Q(concurrency__gt=0) | Q(budget_total_micros__gt=0)
    buckets = [
        Bucket(f"licence:{id}", "licence")
        for id in Licence.objects.filter(limited).values_list("pk", flat=True)
    ]
    rows = Credential.objects.filter(Q(rpm__gt=0) | Q(max_concurrency__gt=0))
    buckets += [
        Bucket(f"credential:{id}", "credential") for id in rows.values_list("pk", flat=True)
    ]

    async def ask() -> list[dict[str, Any]]:
        store = RedisCounters(settings.REDIS_URL)
        found = []
        for bucket in buckets:
            usage = await store.usage(bucket, timezone.now().date())
            found.append(
                {
                    "key": bucket.key,
                    "under_way": usage.under_way,
                    "reserved": usage.reserved,
                    "spent": None if usage.spent is None else usage.spent.total,
                }
            )
        await store.aclose()
        return found

    return asyncio.run(ask())


def main() -> int:
    """Do what the first argument says; JSON in and out."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    django.setup()
    verb = sys.argv[1]
    found: Any
    if verb == "prepare":
        found = prepare(orjson.loads(sys.stdin.buffer.read()))
    else:
        found = {"read": read, "counters": counters}[verb]()
    sys.stdout.buffer.write(orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
