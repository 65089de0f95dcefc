"""Money: what a call costs, and money as people read it. Integers of a millionth; pure."""

from dataclasses import dataclass
from decimal import Decimal

from gateway.shapes import Json, Usage
from platforms.routes import Price

MICROS = 1_000_000
# A billion of the currency's units: an upstream may claim any number of tokens, and costs, and the
# sums of them, must fit into 64 bits.
MAX_COST_MICROS = 10**15
_TOKENS = ("prompt", "cached", "cache_write", "completion")
_NAMES = ("prompt", "completion", "image", "second", "request")


def cost_micros(price: Price, usage: Usage, requests: int = 1) -> int:
    """What this usage costs, in micro-units; exact, rounded once, half up.

    MAX_COST_MICROS at most.
    """
    # In millionths of a micro-unit, so that nothing is lost before the end.
    exact = usage.prompt_tokens * price.prompt + usage.completion_tokens * price.completion
    exact += (usage.images * price.image + requests * price.request) * MICROS
    if usage.cached_tokens or usage.cache_write_tokens:
        exact += _more_for_cache(price, usage)
    if usage.seconds:
        exact += round(usage.seconds * MICROS) * price.second
    return min((exact + MICROS // 2) // MICROS, MAX_COST_MICROS)


def _more_for_cache(price: Price, usage: Usage) -> int:
    """By how much the cache makes prompt tokens dearer, or cheaper; in millionths."""
    more = 0
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    if price.cached is not None:
        more += cached * (price.cached - price.prompt)
    if price.cache_write is not None:
        written = min(usage.cache_write_tokens, usage.prompt_tokens - cached)
        more += written * (price.cache_write - price.prompt)
    return more


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of thing that a request is billed for."""

    kind: str
    """As in `platforms.routes.Price`: prompt, cached, cache_write, completion, image, …"""
    number: float
    unit_micros: int
    """For a million tokens, or for one of anything else."""
    micros: Decimal
    """What it comes to, not rounded."""

    @property
    def is_tokens(self) -> bool:
        """Whether the price is for a million."""
        return self.kind in _TOKENS


def parts(price: Price, usage: Usage, requests: int = 1) -> list[Part]:
    """What `cost_micros` adds up, one by one; what has neither number nor price is left out."""
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    written = min(usage.cache_write_tokens, usage.prompt_tokens - cached)
    found = []
    for kind, number, unit in (
        ("prompt", usage.prompt_tokens - cached - written, price.prompt),
        ("cached", cached, price.prompt if price.cached is None else price.cached),
        ("cache_write", written, price.prompt if price.cache_write is None else price.cache_write),
        ("completion", usage.completion_tokens, price.completion),
        ("image", usage.images, price.image),
        ("second", usage.seconds, price.second),
        ("request", requests if price.request else 0, price.request),
    ):
        if number:
            exact = Decimal(round(number * MICROS)) * unit / MICROS
            found.append(Part(kind, number, unit, exact / (MICROS if kind in _TOKENS else 1)))
    return found


def prices(price: Price) -> dict[str, Json]:
    """The unit prices for a usage record: those that are not zero.

    And those of the cache if they are there: without them its tokens cost what others do.
    """
    found = {name: value for name in _NAMES if (value := getattr(price, name))}
    for name in ("cached", "cache_write"):
        if (value := getattr(price, name)) is not None:
            found[name] = value
    return found


def format_micros(micros: int, currency: str = "") -> str:
    """Money for people: at least two decimals, six at most, such as `0.0125 USD`."""
    text = f"{Decimal(micros) / MICROS:,.6f}"
    while text.endswith("0") and text[-3] != ".":
        text = text[:-1]
    return f"{text} {currency}".rstrip()
