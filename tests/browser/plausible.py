"""A month of a small company's use, the same at every run: for screenshots and looks at pages."""

import math
import random
from datetime import datetime, timedelta
from typing import Any

from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from gateway.models import MediaTask
from gateway.usage import rows
from licences.issuing import issue
from licences.models import Licence
from platforms.adding import add_credential, add_platform
from platforms.models import Credential, ModelMapping, Platform

DAYS = 30
PLATFORMS = {
    "openai": ("openai", ["gpt-5.2", "gpt-5.2-mini"], (1_750_000, 14_000_000)),
    "claude": ("anthropic", ["claude-sonnet-4-6", "claude-haiku-4-5"], (3_000_000, 15_000_000)),
    "deepseek": ("deepseek", ["deepseek-chat", "deepseek-reasoner"], (280_000, 420_000)),
    "qwen": ("dashscope", ["qwen3-max"], (1_200_000, 6_000_000)),
}
LICENCES = (
    ("Support bot", "Customer service"),
    ("Code review", "Engineering"),
    ("Ada's laptop", "Ada"),
    ("Nightly summaries", "Data"),
    ("Marketing texts", "Marketing"),
    ("Bob's experiments", "Bob"),
)


def fill(requests: int = 6_000) -> None:
    """Platforms, credentials, licences and what they did; the tables are there and empty."""
    chance = random.Random(7)
    platforms = [_platform(slug, *said) for slug, said in PLATFORMS.items()]
    licences = [_licence(number, *said) for number, said in enumerate(LICENCES)]
    _hard_times()
    now = timezone.now()
    records = [_record(chance, n, now, platforms, licences) for n in range(requests)]
    for begin in range(0, requests, 500):
        with transaction.atomic():
            rows.insert(rows.checked(record) for record in records[begin : begin + 500])
    _tasks(now, licences)


def migrate() -> None:
    """The tables."""
    call_command("migrate", verbosity=0)


def _platform(slug: str, preset: str, models: list[str], prices: tuple[int, int]) -> Platform:
    platform, _new = add_platform(slug, preset=preset)
    # Nobody is to be asked for their list of models because of a picture.
    Platform.objects.filter(pk=platform.pk).update(pass_unmapped=False)
    for name in ("main", "spare", "team b"):
        add_credential(platform, name, f"sk-{slug}-{name}")
    for model in models:
        ModelMapping.objects.create(
            platform=platform,
            public_name=model,
            price_prompt_micros=prices[0],
            price_completion_micros=prices[1],
        )
    return platform


def _licence(number: int, name: str, owner: str) -> Licence:
    limits: dict[str, Any] = {"rpm": 600, "tpm": 400_000, "concurrency": 20} if number % 2 else {}
    if number % 3 == 0:
        limits |= {"budget_month_micros": 600_000_000, "budget_day_micros": 40_000_000}
    licence, _key = issue(name=name, owner=owner, **limits)
    if number == 2:
        licence.expires_at = timezone.now() + timedelta(days=4)
        licence.save()
    return licence


def _hard_times() -> None:
    """One key that its platform has refused, one that rests."""
    refused, rests = Credential.objects.filter(name="spare").order_by("pk")[:2]
    now = timezone.now()
    Credential.objects.filter(pk=refused.pk).update(
        disabled_reason="401: Incorrect API key provided.",
        disabled_at=now - timedelta(hours=3),
        probe_at=now + timedelta(hours=1),
        last_error="Incorrect API key provided.",
        last_error_at=now - timedelta(hours=3),
    )
    Credential.objects.filter(pk=rests.pk).update(
        cooling_until=now + timedelta(hours=2), cooling_reason="429: Too many requests"
    )


