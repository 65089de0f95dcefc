"""Sums and timings by the hour, which the dashboard reads: what each batch of records adds.

Moments are UTC; an hour holds the requests that began in it.
"""

from collections import defaultdict
from datetime import datetime
from typing import Any

from gateway.models import Outcome, UsageHour, UsageTiming
from gateway.usage import sums
from gateway.usage.timings import bucket_of

SUMS = (
    *("prompt_tokens", "cached_tokens", "completion_tokens"),
    *("images", "seconds", "cost_micros"),
)
FAILED = (Outcome.UPSTREAM_ERROR.value, Outcome.TRUNCATED.value)
"""How requests end that went wrong and should not have: not for anything that the caller did."""
MEDIA = ("images.", "videos")
"""How the endpoints begin whose answers are media tasks: minutes, which say nothing of a chat's."""

Record = dict[str, Any]


def is_error(record: Record) -> bool:
    """The caller did not get what was asked for, whoever's fault it was."""
    return record["status"] >= 400 or record["outcome"] in FAILED


def add(records: list[Record]) -> None:
    """Add what is new to the sums and timings of its hours. To be called in a transaction."""
    hours: dict[tuple[str, datetime, str], list[Any]] = defaultdict(lambda: [0] * (3 + len(SUMS)))
    timings: dict[tuple[datetime, str, int], int] = defaultdict(int)
    for pair, added in _pairs(records, timings).items():
        hour, platform, model = pair
        for by, name in (("all", ""), ("platform", platform), ("model", model)):
            found = hours[by, hour, name]
            for place, value in enumerate(added):
                found[place] += value
    sums.add(
        UsageHour,
        key=("by", "hour", "name"),
        sums=("requests", "errors", "failed", *SUMS),
        also=(),
        rows=[(*key, *found) for key, found in sorted(hours.items())],
    )
    sums.add(
        UsageTiming,
        key=("hour", "kind", "bucket"),
        sums=("count",),
        also=(),
        rows=[(*key, count) for key, count in sorted(timings.items())],
    )


def _pairs(
    records: list[Record], timings: dict[tuple[datetime, str, int], int]
) -> dict[tuple[datetime, str, str], list[Any]]:
    """Sums of each hour, platform and model: one pass over the records, which are many.

    Adds to `timings` on the way. Timed are answers that the caller got whole, other than pictures
    and films; the first byte is that of streams.
    """
    pairs: dict[tuple[datetime, str, str], list[Any]] = defaultdict(lambda: [0] * (3 + len(SUMS)))
    hours: dict[datetime, datetime] = {}
    for record in records:
        at = record["at"]
        hour = at.replace(minute=0, second=0, microsecond=0)
        hour = hours.setdefault(hour, hour)  # one object, so that keys compare quickly
        of_pair = pairs[hour, record["platform"], record["model"]]
        of_pair[0] += 1
        of_pair[1] += is_error(record)
        of_pair[2] += record["outcome"] in FAILED
        for place, name in enumerate(SUMS, 3):
            of_pair[place] += record[name]
        if record["outcome"] == "completed" and not record["endpoint"].startswith(MEDIA):
            timings[hour, "latency", bucket_of(record["latency_ms"])] += 1
            if record["stream"] and record["first_byte_ms"] is not None:
                timings[hour, "first_byte", bucket_of(record["first_byte_ms"])] += 1
    return pairs
