"""What Swagger UI shows of users."""

from typing import Any

CREATE_REQUEST: dict[str, Any] = {
    "email": "ada@example.com",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "role": "editor",
    "password": "correct horse battery staple",
}

USER: dict[str, Any] = {
    "id": 2,
    "publicId": "33333333-3333-4333-8333-333333333333",
    "organizationId": 1,
    "email": "ada@example.com",
    "firstName": "Ada",
    "lastName": "Lovelace",
    "role": "editor",
    "customerIds": None,
    "isActive": True,
    "createdAt": "2026-02-26T12:00:00.000Z",
    "updatedAt": "2026-02-26T12:00:00.000Z",
}

PAGE: dict[str, Any] = {"items": [USER], "total": 1, "page": 1, "perPage": 50}
