"""What Swagger UI shows of API tokens."""

from typing import Any

ORGANIZATION_REQUEST: dict[str, Any] = {"name": "Deployment", "expiresInDays": 90}

CUSTOMER_REQUEST: dict[str, Any] = {
    "name": "Dashboard",
    "expiresInDays": None,
    "customerId": "11111111-1111-4111-8111-111111111111",
}

TOKEN: dict[str, Any] = {
    "id": 3,
    "publicId": "44444444-4444-4444-8444-444444444444",
    "name": "Dashboard",
    "tokenHint": "wsm_Zk3qT",
    "organizationId": 1,
    "customerId": 10,
    "lastUsedAt": None,
    "expiresAt": None,
    "createdAt": "2026-02-26T12:00:00.000Z",
}

NEW: dict[str, Any] = {**TOKEN, "token": "wsm_Zk3qT-shown-once-and-never-again"}

PAGE: dict[str, Any] = {
    "items": [{**TOKEN, "customerName": "Example Customer"}],
    "total": 1,
    "page": 1,
    "perPage": 50,
}
