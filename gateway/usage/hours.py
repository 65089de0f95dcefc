"""Sums and timings by the hour, which the dashboard reads: what each batch of records adds.

Moments are UTC; an hour holds the requests that began in it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from functools import lru_cache
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

Columns = Mapping[str, Sequence[Any]]
"""Of the records, by the fields' names; with each one's `day` and its `hour` of that."""
_picked = sums.pick("requests", "errors", "failed", *SUMS)


def add(groups: Mapping[tuple[date, int, str, str, int], sums.Numbers], records: Columns) -> None:
    """Add what is new to the sums and timings of its hours. To be called in a transaction.

    `groups`: sums of the records, by day, licence, platform, model and hour.
    """
    pairs = sums.by_key(
        ((_moment(day, hour), platform, model), numbers)
        for (day, _licence, platform, model, hour), numbers in groups.items()
    )
    hours = sums.by_key(
        ((by, hour, name), numbers)
        for (hour, platform, model), numbers in pairs.items()
        for by, name in (("all", ""), ("platform", platform), ("model", model))
    )
    sums.add(
        UsageHour,
        key=("by", "hour", "name"),
        sums=("requests", "errors", "failed", *SUMS),
        also=(),
        rows=[(*key, *_picked(numbers)) for key, numbers in sorted(hours.items())],
    )
    timings = _timings(records)
    sums.add(
        UsageTiming,
        key=("hour", "kind", "bucket"),
        sums=("count",),
        also=(),
        rows=[
            (_moment(day, hour), kind, bucket, count)
            for (day, hour, kind, bucket), count in sorted(timings.items())
        ],
    )


@lru_cache(32)
def _moment(day: date, hour: int) -> datetime:
    """When it began; the same object for the same hour, so that keys compare quickly."""
    return datetime.combine(day, time(hour), UTC)


def _timings(records: Columns) -> Mapping[tuple[date, int, str, int], int]:
    """How many took how long: answers that the caller got whole, other than pictures and films.

    The first byte is that of streams.
    """
    names = ("day", "hour", "outcome", "endpoint", "latency_ms", "stream", "first_byte_ms")
    timings: dict[tuple[date, int, str, int], int] = defaultdict(int)
    for day, hour, outcome, endpoint, latency_ms, stream, first_byte_ms in zip(
        *(records[name] for name in names), strict=True
    ):
        if outcome == "completed" and not endpoint.startswith(MEDIA):
            timings[day, hour, "latency", bucket_of(latency_ms)] += 1
            if stream and first_byte_ms is not None:
                timings[day, hour, "first_byte", bucket_of(first_byte_ms)] += 1
    return timings
