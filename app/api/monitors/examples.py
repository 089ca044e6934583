"""The API page's own examples, as Swagger UI offers them."""

from typing import Any

CREATE_REQUEST: dict[str, Any] = {
    "customerId": "11111111-1111-4111-8111-111111111111",
    "name": "Mailbox Access",
    "hostname": "mail.example.com",
    "port": 993,
    "status": "active",
    "checkInterval": 30,
    "timeoutSeconds": 30,
    "imapPopConfig": {
        "protocol": "imap",
        "user": "monitor@example.com",
        "password": "password",
        "tls": True,
        "tlsOptions": {"rejectUnauthorized": True},
    },
}

_CONFIG = {"protocol": "imap", "user": "monitor@example.com", "password": "password", "tls": True}

MONITOR: dict[str, Any] = {
    "id": 500,
    "publicId": "66666666-6666-4666-8666-666666666666",
    "organizationId": 1,
    "customerId": 10,
    "customerPublicId": "11111111-1111-4111-8111-111111111111",
    "name": "Mailbox Access",
    "hostname": "mail.example.com",
    "port": 993,
    "checkInterval": 30,
    "timeoutSeconds": 30,
    "status": "active",
    "allowedCheckCountryCodes": None,
    "notificationPhoneNumber": None,
    "notificationEmail": None,
    "lastCheckedAt": None,
    "nextCheckAt": "2026-02-26T12:00:00.000Z",
    "health": "pending",
    "lastStatus": None,
    "lastErrorMessage": None,
    "createdAt": "2026-02-26T12:00:00.000Z",
    "updatedAt": "2026-02-26T12:00:00.000Z",
    "config": _CONFIG,
    "imapPopConfig": _CONFIG,
}

RESULT: dict[str, Any] = {
    "status": "success",
    "errorMessage": None,
    "warningMessage": None,
    "timingImapPop": 148,
    "checkedAt": "2026-02-26T12:00:00.000Z",
    "diagnostics": {
        "errorCode": None,
        "address": "192.0.2.10",
        "timings": {
            "dns": 3,
            "connect": 21,
            "tls": 44,
            "greeting": 20,
            "login": 31,
            "mailbox": 15,
            "logout": 14,
        },
        "mailbox": {"name": "INBOX", "messages": 12},
        "warnings": [],
        "attempts": 1,
    },
}
