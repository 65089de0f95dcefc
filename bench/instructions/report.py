"""Figures beside their bounds: for people, and as yes or no."""

from bench.instructions.bounds import BOUNDS, MEASURED, Bound
from bench.instructions.run import Figures

_TITLES = ("instructions per", "bare relay", "gateway", "ratio", "measured", "at most", "")
_LEGEND = (
    "CPU instructions in user mode, by callgrind; the ratio is to the bare relay's (a booked\n"
    f"record: to its blocking call). Measured: {MEASURED}. Bounds: bench/instructions/bounds.py.\n"
)


def ratio(bound: Bound, bare: Figures, gateway: Figures) -> float:
    """What this bound is about, as it was found."""
    above: float = getattr(gateway, bound.figure)
    below: float = getattr(bare, bound.over)
    return above / below


def missed(bare: Figures, gateway: Figures) -> list[str]:
    """The titles of the bounds that do not hold."""
    return [bound.title for bound in BOUNDS if ratio(bound, bare, gateway) > bound.most]


def table(bare: Figures, gateway: Figures) -> str:
    """A line per bound."""
    late = missed(bare, gateway)
    rows: list[tuple[str, ...]] = [_TITLES]
    for bound in BOUNDS:
        numbers = (getattr(bare, bound.over), getattr(gateway, bound.figure))
        ratios = (ratio(bound, bare, gateway), bound.measured, bound.most)
        cells = [*(f"{n:,.0f}" for n in numbers), *(f"{r:.2f} x" for r in ratios)]
        rows.append((bound.title, *cells, "MISSED" if bound.title in late else "holds"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(_line(row, widths) for row in rows) + "\n" + _LEGEND


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [row[0].ljust(widths[0])]
    cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "  ".join(cells).rstrip() + "\n"
