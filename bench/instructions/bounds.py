"""What a call may cost: the one table to change when it has come to cost less, or must more."""

from dataclasses import dataclass

MEASURED = "2026-11-27, Python 3.11.7, valgrind 3.19, x86-64"


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that one of the gateway's figures may be, as a ratio to one of the bare relay's."""

    title: str
    figure: str
    """Of `Figures`, the gateway's."""
    over: str
    """Of `Figures`, the bare relay's."""
    measured: float
    most: float
    """About a fifth more than was measured: versions of Python and of packages move it by less."""


BOUNDS = (
    Bound("blocking call", "call", over="call", measured=1.49, most=1.78),
    Bound("stream, without its events", "stream", over="stream", measured=2.08, most=2.45),
    Bound("streamed event", "event", over="event", measured=0.60, most=0.72),
    # The bare relay books nothing: beside one of its calls.
    Bound("booked record", "record", over="call", measured=0.60, most=0.72),
)
