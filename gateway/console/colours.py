"""The theme's colours as a static file: a style inside the page would need its own permission."""

from typing import Any

from django.http import HttpRequest
from unfold.settings import get_config
from unfold.utils import convert_color


def instead(_request: HttpRequest) -> dict[str, Any]:
    """For every page's context: no colours inside it. `console/colours.css` has them."""
    return {"colors": None}


def sheet() -> str:
    """What `console/colours.css` holds; a test compares them."""
    lines = [
        f"  --color-{name}-{weight}: {convert_color(value)};"
        for name, weights in get_config()["COLORS"].items()
        for weight, value in weights.items()
    ]
    head = "/* Made from settings: python -m tests.console.colours. Do not change it by hand. */"
    return "\n".join([head, ":root {", *lines, "}", ""])
