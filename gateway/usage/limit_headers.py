"""What is left of a caller's rates, as OpenAI tells it: `x-ratelimit-…`. Pure."""

import math
from collections.abc import Sequence

from licences.limits.terms import Bucket, Standing


def rate_headers(buckets: Sequence[Bucket], standings: Sequence[Standing]) -> dict[str, str]:
    """Of the tightest bucket: limit, what is left, and when all of it is there again.

    Requests and tokens apart; nothing where there is no such limit. Shapes: wire notes on OpenAI's
    chat, §6.
    """
    headers: dict[str, str] = {}
    requests = [
        (standing.requests_left / bucket.rpm, bucket.rpm, standing.requests_left, standing)
        for bucket, standing in zip(buckets, standings, strict=True)
        if bucket.rpm and standing.requests_left is not None
    ]
    tokens = [
        (standing.tokens_left / bucket.tpm, bucket.tpm, standing.tokens_left, standing)
        for bucket, standing in zip(buckets, standings, strict=True)
        if bucket.tpm and standing.tokens_left is not None
    ]
    for name, found in (("requests", requests), ("tokens", tokens)):
        if found:
            _share, limit, left, standing = min(found, key=lambda one: one[0])
            reset_s = standing.requests_reset_s if name == "requests" else standing.tokens_reset_s
            headers[f"x-ratelimit-limit-{name}"] = str(limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(left)
            headers[f"x-ratelimit-reset-{name}"] = duration(reset_s)
    return headers


def duration(seconds: float) -> str:
    """Such as `120ms`, `1s`, `1m0s`; rounded up."""
    if seconds < 1:
        return f"{math.ceil(max(seconds, 0) * 1000)}ms"
    whole = math.ceil(seconds)
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"
