"""What Swagger UI shows of notification channels."""

from typing import Any

CREATE_REQUEST: dict[str, Any] = {
    "type": "email",
    "name": "Ops e-mail",
    "config": {"email": "ops@example.com", "to": "Ops"},
}

CHANNEL: dict[str, Any] = {
    "id": 7,
    "publicId": "22222222-2222-4222-8222-222222222222",
    "organizationId": 1,
    "customerId": None,
    "imapPopMonitorId": None,
    "type": "webhook",
    "category": "direct",
    "name": "Ticket system",
    "config": {"url": "https://tickets.example.com/hook", "secret": None, "hasSecret": True},
    "hasSecret": True,
    "priority": 1,
    "delaySeconds": 300,
    "conditions": {"events": ["alert", "recovery"], "minIncidentDuration": 300},
    "isActive": True,
    "createdAt": "2026-02-26T12:00:00.000Z",
    "updatedAt": "2026-02-26T12:00:00.000Z",
}

PAGE: dict[str, Any] = {"items": [CHANNEL], "total": 1, "page": 1, "perPage": 50}

TEST_REQUEST: dict[str, Any] = {
    "type": "webhook",
    "config": {"url": "https://tickets.example.com/hook", "secret": "signs the message"},
    "dryRun": True,
}

TEST_RESULT: dict[str, Any] = {
    "success": True,
    "mode": "send",
    "message": "Webhook delivered successfully",
    "validation": {"ok": True, "errors": [], "warnings": []},
    "request": {
        "type": "webhook",
        "url": "https://tickets.example.com/hook",
        "method": "POST",
        "timeoutSeconds": 10,
    },
    "response": {"reachable": True, "ok": True, "statusCode": 200, "durationMs": 184},
}
