"""Says that the database went away and came back, once each, and not at every attempt in between."""

from threading import Lock
from time import monotonic

from sqlalchemy.exc import DBAPIError

from app.extensions import DATABASE_AWAY
from app.log import get_logger

log = get_logger(__name__)


class Outage:
    """The state of one activity that needs the database, named in the log lines."""

    def __init__(self, activity: str) -> None:
        self._activity = activity
        self._since: float | None = None
        self._lock = Lock()

    def begin(self, error: Exception) -> None:
        with self._lock:
            if self._since is not None:
                return
            self._since = monotonic()
        if isinstance(error, DATABASE_AWAY):
            log.error("database_away", during=self._activity, error=reason(error))
        else:
            # Nobody foresaw this one, so its traceback is needed.
            log.error("activity_failing", during=self._activity, exc_info=error)

    def end(self) -> None:
        with self._lock:
            since, self._since = self._since, None
        if since is not None:
            log.info("activity_recovered", during=self._activity, seconds=round(monotonic() - since, 1))


def reason(error: Exception) -> str:
    """The first line of what the driver says; SQLAlchemy's own text would add statement and values."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    first_line = str(cause).strip().partition("\n")[0]
    return f"{type(cause).__name__}: {first_line}"
