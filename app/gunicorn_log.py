"""What gunicorn itself writes, in the format of all other lines; by master and workers alike."""

import logging
from typing import Any

from gunicorn.glogging import Logger

from app.log import formatter


def in_format(log_format: str) -> type[Logger]:
    """The class for gunicorn's setting `logger_class`. Files it writes to stay what they are."""

    class Log(Logger):  # type: ignore[misc] # gunicorn ships no types
        def _set_handler(self, log: logging.Logger, output: Any, fmt: Any, stream: Any = None) -> None:  # noqa: ARG002 - gunicorn's signature
            super()._set_handler(log, output, formatter(log_format), stream)

    return Log
