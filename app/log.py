"""One logging format for every process: constant event names, data as `key=value`."""

import logging
import sys

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


def configure_logging(level: str) -> None:
    """Send everything to standard error, once per process."""
    root = logging.getLogger()
    if not any(getattr(handler, "is_pillarbox", False) for handler in root.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(FORMAT))
        handler.is_pillarbox = True  # type: ignore[attr-defined] # our own mark, to add it once
        root.addHandler(handler)
    root.setLevel(level)
    # One line per tick would drown everything else.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    # One line for each request that is refused would let a flood fill the log.
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)
    migrations = logging.getLogger("alembic.runtime.migration")
    if _is_migration not in migrations.filters:
        migrations.addFilter(_is_migration)


def _is_migration(record: logging.LogRecord) -> bool:
    """Alembic also announces which database it talks to, each time it looks at one."""
    return record.getMessage().startswith("Running")
