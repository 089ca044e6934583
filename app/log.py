"""One logging format for every process: constant event names, data as `key=value`.

A line written while a request is answered ends in that request's id.
"""

import logging
import sys
from contextvars import ContextVar

FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s %(message)s"

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Set by app.api.requests. Threads that a request starts do not inherit it."""

_LINE_BREAKERS = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)
_VISIBLE = {code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" for code in _LINE_BREAKERS}


class Formatter(logging.Formatter):
    """Adds the request's id, and keeps a message on one line whatever it quotes.

    A traceback below it keeps its lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        known = request_id.get()
        line = super().formatMessage(record).translate(_VISIBLE)
        return line if known is None else f"{line} request_id={known}"


def configure_logging(level: str) -> None:
    """Send everything to standard error, once per process."""
    root = logging.getLogger()
    if not any(getattr(handler, "is_pillarbox", False) for handler in root.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(Formatter(FORMAT))
        handler.is_pillarbox = True  # type: ignore[attr-defined] # our own mark, to add it once
        root.addHandler(handler)
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
