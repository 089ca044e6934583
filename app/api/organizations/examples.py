"""What Swagger UI shows of organizations."""

from typing import Any

PATCH_REQUEST: dict[str, Any] = {"language": "de", "timeZone": "Europe/Berlin", "alertReminderMinutes": 30}

CREATE_REQUEST: dict[str, Any] = {"name": "Example Agency", "language": "en", "timeZone": "Europe/Vienna"}

ORGANIZATION: dict[str, Any] = {
    "id": 1,
    "publicId": "33333333-3333-4333-8333-333333333333",
    "name": "Example Agency",
    "language": "en",
    "timeZone": "Europe/Vienna",
    "alertConsecutiveChecks": 2,
    "recoveryConsecutiveChecks": 2,
    "alertLocationThresholdCount": 1,
    "alertReminderMinutes": 60,
    "createdAt": "2026-02-26T12:00:00.000Z",
    "updatedAt": "2026-02-26T12:00:00.000Z",
}

PAGE: dict[str, Any] = {"items": [ORGANIZATION], "total": 1, "page": 1, "perPage": 50}
