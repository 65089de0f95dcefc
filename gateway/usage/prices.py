"""Money: what a call costs, and money as people read it. Integers of a millionth; pure."""

from decimal import Decimal

from gateway.shapes import Json, Usage
from platforms.routes import Price

MICROS = 1_000_000
# A billion of the currency's units: an upstream may claim any number of tokens, and costs, and the
# sums of them, must fit into 64 bits.
MAX_COST_MICROS = 10**15
_NAMES = ("prompt", "cached", "completion", "image", "second", "request")


def cost_micros(price: Price, usage: Usage, requests: int = 1) -> int:
    """What this usage costs, in micro-units; exact, rounded once, half up.

    MAX_COST_MICROS at most.
    """
    cached_price = price.prompt if price.cached is None else price.cached
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    # In millionths of a micro-unit, so that nothing is lost before the end.
    exact = (usage.prompt_tokens - cached) * price.prompt
    exact += cached * cached_price + usage.completion_tokens * price.completion
    exact += (usage.images * price.image + requests * price.request) * MICROS
    exact += round(usage.seconds * MICROS) * price.second
    return min((exact + MICROS // 2) // MICROS, MAX_COST_MICROS)


def prices(price: Price) -> dict[str, Json]:
    """The unit prices for a usage record: those that are not zero.

    And cached tokens' if they have one: without it they cost what other prompt tokens do.
    """
    found = {name: value for name in _NAMES if (value := getattr(price, name))}
    return found if price.cached is None else {**found, "cached": price.cached}


def format_micros(micros: int, currency: str = "") -> str:
    """Money for people: at least two decimals, six at most, such as `0.0125 USD`."""
    text = f"{Decimal(micros) / MICROS:,.6f}"
    while text.endswith("0") and text[-3] != ".":
        text = text[:-1]
    return f"{text} {currency}".rstrip()
