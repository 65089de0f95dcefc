"""What one finished request costs to count, and to trace: `python -m bench.metrics`, in µs."""

import logging
import os
import sys
import timeit
from functools import partial

import django

ROUNDS = 10_000


def main() -> None:
    """Count the same streamed chat again and again, as its last act before the last byte."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    django.setup()
    from gateway.metrics.counts import Metrics
    from gateway.models import Outcome
    from gateway.observe import AccessLog
    from gateway.shapes import Usage
    from gateway.traces import Traces
    from gateway.usage.entry import Entry
    from platforms.catalogue import Catalogue
    from platforms.routes import PlatformSpec, Price, Route, Timeouts

    metrics = Metrics(lambda slug: slug == "acme")
    entry = Entry(
        *("chat", "acme"),
        journal=None,
        access=AccessLog(enabled=False),
        metrics=metrics,
        traces=None,
    )
    timeouts = Timeouts(5, 60, 60, 600)
    platform = PlatformSpec(
        *(1, "acme", "Acme", "", "openai", "http://127.0.0.1:9", "", "", False, True),
        timeouts=timeouts,
        credentials=(),
        models={},
    )
    price = Price(version=1, prompt=1_000_000, completion=2_000_000)
    entry.route = Route(platform, "m-1", "m-1", "chat", price, name="m-1")
    entry.used(Usage(prompt_tokens=100, completion_tokens=20, measured=True))
    entry.stream, entry.attempts, entry.outcome, entry.status = True, 1, Outcome.COMPLETED, 200
    entry.first_byte()
    entry.tries = [{"platform": "acme", "model": "m-1", "credential": "main", "ms": 5}]
    entry.tried_at = [0.001]
    # Nobody listens there: what a collector that is down costs.
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
    logging.disable()
    traces = Traces(Catalogue())
    for name, work in (("counted", metrics.finished), ("traced", traces.finished)):
        seconds = min(timeit.repeat(partial(work, entry), number=ROUNDS, repeat=5))
        sys.stdout.write(f"{name}: {1e6 * seconds / ROUNDS:.1f} µs\n")


if __name__ == "__main__":
    main()
