"""What Swagger UI shows of customers."""

from typing import Any

CREATE_REQUEST: dict[str, Any] = {"name": "Example Customer", "email": "ops@example.com"}

EMBEDDED: dict[str, Any] = {
    "id": 10,
    "publicId": "11111111-1111-4111-8111-111111111111",
    "organizationId": 1,
    "name": "Example Customer",
    "email": "ops@example.com",
    "allowedCheckCountryCodes": None,
    "customFields": None,
    "alertLocationThresholdCount": None,
    "createdAt": "2026-02-26T12:00:00.000Z",
    "updatedAt": "2026-02-26T12:00:00.000Z",
}

CUSTOMER: dict[str, Any] = {
    **EMBEDDED,
    "notificationEmail": None,
    "notificationPhoneNumber": None,
    "status": "active",
    "alertConsecutiveChecks": None,
    "recoveryConsecutiveChecks": None,
    "alertReminderMinutes": None,
}

PAGE: dict[str, Any] = {"items": [CUSTOMER], "total": 1, "page": 1, "perPage": 50}
