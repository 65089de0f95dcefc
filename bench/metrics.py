"""What it costs to count one finished request: `python -m bench.metrics` (microseconds)."""

import os
import sys
import timeit

import django

ROUNDS = 100_000


def main() -> None:
    """Count the same streamed chat again and again, as its last act before the last byte."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    django.setup()
    from gateway.metrics.counts import Metrics
    from gateway.models import Outcome
    from gateway.observe import AccessLog
    from gateway.shapes import Usage
    from gateway.usage.entry import Entry
    from platforms.routes import PlatformSpec, Price, Route, Timeouts

    metrics = Metrics(lambda slug: slug == "acme")
    entry = Entry("chat", "acme", journal=None, access=AccessLog(enabled=False), metrics=metrics)
    timeouts = Timeouts(5, 60, 60, 600)
    platform = PlatformSpec(
        *(1, "acme", "Acme", "", "openai", "http://127.0.0.1:9", "", "", False, True),
        timeouts=timeouts,
        credentials=(),
        models={},
    )
    price = Price(version=1, prompt=1_000_000, completion=2_000_000)
    entry.route = Route(platform, "m-1", "m-1", "chat", price, name="m-1")
    entry.usage = Usage(prompt_tokens=100, completion_tokens=20, measured=True)
    entry.stream, entry.attempts, entry.outcome, entry.status = True, 1, Outcome.COMPLETED, 200
    entry.first_byte()
    seconds = min(timeit.repeat(lambda: metrics.finished(entry), number=ROUNDS, repeat=5))
    sys.stdout.write(f"{1e6 * seconds / ROUNDS:.2f} µs\n")


if __name__ == "__main__":
    main()
