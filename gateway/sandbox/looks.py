"""How one of the sandbox's pictures is to be.

Apart from the drawing itself: that needs Pillow, 5 MB of memory, which a server that is never
asked for such a picture need not spend.
"""

from dataclasses import dataclass
from typing import Literal

Format = Literal["png", "jpeg", "webp"]
FORMATS: tuple[Format, ...] = ("png", "jpeg", "webp")


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture is to be."""

    width: int
    height: int
    format: Format = "png"
    compression: int = 100
    """Quality of jpeg and webp, 0 to 100."""
    transparent: bool = False
