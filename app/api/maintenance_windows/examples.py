"""What Swagger UI shows of maintenance windows."""

from typing import Any

_PATTERN: dict[str, Any] = {
    "frequency": "weekly",
    "interval": 1,
    "daysOfWeek": [2],
    "dayOfMonth": None,
    "endRecurrenceDate": None,
}

CREATE_REQUEST: dict[str, Any] = {
    "customerId": "11111111-1111-4111-8111-111111111111",
    "name": "Weekly deployment",
    "description": "Mail servers are restarted one after the other.",
    "startTime": "2026-07-07T02:00:00.000Z",
    "endTime": "2026-07-07T04:00:00.000Z",
    "timeZone": "Europe/Berlin",
    "isRecurring": True,
    "recurrencePattern": {"frequency": "weekly", "interval": 1, "daysOfWeek": [2]},
}

PATCH_REQUEST: dict[str, Any] = {"endTime": "2026-07-07T05:00:00.000Z"}

WINDOW: dict[str, Any] = {
    "id": 42,
    "publicId": "88888888-8888-4888-8888-888888888888",
    "organizationId": 1,
    "customerId": 10,
    "name": "Weekly deployment",
    "description": "Mail servers are restarted one after the other.",
    "startTime": "2026-07-07T02:00:00.000Z",
    "endTime": "2026-07-07T04:00:00.000Z",
    "timeZone": "Europe/Berlin",
    "isRecurring": True,
    "recurrencePattern": _PATTERN,
    "isActive": True,
    "targets": [{"type": "imap_pop", "id": 500}],
    "imapPopMonitorId": 500,
    "createdAt": "2026-02-26T12:00:00.000Z",
    "updatedAt": "2026-02-26T12:00:00.000Z",
}

PAGE: dict[str, Any] = {"items": [WINDOW], "total": 1, "page": 1, "perPage": 50}
