"""What happened during a request, on its time axis: attempts, waits, the answer. Pure.

A record keeps its attempts where there was more than one, or none that went well. Records of
earlier versions do not say when each began: theirs are set one after another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

SHORTEST_WAIT_MS = 5
"""Less is the gateway's own work."""
Kind = Literal["waited", "failed", "began", "answered", "broke"]


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time."""

    kind: Kind
    """`began`: an attempt that got an answer, until that began; `broke`: an answer cut short."""
    start_ms: int
    ms: int
    attempt: int = 0
    """Which attempt, from 1; 0: none."""
    platform: str = ""
    model: str = ""
    credential: str = ""
    failure: str = ""
    """The kind of failure, where it failed."""

    @property
    def end_ms(self) -> int:
        """When it was over."""
        return self.start_ms + self.ms


@dataclass(frozen=True, slots=True)
class Timeline:
    """All bars, in their order."""

    bars: tuple[Bar, ...]
    total_ms: int
    """The length of the axis; at least 1."""
    is_exact: bool
    """Whether it is known when each attempt began."""


def timeline(
    tries: Sequence[Mapping[str, Any]],
    *,
    first_byte_ms: int | None,
    latency_ms: int,
    is_good: bool,
) -> Timeline:
    """The bars of a record. `is_good`: the client got an answer, if perhaps not all of it."""
    bars: list[Bar] = []
    cursor, is_exact = 0, True
    for number, tried in enumerate(tries, 1):
        is_exact = is_exact and "at_ms" in tried
        start, ms = _whole(tried.get("at_ms", cursor)), _whole(tried.get("ms"))
        if start - cursor >= SHORTEST_WAIT_MS:
            bars.append(Bar("waited", cursor, start - cursor))
        failure = str(tried.get("failure") or "")
        began_answer = first_byte_ms is not None and number == len(tries)
        kind: Kind = "failed" if failure and not began_answer else "began"
        bars.append(
            Bar(
                kind,
                start,
                ms,
                number,
                str(tried.get("platform", "")),
                str(tried.get("model", "")),
                str(tried.get("credential", "")),
                failure,
            )
        )
        cursor = start + ms
    rest = latency_ms - cursor
    if tries and "began" not in [bar.kind for bar in bars]:
        if rest >= SHORTEST_WAIT_MS:  # waited for a credential or a platform, in vain
            bars.append(Bar("waited", cursor, rest))
    elif rest > 0 or not bars:
        if not tries and first_byte_ms and first_byte_ms < latency_ms:
            bars.append(Bar("began", 0, first_byte_ms, 1))
            cursor, rest = first_byte_ms, latency_ms - first_byte_ms
        bars.append(Bar("answered" if is_good else "broke", cursor, max(rest, 0)))
    total = max([1, latency_ms, *(bar.end_ms for bar in bars)])
    return Timeline(tuple(bars), total, is_exact)


def _whole(value: Any) -> int:
    return value if type(value) is int and value >= 0 else 0
