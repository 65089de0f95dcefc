"""What is left of a caller's rates, as OpenAI tells it: `x-ratelimit-…`. Pure."""

import math
from collections.abc import Sequence

from licences.limits.terms import Bucket, Standing


def rate_headers(buckets: Sequence[Bucket], standings: Sequence[Standing]) -> dict[str, str]:
    """Of the tightest bucket: limit, what is left, and when all of it is there again.

    Requests and tokens apart; nothing where there is no such limit. Shapes: wire notes on OpenAI's
    chat, §6.
    """
    requests = tokens = None
    least_requests = least_tokens = math.inf
    for bucket, standing in zip(buckets, standings, strict=True):
        limit, left = bucket.rpm, standing.requests_left
        if limit and left is not None and left / limit < least_requests:
            least_requests = left / limit
            requests = limit, left, standing.requests_reset_s
        limit, left = bucket.tpm, standing.tokens_left
        if limit and left is not None and left / limit < least_tokens:
            least_tokens = left / limit
            tokens = limit, left, standing.tokens_reset_s
    headers: dict[str, str] = {}
    if requests is not None:
        limit, left, reset_s = requests
        headers["x-ratelimit-limit-requests"] = str(limit)
        headers["x-ratelimit-remaining-requests"] = str(left)
        headers["x-ratelimit-reset-requests"] = duration(reset_s)
    if tokens is not None:
        limit, left, reset_s = tokens
        headers["x-ratelimit-limit-tokens"] = str(limit)
        headers["x-ratelimit-remaining-tokens"] = str(left)
        headers["x-ratelimit-reset-tokens"] = duration(reset_s)
    return headers


def duration(seconds: float) -> str:
    """Such as `120ms`, `1s`, `1m0s`; rounded up."""
    if seconds < 1:
        return f"{math.ceil(max(seconds, 0) * 1000)}ms"
    whole = math.ceil(seconds)
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"
