"""Rows by the thousand, for benchmarks. Run in a process of its own, with the site's settings.

python -m bench.filling fill < plan.json      python -m bench.filling touch licence
"""

import os
import sys
from typing import Any

import django
import orjson


def fill(plan: dict[str, Any]) -> dict[str, Any]:
    """Licences, platforms, credentials and models; a licence's key and a platform's short name."""
    from django.core.management import call_command
    from django.db import transaction

    call_command("migrate", verbosity=0, interactive=False)
    with transaction.atomic():
        slugs = _platforms(plan)
        return {"key": _licences(plan["licences"]), "platforms": slugs}


def _platforms(plan: dict[str, Any]) -> list[str]:
    """All upstream rows; the first platform has `most` credentials, the others share the rest."""
    from platforms.models import CatalogueVersion, Credential, ModelMapping, Platform
    from platforms.secrets import encrypt

    count = plan["platforms"]
    platforms = Platform.objects.bulk_create(
        Platform(slug=f"p{number}", name=f"Platform {number}", base_url=plan["base_url"])
        for number in range(count)
    )
    Credential.objects.bulk_create(
        Credential(
            platform=platforms[0 if number < plan["most"] else 1 + number % (count - 1)],
            name=f"key {number}",
            secret_encrypted=encrypt(f"secret-of-credential-{number}"),
            groups=["paid"] if number % 3 else [],
        )
        for number in range(plan["credentials"])
    )
    ModelMapping.objects.bulk_create(
        ModelMapping(
            platform=platforms[number % count],
            public_name=f"bench-{number}",
            upstream_name="bench-chat",
            price_prompt_micros=3_000_000,
            overrides={"temperature_range": [0, 1]} if number % 5 == 0 else {},
        )
        for number in range(plan["models"])
    )
    CatalogueVersion.bump()
    return [platform.slug for platform in platforms]


def _licences(count: int) -> str:
    from django.conf import settings

    from licences.keys import hash_key, new_key, start_and_end
    from licences.models import Licence, LicenceVersion

    rows, key = [], ""
    for number in range(count):
        key = new_key()
        start, end = start_and_end(key)
        licence = Licence(name=f"licence {number}", key_start=start, key_end=end)
        licence.key_hash = hash_key(key.encode("ascii"), settings.TOKENS_LICENCE_PEPPER.encode())
        if number % 4 == 0:
            licence.platforms = ["p0", "p1", "p2"]
        if number % 4 == 1:
            licence.model_patterns = ["bench-*", "gpt-*"]
        if number % 4 == 2:
            licence.networks = ["127.0.0.0/8", "10.0.0.0/8"]
        rows.append(licence)
    Licence.objects.bulk_create(rows)
    LicenceVersion.bump()
    return key


def touch(what: str) -> dict[str, Any]:
    """Change one row as the console does, so that every process loads anew; or `nothing`."""
    from licences.models import Licence
    from platforms.models import Credential

    models: dict[str, Any] = {"licence": Licence, "credential": Credential}
    if what in models:
        models[what].objects.order_by("id").first().save()
    return {}


def main() -> int:
    """Do what the first argument says; JSON in and out."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    django.setup()
    verb = sys.argv[1]
    found = fill(orjson.loads(sys.stdin.buffer.read())) if verb == "fill" else touch(sys.argv[2])
    sys.stdout.buffer.write(orjson.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
