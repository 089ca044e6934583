"""Bodies of maintenance windows that tests send."""

from typing import Any

ONCE: dict[str, Any] = {
    "name": "Move to another rack",
    "description": "First line\n\tsecond line",
    "startTime": "2030-07-07T02:00:00.000Z",
    "endTime": "2030-07-07T04:30:00.000Z",
    "timeZone": "Europe/Berlin",
    "isRecurring": False,
    "recurrencePattern": None,
    "isActive": True,
}
PATTERN: dict[str, Any] = {
    "frequency": "weekly",
    "interval": 2,
    "daysOfWeek": [0, 6],
    "dayOfMonth": None,
    "endRecurrenceDate": "2031-12-31",
}
WEEKLY = {**ONCE, "isRecurring": True, "recurrencePattern": PATTERN}


def target(monitor: Any) -> dict[str, Any]:
    """A monitor by its number or its UUID."""
    return {"type": "imap_pop", "id": monitor}
