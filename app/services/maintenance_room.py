"""How many windows a customer may have that are open or to come."""

from datetime import datetime

from sqlalchemy import exists, func, or_, select

from app.errors import ConflictError
from app.extensions import db
from app.models import MaintenancePeriod, MaintenanceWindow

MAX_WINDOWS = 100
TOO_MANY = "Too many maintenance windows"

_WINDOW, _PERIOD = MaintenanceWindow, MaintenancePeriod


def counts(window: MaintenanceWindow, now: datetime) -> bool:
    """Whether the window is open or to come; it is held, and written down until now."""
    if window.next_start_at is not None:
        return True
    is_open = exists().where(_PERIOD.window_id == window.id, _PERIOD.ended_at > now)
    return bool(db.session.scalar(select(is_open)))


def require_room(customer_id: int, now: datetime) -> None:
    """After a window has come to a customer that is held: of many at once, one takes the last place.

    Raises ConflictError when there are too many.
    """
    is_open = exists().where(_PERIOD.window_id == _WINDOW.id, _PERIOD.ended_at > now)
    ahead = (_WINDOW.customer_id == customer_id, or_(_WINDOW.next_start_at.is_not(None), is_open))
    count = db.session.scalar(select(func.count()).select_from(_WINDOW).where(*ahead)) or 0
    if count > MAX_WINDOWS:
        raise ConflictError(
            TOO_MANY,
            f"The customer has {count - 1} already that are open or to come. Delete those that nobody needs.",
        )
