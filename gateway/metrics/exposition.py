"""Numbers as Prometheus reads them. Imported only where metrics are served: it costs memory."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from typing_extensions import override

from gateway.metrics.series import SERIES, Numbers, Series


class _Families(Collector):
    """Prometheus's own objects, made of ours."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    @override
    def collect(self) -> Iterator[Metric]:
        """One family for each row of the table, also for those that have no numbers yet."""
        for name, row in SERIES.items():
            found = [(key[1:], values) for key, values in self._numbers.items() if key[0] == name]
            yield _family(name, row, sorted(found))


def encoded(numbers: Numbers, accept: str) -> tuple[bytes, str]:
    """The text and its content type, in the form that `accept` asks for."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(numbers))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _family(name: str, row: Series, found: list[tuple[tuple[str, ...], list[float]]]) -> Metric:
    if row.kind == "histogram":
        histogram = HistogramMetricFamily(name, row.help, labels=row.labels)
        ends = [*(str(float(bound)) for bound in row.bounds), "+Inf"]
        for labels, (total, *counts) in found:
            buckets = list(zip(ends, accumulate(counts), strict=True))
            histogram.add_metric(labels, buckets=buckets, sum_value=total)
        return histogram
    make = CounterMetricFamily if row.kind == "counter" else GaugeMetricFamily
    family = make(name, row.help, labels=row.labels)
    for labels, values in found:
        family.add_metric(labels, values[0])
    return family
