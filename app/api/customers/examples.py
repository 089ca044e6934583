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

SLA = (
    "publicId,name,hostname,uptimePercent,upMinutes,downtimeMinutes,maintenanceMinutes,noDataMinutes,"
    "notWatchedMinutes,incidents,longestOutageMinutes,avgResponseMs,p95ResponseMs,checks\r\n"
    "66666666-6666-4666-8666-666666666666,Mailbox Access,mail.example.com,99.8842,43067.50,49.92,60.00,22.58,"
    "0.00,2,35.25,148,300,1437\r\n"
    ",TOTAL,,99.8842,43067.50,49.92,60.00,22.58,0.00,2,35.25,148,300,1437\r\n"
)
