"""Usage as spreadsheets take it: CSV whose cells are no formulas, whoever chose their text. Pure.

Callers name models, upstreams word errors; Excel and others run a cell that begins like a formula.
"""

import csv
import io
from collections.abc import Iterable, Sequence

from gateway.usage.prices import MICROS

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Excel takes a file without it for its own old encoding."""
_FORMULA = frozenset("=+-@\t\r")


def cell(text: str) -> str:
    """A text as a spreadsheet should take it: `'` before what would be a formula; `-` is none."""
    return f"'{text}" if text[:1] in _FORMULA and text != "-" else text


def amount(micros: int) -> str:
    """Money as an exact decimal number, such as `0.0125`, without a currency."""
    sign = "-" if micros < 0 else ""
    whole, rest = divmod(abs(micros), MICROS)
    return f"{sign}{whole}.{rest:06d}".rstrip("0").rstrip(".")


def lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as CSV (RFC 4180) in UTF-8."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
