"""Durations as counts of buckets, and percentiles of such counts. Pure.

Bucket 0 holds what took less than a millisecond; bucket n what took RATIO**(n - 1) to RATIO**n
milliseconds. Counts of the same bucket can be added up over any hours, which percentiles cannot.
"""

import math
from collections.abc import Iterable, Mapping

RATIO = 1.12
"""A percentile is right within a twelfth of itself, or a millisecond where that is more."""
_LOG = math.log(RATIO)


def bucket_of(milliseconds: int) -> int:
    """The bucket that this long is counted in."""
    return int(math.log(milliseconds) / _LOG) + 1 if milliseconds >= 1 else 0


def bounds(bucket: int) -> tuple[float, float]:
    """From how many milliseconds to how many."""
    return (RATIO ** (bucket - 1), RATIO**bucket) if bucket else (0.0, 1.0)


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """How long that share of all took at most, in milliseconds; None: nothing was counted.

    Within the bucket where it lies it is taken for evenly spread.
    """
    total = sum(counts.values())
    if not total:
        return None
    wanted, before = share * total, 0
    for bucket, count in sorted(counts.items()):
        if count and before + count >= wanted:
            low, high = bounds(bucket)
            return low + (high - low) * (wanted - before) / count
        before += count
    return None


def summed(found: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Counts by bucket, of (bucket, count) in any order."""
    counts: dict[int, int] = {}
    for bucket, count in found:
        counts[bucket] = counts.get(bucket, 0) + count
    return counts
