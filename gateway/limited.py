"""What a call is counted in, what it may come to, and what it came to.

Reserved before the first attempt, settled before the client has its last byte; whatever happens in
between. Journaled before it is settled: should the process die between the two, the counters learn
from the database what they missed, but what only they knew would be held against the licence for
good. A call that nothing limits costs nothing here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import orjson

from gateway.errors import BadRequest
from gateway.shapes import Chat, Json, Usage, tokens_in
from gateway.usage import estimate
from gateway.usage.entry import Entry
from gateway.usage.prices import cost_micros
from licences.holders import Holder
from licences.limits.limiter import Limiter
from licences.limits.terms import Bucket
from platforms.routes import PlatformSpec, Route

_MOST_SAID = (
    *("max_completion_tokens", "max_tokens", "max_output_tokens"),
    *("maxOutputTokens", "max_tokens_to_sample"),
)


@dataclass(slots=True)
class Worst:
    """What a call may come to, as far as that can be told before."""

    usage: Usage

    @property
    def tokens(self) -> int:
        """Prompt and completion together."""
        return self.usage.prompt_tokens + self.usage.completion_tokens


async def reserve(limiter: Limiter, entry: Entry, route: Route, worst: Callable[[], Worst]) -> None:
    """Take room for the call; its entry holds it, and whoever owns the entry settles.

    `worst` is asked only where something is limited. Raises LimitReached, BudgetSpent,
    LimitsUnavailable.
    """
    buckets = buckets_of(entry.caller, route)
    if buckets:
        most = worst()
        cost = cost_micros(route.price, most.usage)
        entry.reservation = await limiter.admit(
            entry.id, buckets, tokens=most.tokens, cost_micros=cost
        )


def buckets_of(holder: Holder, route: Route) -> tuple[Bucket, ...]:
    """All that this call is counted in: the licence, its models, the platform."""
    own = holder.buckets(route.name)
    platform = platform_bucket(route.platform)
    return own if platform is None else (*own, platform)


def platform_bucket(platform: PlatformSpec) -> Bucket | None:
    """The platform's own limits, of all licences together; None: it has none."""
    if platform.rpm is None and platform.tpm is None and platform.concurrency is None:
        return None
    return _platform_bucket(
        platform.id, platform.slug, platform.rpm, platform.tpm, platform.concurrency
    )


@lru_cache(maxsize=1024)
def _platform_bucket(
    id: int, slug: str, rpm: int | None, tpm: int | None, concurrency: int | None
) -> Bucket:
    """By all that it is made of: limits that change make another."""
    return Bucket(f"platform:{id}", "platform", slug, rpm, tpm, concurrency)


def worst_of_chat(chat: Chat, usual: int) -> Worst:
    """Of a chat; `usual`: completion tokens that are reserved where the caller sets no bound."""
    answers = chat.get("n")
    answers = answers if type(answers) is int and answers > 0 else 1
    completion = (_most(chat) or usual) * answers
    return Worst(Usage(estimate.prompt_tokens(chat), completion))


def worst_of_body(body: dict[str, Json], usual: int) -> Worst:
    """Of a request in another language that cannot be said as a chat: by its size."""
    config = body.get("generationConfig")
    most = _most(body) or (_most(config) if isinstance(config, dict) else None)
    return Worst(Usage(tokens_in(len(orjson.dumps(body))), most or usual))


def worst_of(chat: Callable[[], Chat], body: dict[str, Json], usual: int) -> Worst:
    """Of the chat that the request becomes, if it can become one."""
    try:
        return worst_of_chat(chat(), usual)
    except BadRequest:
        return worst_of_body(body, usual)


def _most(fields: dict[str, Json]) -> int | None:
    """The bound that the caller has set to the answer."""
    for name in _MOST_SAID:
        value = fields.get(name)
        if type(value) is int and value > 0:
            return value
    return None
