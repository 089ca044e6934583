"""One format of log for every process: constant event names, data as keys (docs/logs.md).

`get_logger` is what modules log with. Whatever the libraries write goes through the same formatter.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import structlog
from structlog.contextvars import bound_contextvars, clear_contextvars, get_contextvars
from structlog.processors import format_exc_info
from structlog.stdlib import BoundLogger, ProcessorFormatter, filter_by_level
from structlog.typing import EventDict, WrappedLogger

from app.domain.instants import to_iso
from app.traces import wordless

CONSOLE, JSON = "console", "json"
"""The values of LOG_FORMAT."""
REQUEST_ID = "request_id"

_LINE = "%(asctime)s %(levelname)s %(process)d %(name)s %(message)s"
_LINE_BREAKERS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_VISIBLE = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _LINE_BREAKERS}
_NO_DATA = frozenset({"event", "exception", "exc_info", "stack_info", "_record", "_from_structlog"})


class Event(dict[str, Any]):
    """What a record has for a message: its data, which handlers of others see as `event key=value`."""

    def __str__(self) -> str:
        data = (f"{key}={value}" for key, value in self.items() if key not in _NO_DATA)
        return " ".join((str(self["event"]), *data))


def get_logger(name: str) -> BoundLogger:
    """A structlog logger on top of the standard library's one of that name."""
    log = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[filter_by_level, _without_words, _to_logging],
        wrapper_class=BoundLogger,
    )
    return cast(BoundLogger, log)


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Put these ids on every line that this thread writes meanwhile, and nothing of its earlier work.

    Threads that are started meanwhile do not inherit them.
    """
    clear_contextvars()
    try:
        with bound_contextvars(**ids):
            yield
    finally:
        clear_contextvars()


def formatter(log_format: str) -> logging.Formatter:
    """Keeps a record on one line, whatever it quotes; in the console a traceback below it keeps its lines."""
    is_json = log_format == JSON
    return ProcessorFormatter(
        processors=[_without_words, _with_ids, format_exc_info, _as_json if is_json else _as_text],
        fmt="%(message)s" if is_json else _LINE,
    )


def configure_logging(level: str, log_format: str) -> None:
    """Send everything to standard error, by one handler in each process."""
    root = logging.getLogger()
    ours = next((handler for handler in root.handlers if handler.name == __name__), None)
    if ours is None:
        ours = logging.StreamHandler(sys.stderr)
        ours.name = __name__
        root.addHandler(ours)
    ours.setFormatter(formatter(log_format))
    root.setLevel(level)
    # One line per tick would drown everything else.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    # What these two say of a request is in its own line already, and one of them quotes what was sent.
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)
    logging.getLogger("flask_cors").setLevel(logging.WARNING)
    migrations = logging.getLogger("alembic.runtime.migration")
    if _is_migration not in migrations.filters:
        migrations.addFilter(_is_migration)


def _is_migration(record: logging.LogRecord) -> bool:
    """Alembic also announces which database it talks to, each time it looks at one."""
    return record.getMessage().startswith("Running")


def _without_words(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if error:
        event["exc_info"] = wordless(error)
    return event


def _to_logging(logger: WrappedLogger, method: str, event: EventDict) -> tuple[tuple[Event], dict[str, Any]]:
    """As ProcessorFormatter wants it, with a message and an error that other handlers understand too."""
    named = {"_logger": logger, "_name": method}
    return (Event(event),), {"extra": named, "exc_info": event.get("exc_info")}


def _with_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Add what the thread is at, the request's id last. What a line says itself it does not say twice."""
    ids = get_contextvars()
    last = {REQUEST_ID: ids.pop(REQUEST_ID)} if REQUEST_ID in ids else {}
    return {**event, **{key: value for key, value in (ids | last).items() if key not in event}}


def _as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    trace = f"\n{event['exception']}" if "exception" in event else ""
    return str(Event(event)).translate(_VISIBLE) + trace


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    record: logging.LogRecord = event["_record"]
    envelope = {
        "timestamp": to_iso(datetime.fromtimestamp(record.created, UTC)),
        "level": record.levelname.lower(),
        "logger": record.name,
        "pid": record.process,
        "event": event["event"],
    }
    data = {key: value for key, value in event.items() if key not in _NO_DATA | envelope.keys()}
    line = envelope | data
    if "exception" in event:
        line["exception"] = event["exception"]
    return json.dumps(line, default=_plain)


def _plain(value: object) -> str:
    return to_iso(value) if isinstance(value, datetime) else str(value)
