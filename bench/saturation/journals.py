"""Journals as busy gateways leave them: whose calls, to what, how they ended. No I/O but the files.

Licences, platforms and models are those of `bench.scale.fill`: a few licences do most, half of all
calls come from one in sixty, and each has two models of one platform.
"""

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from gateway.usage.journal import SUFFIX

LICENCES, PLATFORMS = 10_000, 200  # as in bench.scale.fill, which cannot be had without Django
SPAN_S = 60.0
"""The calls of a journal ended within so long before now."""


def write(folder: Path, records: int, seed: int) -> Path:
    """One journal of a dead process in a folder of its own; the folder."""
    folder.mkdir(parents=True)
    chance = random.Random(seed)  # noqa: S311 # no secret
    now_us = int(datetime.now(UTC).timestamp() * 1e6)
    lines = (line(chance, number, records, now_us) for number in range(records))
    path = folder / f"bench-{seed}-dead{SUFFIX}"
    path.write_bytes(b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in lines))
    return folder


def line(chance: random.Random, number: int, of: int, now_us: int) -> dict[str, Any]:
    """One request, as `gateway.usage.entry` writes it down."""
    licence = 1 + int(chance.random() ** 6 * LICENCES)
    platform = (licence * 7) % PLATFORMS
    model = f"model-{(licence + number % 2) % 25}"
    well = chance.random() < 0.97
    stream = number % 3 > 0
    prompt, completion = chance.randint(50, 4000), chance.randint(20, 900)
    record: dict[str, Any] = {
        "request_id": f"foaicmpl-{chance.getrandbits(128):032x}",
        "at": now_us - int(SPAN_S * 1e6 * (of - number) / of),
        "licence_id": licence,
        "licence_name": f"licence-{licence}",
        "platform": f"platform-{platform}",
        "endpoint": "chat.completions",
        "model": model,
        "upstream_model": model,
        "stream": stream,
        "outcome": "completed" if well else "upstream_error",
        "status": 200 if well else 502,
        "attempts": 1,
        "first_byte_ms": chance.randint(150, 1500) if stream else None,
        "latency_ms": chance.randint(800, 20_000),
        "credential_id": 1 + platform,
        "credential_name": f"key {platform}",
        "prompt_tokens": prompt if well else 0,
        "cached_tokens": prompt // 2 if well and number % 4 == 0 else 0,
        "cache_write_tokens": 0,
        "completion_tokens": completion if well else 0,
        "reasoning_tokens": 0,
        "measured": well,
        "cost_micros": prompt + completion * 4 if well else 0,
        "price_version": 1,
        "prices": {"prompt": 1_000_000, "completion": 4_000_000},
    }
    if not well:
        record |= {"error_code": "upstream_error", "error": "The platform failed: bad gateway."}
    return record
