"""How long the database takes, seen from the process that asks it: two clock readings a statement."""

from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from app.extensions import DATABASE_AWAY

WEB, SCHEDULER = "web", "scheduler"
BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10)

REGISTRY = CollectorRegistry()
_SECONDS = Histogram(
    "pillarbox_database_seconds",
    "How long a statement took, by kind of process; commits are not in it.",
    ["process"],
    registry=REGISTRY,
    buckets=BUCKETS,
)
_ERRORS = Counter(
    "pillarbox_database_errors",
    "Statements and connections that failed because of the database as a whole.",
    ["process"],
    registry=REGISTRY,
)


class _Watch:
    """The figures of this process; a web process, until it says that it is another."""

    def __init__(self) -> None:
        self.kind = WEB
        self.bind()

    def bind(self) -> None:
        self.seconds, self.errors = _SECONDS.labels(self.kind), _ERRORS.labels(self.kind)


_watch = _Watch()


def runs_in(kind: str) -> None:
    """Say which kind of process this is."""
    for metric in (_SECONDS, _ERRORS):
        metric.remove(_watch.kind)
    _watch.kind = kind
    _watch.bind()


def observe(engine: Engine) -> None:
    event.listen(engine, "before_cursor_execute", _begin)
    event.listen(engine, "after_cursor_execute", _end)
    event.listen(engine, "handle_error", _fail)


def _begin(_connection: Any, _cursor: Any, _text: str, _given: Any, context: Any, _many: bool) -> None:
    context.began = perf_counter()


def _end(_connection: Any, _cursor: Any, _text: str, _given: Any, context: Any, _many: bool) -> None:
    _watch.seconds.observe(perf_counter() - context.began)


def _fail(failure: ExceptionContext) -> None:
    if isinstance(failure.sqlalchemy_exception, DATABASE_AWAY):
        _watch.errors.inc()
