"""What Swagger UI shows of the audit trail."""

from typing import Any

ENTRY: dict[str, Any] = {
    "id": 7,
    "publicId": "55555555-5555-4555-8555-555555555555",
    "organizationId": 1,
    "customerId": 10,
    "action": "monitor.update",
    "actor": {"kind": "user", "id": 1, "name": "admin@example.com"},
    "target": {
        "kind": "monitor",
        "publicId": "66666666-6666-4666-8666-666666666666",
        "name": "Mailbox Access",
    },
    "changes": {
        "checkInterval": {"before": 30, "after": 5},
        "imapPopConfig.password": {"before": "********", "after": "********"},
    },
    "address": "192.0.2.7",
    "requestId": "6f1c0c8e5d1f4f6e9a1b2c3d4e5f6071",
    "createdAt": "2026-02-26T12:00:00.000Z",
}

PAGE: dict[str, Any] = {"items": [ENTRY], "total": 1, "page": 1, "perPage": 50}
