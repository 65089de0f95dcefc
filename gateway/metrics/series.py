"""Every series that is exported: its name, its kind, its labels, what it says. Pure data."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
Key = tuple[str, ...]
"""A series' name and the values of its labels, in the table's order."""
Numbers = dict[Key, list[float]]
"""A counter's or gauge's one number; of a histogram the sum, then how many are in each bucket."""

REQUESTS = "tokens_requests_total"
SECONDS = "tokens_request_seconds"
FIRST_BYTE = "tokens_first_byte_seconds"
OVERHEAD = "tokens_overhead_seconds"
QUEUE_WAIT = "tokens_queue_wait_seconds"
IN_FLIGHT = "tokens_in_flight"
USED_TOKENS = "tokens_used_tokens_total"
COST = "tokens_cost_micros_total"
FAILURES = "tokens_upstream_failures_total"
CREDENTIALS = "tokens_credentials"
JOURNAL_LAG = "tokens_journal_lag_bytes"
JOURNAL_WAITING = "tokens_journal_waiting_lines"
REFUSALS = "tokens_limit_refusals_total"
COUNTERS_FAILURES = "tokens_limit_counters_failures_total"
MEDIA_TASKS = "tokens_media_tasks"
BUILD = "tokens_build_info"


@dataclass(frozen=True, slots=True)
class Series:
    """One row of the table. `bounds`: upper ends of a histogram's buckets, in seconds."""

    kind: Kind
    labels: tuple[str, ...]
    help: str
    bounds: tuple[float, ...] = ()

    def zero(self) -> list[float]:
        """Nothing counted yet."""
        return [0.0] * (len(self.bounds) + 2) if self.bounds else [0.0]


_CALL = ("platform", "endpoint", "model")

SERIES: dict[str, Series] = {
    REQUESTS: Series(
        "counter", (*_CALL, "outcome", "status"), "Requests that ended, and how they ended."
    ),
    SECONDS: Series(
        "histogram",
        _CALL,
        "Seconds from a request's headers to its end, of those that were not refused.",
        (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800),
    ),
    FIRST_BYTE: Series(
        "histogram",
        _CALL,
        "Seconds from a request's headers to the first byte of its answer.",
        (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 30, 60, 120),
    ),
    OVERHEAD: Series(
        "histogram",
        ("platform", "endpoint"),
        "Seconds that the gateway itself took, until the answer or a stream's first byte.",
        (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
    ),
    QUEUE_WAIT: Series(
        "histogram",
        ("platform", "endpoint"),
        "Seconds that a request waited for a credential that may be used.",
        (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30),
    ),
    IN_FLIGHT: Series("gauge", (), "Requests that are being answered now."),
    USED_TOKENS: Series(
        "counter",
        ("platform", "model", "kind"),
        "Tokens used. Cached ones are prompt tokens too, reasoning ones completion tokens too.",
    ),
    COST: Series(
        "counter", ("platform", "model"), "Cost in millionths of the site's currency, by prices."
    ),
    FAILURES: Series(
        "counter", ("platform", "kind"), "Attempts at a platform that failed, by what went wrong."
    ),
    CREDENTIALS: Series("gauge", ("platform", "state"), "Enabled credentials by state."),
    JOURNAL_LAG: Series("gauge", (), "Bytes of usage journal that are not booked yet."),
    JOURNAL_WAITING: Series("gauge", (), "Usage records in memory that the disk has refused."),
    REFUSALS: Series(
        "counter", ("subject", "what"), "Requests refused because a limit or a budget was reached."
    ),
    COUNTERS_FAILURES: Series(
        "counter", (), "How often the counters of limits could not be reached."
    ),
    MEDIA_TASKS: Series("gauge", ("state",), "Media tasks that have not ended, by state."),
    BUILD: Series("gauge", ("version",), "1; the version that runs stands in the label."),
}


def add(into: Numbers, more: Numbers) -> None:
    """Add up, number by number; what another version counted in other buckets is left out."""
    for key, values in more.items():
        row = SERIES.get(key[0])
        if row is None or len(values) != len(row.zero()) or len(key) != 1 + len(row.labels):
            continue
        sums = into.setdefault(key, row.zero())
        for place, value in enumerate(values):
            sums[place] += value
