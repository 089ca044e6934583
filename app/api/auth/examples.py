"""What Swagger UI shows of sessions."""

from typing import Any

LOGIN: dict[str, Any] = {"email": "admin@example.com", "password": "the one that make run prints"}

CHANGE_PASSWORD: dict[str, Any] = {
    "currentPassword": "the one that make run prints",
    "newPassword": "correct horse battery staple",
}

USER: dict[str, Any] = {
    "id": 1,
    "publicId": "22222222-2222-4222-8222-222222222222",
    "organizationId": 1,
    "email": "admin@example.com",
    "firstName": None,
    "lastName": None,
    "role": "admin",
    "customerIds": None,
    "isActive": True,
    "createdAt": "2026-02-26T12:00:00.000Z",
    "updatedAt": "2026-02-26T12:00:00.000Z",
}

TOKENS: dict[str, Any] = {
    "accessToken": "eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoiYWNjZXNzIn0.c2lnbmF0dXJl",
    "refreshToken": "eyJhbGciOiJIUzI1NiJ9.eyJ0eXBlIjoicmVmcmVzaCJ9.c2lnbmF0dXJl",
    "tokenType": "Bearer",
    "expiresIn": 900,
    "user": USER,
}
