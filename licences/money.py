"""Money as people write it, and as it is kept: integers of a millionth of the currency's unit."""

from decimal import Decimal

from django.utils.translation import gettext as _

MICROS = 1_000_000
MAX_MICROS = 10**15 - 1
"""Less than a billion units: sums of them fit into what databases and Redis count exactly."""


def to_micros(text: str) -> int:
    """Micro-units of an amount such as `10.00`. Raises ValueError with a sentence."""
    try:
        micros = Decimal(text.strip()) * MICROS
        # Compared first: a number of 900,000 digits is not worth making.
        is_exact = 0 <= micros <= MAX_MICROS and micros == micros.to_integral_value()
    except ArithmeticError:  # no number, or one beyond all bounds
        is_exact = False
    if not is_exact:
        raise ValueError(
            _("“%(text)s” is no amount; it is zero or more, with six decimals at most: 10.00.")
            % {"text": text}
        )
    return int(micros)


def from_micros(micros: int) -> str:
    """An amount for people and programs: at least two decimals, such as `10.00` or `0.075`."""
    text = f"{Decimal(micros) / MICROS:.6f}"
    while text.endswith("0") and text[-3] != ".":
        text = text[:-1]
    return text
