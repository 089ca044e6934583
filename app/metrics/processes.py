"""What the operating system says of our processes, under the names that all programs use."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from prometheus_client import Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

SUMS = {
    "process_cpu_seconds",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
}
"""Of the others, such as the start, the least is told."""


class GroupCollector(Collector):
    """A process and its children as one: what they use together. Nothing where there is no /proc."""

    def __init__(self, process_id: int) -> None:
        self._process_id = process_id

    def collect(self) -> Iterator[Metric]:
        found: dict[str, list[float]] = {}
        said: dict[str, Metric] = {}
        for process_id in (self._process_id, *_children(self._process_id)):
            for metric in ProcessCollector(pid=partial(int, process_id), registry=None).collect():
                said[metric.name] = metric
                found.setdefault(metric.name, []).extend(sample.value for sample in metric.samples)
        for name, values in found.items():
            family = CounterMetricFamily if said[name].type == "counter" else GaugeMetricFamily
            value = sum(values) if name in SUMS else min(values)
            if name == "process_cpu_seconds":
                value += _reaped_seconds(self._process_id)
            yield family(name, said[name].documentation, value=value)


def _children(process_id: int) -> list[int]:
    try:
        return [
            int(word) for word in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
        ]
    except OSError:
        return []


def _reaped_seconds(process_id: int) -> float:
    """What children that have ended used: without it the sum would fall when one does."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # The 16th and 17th field of proc(5), of which the first two are cut off here.
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
