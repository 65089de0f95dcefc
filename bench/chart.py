"""A bar chart as SVG, written by hand: one panel per scenario, one bar per contender."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from bench.verdicts import spelt

WIDTH, LEFT, RIGHT = 760, 130, 150  # the names are on the left, the values right of the bars
BAR, GAP, TITLE, FOOT = 20, 6, 34, 22
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-weight: 600; }
.tick { font-size: 11px; fill: #57606a; text-anchor: middle; }
line { stroke: #d0d7de; }
.bar { fill: #8c959f; }
.own { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .tick { fill: #9198a1; }
  line { stroke: #3d444d; }
  .bar { fill: #656c76; }
  .own { fill: #4493f8; }
}
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """Bars that are compared with each other."""

    title: str
    unit: str
    values: Mapping[str, float]
    """By contender, in the order in which they are drawn; 0 and less has no bar."""


def svg(panels: list[Panel], own: str) -> str:
    """All panels one below the other, on logarithmic scales; the bars of `own` stand out.

    What the others reach is also said as a multiple of what `own` does.
    """
    y, parts = 10, []
    for panel in panels:
        drawn, y = _panel(panel, own, y)
        parts += drawn
    label = escape("; ".join(panel.title for panel in panels), quote=True)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}"'
    lines = [f'{head} role="img" aria-label="{label}">', f"<style>{_STYLE}</style>", *parts]
    return "\n".join([*lines, "</svg>", ""])


def _panel(panel: Panel, own: str, top: int) -> tuple[list[str], int]:
    """What draws it, and where the next may begin."""
    bars_top = top + TITLE
    bottom = bars_top + len(panel.values) * (BAR + GAP)
    positive = [value for value in panel.values.values() if value > 0]
    low = math.floor(math.log10(min(positive, default=1)) - 0.01)
    high = max(math.ceil(math.log10(max(positive, default=10))), low + 1)
    scale = (WIDTH - LEFT - RIGHT) / (high - low)
    parts = [f'<text class="title" x="10" y="{top + 18}">{escape(panel.title)}</text>']
    for power in range(low, high + 1):
        x = LEFT + (power - low) * scale
        parts.append(f'<line x1="{x:.1f}" y1="{bars_top - 4}" x2="{x:.1f}" y2="{bottom}"/>')
        tick = f"{10**power:,}" if power >= 0 else f"{10**power:g}"
        parts.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 14}">{tick}</text>')
    for number, (name, value) in enumerate(panel.values.items()):
        y = bars_top + number * (BAR + GAP)
        length = (math.log10(value) - low) * scale if value > 0 else 0.0
        kind = "own" if name == own else "bar"
        said = f"{value:,.0f} {panel.unit}" if value > 0 else "fails"
        if name != own and value > 0 and panel.values.get(own, 0) > 0:
            said += f" = {spelt(value / panel.values[own])} x"
        parts += [
            f'<text x="10" y="{y + 15}">{escape(name)}</text>',
            f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}"/>',
            f'<text x="{LEFT + length + 6:.1f}" y="{y + 15}">{escape(said)}</text>',
        ]
    return parts, bottom + FOOT + GAP