def _record(
    chance: random.Random,
    number: int,
    now: datetime,
    platforms: list[Platform],
    licences: list[Licence],
) -> dict[str, Any]:
    back = DAYS * 86_400 * chance.random() ** 1.15
    at = now - timedelta(seconds=back)
    # Most is asked by day; every seventh night is quiet.
    quiet = 0.5 + 0.5 * math.cos((at.hour - 14) / 24 * 2 * math.pi)
    if chance.random() > 0.25 + quiet:
        at = at.replace(hour=9 + int(chance.random() * 8))
        at = at if at < now else at - timedelta(days=1)
    platform = chance.choices(platforms, [5, 4, 3, 1])[0]
    licence = chance.choices(licences, [6, 5, 3, 3, 2, 1])[0]
    models = PLATFORMS[platform.slug][1]
    model = models[0] if chance.random() < 0.7 else models[-1]
    prices = PLATFORMS[platform.slug][2]
    prompt, completion = int(chance.lognormvariate(7, 1)), int(chance.lognormvariate(5.6, 0.8))
    first = int(chance.lognormvariate(6.2, 0.5))
    record: dict[str, Any] = {
        "request_id": f"foaicmpl-{number:032x}",
        "at": int(at.timestamp() * 1e6),
        "licence_id": licence.pk,
        "licence_name": licence.name,
        "platform": platform.slug,
        "endpoint": "chat",
        "model": model,
        "upstream_model": model,
        "stream": chance.random() < 0.8,
        "outcome": "completed",
        "status": 200,
        "attempts": 1,
        "credential_id": platform.credentials.all()[0].pk,
        "credential_name": "main",
        "prompt_tokens": prompt,
        "cached_tokens": prompt // 3 if chance.random() < 0.4 else 0,
        "completion_tokens": completion,
        "measured": True,
        "cost_micros": (prompt * prices[0] + completion * prices[1]) // 1_000_000,
        "price_version": 1,
        "prices": {"prompt": prices[0], "completion": prices[1]},
        "first_byte_ms": first,
        "latency_ms": first + completion * 12,
    }
    luck = chance.random()
    if luck < 0.012:
        record |= _failed("upstream_error", 502, "upstream_error", "The platform failed: 500")
    elif luck < 0.02:
        record |= _failed("refused", 429, "rate_limit_exceeded", "Every credential rests.")
    elif luck < 0.03:
        record |= {
            "attempts": 2,
            "tries": [
                {
                    "platform": platform.slug,
                    "model": model,
                    "credential": "spare",
                    "ms": 412,
                    "failure": "rate",
                },
                {
                    "platform": platform.slug,
                    "model": model,
                    "credential": "main",
                    "ms": first - 412 if first > 412 else first,
                },
            ],
        }
    return record


def _failed(outcome: str, status: int, code: str, error: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("prompt_tokens", "cached_tokens", "completion_tokens"), 0)
    return {
        **nothing,
        "outcome": outcome,
        "status": status,
        "error_code": code,
        "error": error,
        "cost_micros": 0,
        "first_byte_ms": None,
        "latency_ms": 640,
    }


def _tasks(now: datetime, licences: list[Licence]) -> None:
    states = ("running", "queued", "completed", "completed", "failed")
    for number, state in enumerate(states):
        ended = state in ("completed", "failed")
        MediaTask.objects.create(
            id=f"video_{number:032x}",
            kind="video" if number % 2 else "image",
            endpoint="videos",
            request_id=f"foaicmpl-{number + 10**9:032x}",
            licence_id=licences[4].pk,
            licence_name=licences[4].name,
            platform="qwen",
            model="qwen3-max",
            upstream_model="qwen3-max",
            asked={"prompt": "A lighthouse in a storm", "size": "1280x720"},
            state=state,
            progress=100 if state == "completed" else 40 if state == "running" else 0,
            error_code="upstream_error" if state == "failed" else "",
            error_message="The platform refused the prompt." if state == "failed" else "",
            created_at=now - timedelta(minutes=7 * number + 1),
            completed_at=now - timedelta(minutes=7 * number) if ended else None,
            due_at=now + timedelta(days=1),
            deadline_at=now + timedelta(days=1),
            # Nobody's to work on: they are here to be looked at.
            lease_by="a picture" if not ended else "",
            lease_until=None if ended else now + timedelta(days=1),
        )
