"""What the web processes count. Under gunicorn there are several, and each answers for all of them.

prometheus_client does that by files that the processes share (gunicorn.conf.py says where). Elsewhere, such
as under `flask run` and in tests, there is one process and there are no files.
"""

import os
import re
from functools import cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.registry import Collector

from app.metrics import database
from app.metrics.processes import GroupCollector
from app.metrics.shared import FILES, SharedCollector

UNKNOWN = "unknown"
"""Stands for all paths that lead nowhere: whoever makes some up must not make series."""
OTHER_METHOD = "other"
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10)
LIMITS = ("requests", "login", "account", "password", "channel_test")
"""What is limited, see docs/settings.md."""

REGISTRY = CollectorRegistry()
_REQUESTS = Counter(
    "pillarbox_http_requests",
    "Requests answered, by route (the pattern, not the path), method and status.",
    ["route", "method", "status"],
    registry=REGISTRY,
)
_SECONDS = Histogram(
    "pillarbox_http_request_seconds",
    "How long until an answer began.",
    ["route", "method"],
    registry=REGISTRY,
    buckets=BUCKETS,
)
_REFUSALS = Counter(
    "pillarbox_rate_limit_refusals",
    "Requests refused with 429, by the limit that they met.",
    ["limit"],
    registry=REGISTRY,
)
for _limit in LIMITS:
    _REFUSALS.labels(_limit)


def count_request(rule: str | None, method: str, status: int, seconds: float) -> None:
    """`rule` is the pattern that the path matched, if any."""
    route = UNKNOWN if rule is None else _route(rule)
    method = method if method in METHODS else OTHER_METHOD
    _REQUESTS.labels(route, method, status).inc()
    _SECONDS.labels(route, method).observe(seconds)


@cache
def _route(rule: str) -> str:
    """As the documents write it: `/api/users/:id`."""
    return re.sub(r"<(?:[^:<>]+:)?(\w+)>", r":\1", rule)


def count_refusal(limit: str) -> None:
    _REFUSALS.labels(limit).inc()


def collectors() -> list[Collector]:
    """All that is counted by the web processes, of which this is one."""
    folder = os.environ.get(FILES)
    if folder is None:
        return [REGISTRY, database.REGISTRY, GroupCollector(os.getpid())]
    return [SharedCollector(Path(folder)), GroupCollector(os.getppid())]
