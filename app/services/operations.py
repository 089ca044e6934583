"""Is the service ready: an answer from the database, the same in every process."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from app.clock import to_iso
from app.log import get_logger
from app.models import Location
from app.services import lateness, locations, migrations

log = get_logger(__name__)


@dataclass(frozen=True)
class Readiness:
    """`ok` or what is wrong, by what was looked at. Not all that is wrong keeps the service from its work."""

    checks: Mapping[str, str]
    is_ready: bool = False


def readiness(now: datetime, *, checks_per_host: int) -> Readiness:
    """Look at the database, the migrations, the schedulers and what they see of themselves."""
    try:
        if migrations.is_behind():
            return Readiness({"database": "ok", "migrations": "run `flask --app wsgi db upgrade`"})
        return _readiness(now, checks_per_host)
    except SQLAlchemyError as error:
        log.warning("database_unavailable", error=type(error).__name__)
        return Readiness({"database": "does not answer"})


def _readiness(now: datetime, checks_per_host: int) -> Readiness:
    places = locations.active(now)
    suspects = [place for place in places if place.suspect_since is not None]
    is_late = lateness.is_badly_late_everywhere(now, checks_per_host=checks_per_host)
    checks = {
        "database": "ok",
        "migrations": "ok",
        "scheduler": "ok" if places else "no scheduler has been heard of in the last 60 s",
        "references": "; ".join(map(_doubt, suspects)) or "ok",
        "schedule": "checks wait for more than 5 minutes, at every location" if is_late else "ok",
    }
    # One location that doubts what it sees is made up for by the others.
    return Readiness(checks, is_ready=len(places) > len(suspects) and not is_late)


def _doubt(place: Location) -> str:
    since = to_iso(place.suspect_since) if place.suspect_since else ""
    return f"{place.code} reaches no reference target since {since} and holds its alerts"
