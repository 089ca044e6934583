"""What Swagger UI shows of incidents."""

from typing import Any

INCIDENT: dict[str, Any] = {
    "id": 123,
    "publicId": "44444444-4444-4444-8444-444444444444",
    "organizationId": 1,
    "imapPopMonitorId": 500,
    "monitor": {
        "publicId": "66666666-6666-4666-8666-666666666666",
        "name": "Mailbox Access",
        "hostname": "mail.example.com",
    },
    "customer": {"id": 10, "name": "Example Customer"},
    "type": "connection_refused",
    "status": "open",
    "startedAt": "2026-02-26T12:10:00.000Z",
    "endedAt": None,
    "durationMs": 150_000,
    "acknowledgedAt": None,
    "acknowledgedBy": None,
    "lastNotifiedAt": "2026-02-26T12:11:00.000Z",
    "errorMessage": "Connection refused.",
}

LIST: dict[str, Any] = {"incidents": [INCIDENT], "total": 1}

_EMPTY = {"actorName": None, "text": None, "alert": None}
_OPENED = {**_EMPTY, "at": "2026-02-26T12:10:30.000Z", "kind": "opened", "text": "Connection refused."}
_ALERT = {
    **_EMPTY,
    "at": "2026-02-26T12:11:00.000Z",
    "kind": "alert",
    "alert": {
        "id": 987,
        "type": "slack",
        "channelName": "Ops Slack",
        "status": "sent",
        "attempt": 1,
        "errorMessage": None,
    },
}

WITH_TIMELINE: dict[str, Any] = {
    **INCIDENT,
    "timeline": [_OPENED, _ALERT],
    "evidence": {
        "resultId": "77777777-7777-4777-8777-777777777777",
        "checkedAt": "2026-02-26T12:10:00.000Z",
        "locationCode": "local",
        "diagnostics": {
            "errorCode": "connection_refused",
            "phase": "connect",
            "address": "192.0.2.10",
            "timings": {"dns": 3, "connect": 21},
            "warnings": [],
            "attempts": 2,
        },
    },
}

_CARE = {"actorName": "ada@example.com", "text": None, "alert": None}
ACKNOWLEDGED: dict[str, Any] = {
    **WITH_TIMELINE,
    "acknowledgedAt": "2026-02-26T12:12:00.000Z",
    "acknowledgedBy": "ada@example.com",
    "timeline": [
        *WITH_TIMELINE["timeline"],
        {**_CARE, "at": "2026-02-26T12:12:00.000Z", "kind": "acknowledged"},
    ],
}

COMMENT_REQUEST: dict[str, Any] = {"text": "The provider is restarting its server."}
COMMENTED: dict[str, Any] = {
    **ACKNOWLEDGED,
    "timeline": [
        *ACKNOWLEDGED["timeline"],
        {**_CARE, **COMMENT_REQUEST, "at": "2026-02-26T12:12:30.000Z", "kind": "commented"},
    ],
}
