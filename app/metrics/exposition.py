"""The text that Prometheus reads."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Metric, disable_created_metrics, generate_latest
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# When a counter began is no figure of ours: some are read out of the database anew for each answer.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Read(Collector):
    """Figures that have been read already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def render(*collectors: Collector) -> bytes:
    """Prometheus' text format, version 0.0.4."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return generate_latest(registry)
