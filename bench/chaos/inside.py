"""Run in a process of its own, with Django: makes the rows of a run, and reads what was booked.

python -m bench.chaos.inside prepare < plan.json      python -m bench.chaos.inside read
"""

import os
import sys
from typing import Any

import django
import orjson

SUMS = ("prompt_tokens", "cached_tokens", "completion_tokens", "cost_micros", "latency_ms")
KEY = ("day", "licence_id", "platform", "model")


def prepare(plan: dict[str, Any]) -> dict[str, Any]:
    """Tables, platforms with credentials and a priced model, licences; the licences' keys."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    from licences.issuing import issue
    from platforms.adding import add_credential, add_mapping, add_platform

    for spec in plan["platforms"]:
        platform, _new = add_platform(spec["slug"], **spec["fields"])
        for name in spec["credentials"]:
            add_credential(platform, name, f"secret-{name}")
        for name, fields in spec["models"].items():
            add_mapping(platform, name, **fields)
    licences = [issue(**fields) for fields in plan["licences"]]
    return {"licences": [[licence.pk, key] for licence, key in licences]}


def read() -> dict[str, Any]:
    """Everything that was booked, and how the credentials are."""
    from django.db.models import Max

    from gateway.models import JournalBatch, UsageDay, UsageRecord
    from licences.models import LicenceSpend
    from platforms.models import Credential

    columns = ("request_id", "at", "licence_id", "platform", "model", "outcome", "status", *SUMS)
    records = UsageRecord.objects.order_by("id").values(*columns)
    days = UsageDay.objects.values(*KEY, "requests", *SUMS)
    spends = LicenceSpend.objects.values("licence_id", "window", "starts_on", "cost_micros")
    out = Credential.objects.exclude(disabled_reason="", enabled=True)
    return {
        "records": list(records),
        "days": list(days),
        "spends": list(spends),
        "journals": dict(JournalBatch.objects.values_list("file").annotate(Max("end"))),
        "out_of_service": list(out.values("name", "enabled", "disabled_reason")),
    }


def main() -> int:
    """Do what the first argument says; JSON in and out."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    django.setup()
    verb = sys.argv[1]
    found = prepare(orjson.loads(sys.stdin.buffer.read())) if verb == "prepare" else read()
    sys.stdout.buffer.write(orjson.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
