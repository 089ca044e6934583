"""The API page's own examples, as Swagger UI offers them."""

from typing import Any

from app.api.customers.examples import EMBEDDED

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

PAGE: dict[str, Any] = {
    "items": [{**MONITOR, "customerName": EMBEDDED["name"]}],
    "total": 1,
    "page": 1,
    "perPage": 50,
}

WITH_CUSTOMER: dict[str, Any] = {**MONITOR, "customer": EMBEDDED}

TRIGGERED: dict[str, Any] = {
    "success": True,
    "message": "Checks triggered successfully",
    "imapPopMonitorId": 500,
    "locationCodes": ["local"],
    "queueNames": ["imap-pop-monitor-checks-local"],
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

CHECK_HISTORY: dict[str, Any] = {
    "data": [
        {
            **RESULT,
            "id": "77777777-7777-4777-8777-777777777777",
            "inMaintenance": False,
            "locationId": 1,
            "locationName": "Local",
            "locationCode": "local",
        }
    ]
}

CHECK_EXPORT = (
    "id,checkedAt,localTime,status,errorCode,phase,errorMessage,warningMessage,timingImapPop,inMaintenance,"
    "locationId,locationCode,locationName,address,attempts,dnsMs,connectMs,tlsMs,greetingMs,capabilityMs,"
    "starttlsMs,loginMs,mailboxMs,logoutMs\r\n"
    "77777777-7777-4777-8777-777777777777,2026-02-26T12:00:00.000Z,2026-02-26 13:00:00,success,,,,,148,false,"
    "1,local,Local,192.0.2.10,1,3,21,44,20,,,31,15,14\r\n"
)

INCIDENT_HISTORY: dict[str, Any] = {
    "incidents": [
        {
            "id": 123,
            "type": "connection_refused",
            "status": "resolved",
            "startedAt": "Feb 26, 2026, 12:10:00",
            "endedAt": "Feb 26, 2026, 12:12:30",
            "duration": "2m 30s",
            "durationMs": 150_000,
            "isOngoing": False,
            "details": "Connection refused.",
        }
    ],
    "total": 1,
}

ALERT_HISTORY: dict[str, Any] = {
    "alerts": [
        {
            "id": 987,
            "incidentId": 123,
            "type": "slack",
            "status": "sent",
            "channelName": "Ops Slack",
            "sentAt": "2026-02-26T12:11:00.000Z",
            "errorMessage": None,
        }
    ],
    "total": 1,
}

_STRETCH: dict[str, Any] = {
    "from": "2026-02-26T00:00:00.000Z",
    "until": "2026-02-26T12:00:00.000Z",
    "uptime": 99.6376,
    "upMs": 41_242_500,
    "downMs": 150_000,
    "maintenanceMs": 1_800_000,
    "noDataMs": 7_500,
    "notWatchedMs": 0,
    "checks": 24,
    "warnings": 1,
    "failures": 2,
    "avgResponse": 148,
    "p95Response": 197,
    "timings": {"dns": 3, "connect": 21, "tls": 44, "greeting": 20, "login": 31, "mailbox": 15, "logout": 14},
}
_FIGURES: dict[str, Any] = {
    **_STRETCH,
    "longestOutageMs": 150_000,
    "checksFrom": "2026-02-26T00:00:00.000Z",
    "checksUntil": "2026-02-26T12:00:00.000Z",
}


def _since(instant: str, **figures: Any) -> dict[str, Any]:
    return {**_FIGURES, "from": instant, "checksFrom": instant, **figures}


DETAILS: dict[str, Any] = {
    "imapPopMonitorId": 500,
    "monitor": WITH_CUSTOMER,
    "latestCheck": {
        "status": "success",
        "checkedAt": "2026-02-26T12:00:00.000Z",
        "timingImapPop": 148,
        "errorCode": None,
        "errorMessage": None,
        "warningMessage": None,
        "locationCode": "local",
        "locationName": "Local",
    },
    "uptimeStats": {
        "day": 99.6376,
        "month": 99.9931,
        "year": 99.9969,
        "dayAvgResponse": 148,
        "monthAvgResponse": 140,
        "yearAvgResponse": 144,
    },
    "uptimeStatsMeta": {
        "timeZone": "UTC",
        "granularity": "hour",
        "truncated": False,
        "range": _FIGURES,
        "day": _FIGURES,
        "month": _since("2026-02-01T00:00:00.000Z", uptime=99.9931, upMs=2_201_242_500),
        "year": _since("2026-01-01T00:00:00.000Z", uptime=99.9969, upMs=4_879_642_500),
        "segments": [
            {"from": "2026-02-26T00:00:00.000Z", "until": "2026-02-26T12:00:00.000Z", "state": "up"}
        ],
        "segmentsTruncated": False,
    },
    "monitoringData": [_STRETCH],
    "incidents": INCIDENT_HISTORY["incidents"],
    "alerts": ALERT_HISTORY["alerts"],
    "testResultLog": CHECK_HISTORY["data"],
    "maintenance": {"inMaintenance": False, "activeWindows": [], "allWindows": []},
}
