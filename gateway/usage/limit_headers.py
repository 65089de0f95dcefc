"""What is left of a caller's rates, as OpenAI tells it: `x-ratelimit-…`. Pure."""

from gateway.shapes import RawHeaders, duration
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
