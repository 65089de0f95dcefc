"""What is left of a caller's rates, as OpenAI tells it: `x-ratelimit-…`. Pure."""

import math

from gateway.shapes import RawHeaders
from licences.limits.terms import Rate, Rates


def rate_headers(rates: Rates) -> RawHeaders:
    """Limit, what is left, and when all of it is there again; nothing where there is no limit.

    Shapes: wire notes on OpenAI's chat, §6.
    """
    headers: RawHeaders = []
    if rates.requests is not None:
        headers += _told(b"requests", rates.requests)
    if rates.tokens is not None:
        headers += _told(b"tokens", rates.tokens)
    return headers


def _told(what: bytes, rate: Rate) -> RawHeaders:
    return [
        (b"x-ratelimit-limit-" + what, b"%d" % rate.limit),
        (b"x-ratelimit-remaining-" + what, b"%d" % rate.left),
        (b"x-ratelimit-reset-" + what, duration(rate.reset_s).encode("ascii")),
    ]


def duration(seconds: float) -> str:
    """Such as `120ms`, `1s`, `1m0s`; rounded up."""
    if seconds < 1:
        return f"{math.ceil(max(seconds, 0) * 1000)}ms"
    whole = math.ceil(seconds)
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"
