"""The dead man's switch: a server elsewhere that is asked while all is well, and alarms when it is not."""

from datetime import datetime

from sqlalchemy import select

from app.domain.http_url import HttpUrl
from app.domain.target import TargetGuard, TlsPolicy
from app.extensions import db
from app.models import Location
from app.net.failure import CheckError
from app.net.http import asking
from app.net.limits import Limits
from app.services import lateness
from app.services.lateness import BADLY_LATE_AFTER
from app.version import USER_AGENT

PING_SECONDS = 60
DEADLINE_SECONDS = 10.0
ANYWHERE = TargetGuard(allow_private=True)
"""The operator's own choice, unlike what users enter."""
HEADERS = {"User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}


def fault(location_id: int, now: datetime, *, checks_per_host: int) -> str | None:
    """In a word what keeps the location from being well, as far as its database tells. None: nothing."""
    suspect_since = db.session.scalar(select(Location.suspect_since).where(Location.id == location_id))
    if suspect_since is not None:
        return "cut_off"
    is_late = lateness.oldest_due(
        location_id, now, waiting_for=BADLY_LATE_AFTER, checks_per_host=checks_per_host
    )
    return "late" if is_late else None


def ping(url: HttpUrl) -> str | None:
    """Ask for it, for 10 s at most. None when the answer is a 2xx, else its status, or why there is none.

    Never raises. No redirect is followed, and nothing of the URL is in what is told: it is a secret.
    """
    try:
        with asking(
            url, "GET", None, HEADERS, guard=ANYWHERE, limits=Limits(DEADLINE_SECONDS), tls=TlsPolicy()
        ) as answer:
            return None if 200 <= answer.status < 300 else str(answer.status)
    except CheckError as failure:
        return failure.code
    except Exception as error:  # noqa: BLE001 - its text might quote the URL
        return type(error).__name__
