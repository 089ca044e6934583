"""The signed webhook (contract section 4): one request with the incident as JSON, sent by ourselves.

The signature is of the raw body, so whoever knows the secret can tell that it is ours and unchanged; the
id is the same for all attempts, so whoever gets it twice can tell that too.
"""

import hmac
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from http.client import HTTPException
from typing import Any

from app.domain.http_url import HttpUrlError, split_http_url
from app.domain.instants import to_iso
from app.domain.notification import Notice
from app.net.failure import CheckError
from app.net.http import asking
from app.net.limits import Limits
from app.notifiers.failure import UndeliveredError, refused
from app.notifiers.transport import Transport
from app.version import USER_AGENT

SECONDS = 10.0
"""Unless the channel says otherwise."""
MAX_ANSWER = 4 * 1024
"""What is read of an answer that is no success, for its reason."""
RESERVED = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "te", "trailer"})
"""Headers that frame a request: users' own of these are left out (RFC 9110, 7.6.1)."""
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\x20-\x7e]*")


def post(notice: Notice, config: Mapping[str, Any], transport: Transport, limits: Limits) -> int:
    """The status of the answer, 2xx. Raises UndeliveredError or CheckError.

    What the target says behind the status does not matter: it has taken the message.
    """
    try:
        url = split_http_url(config["url"])
    except HttpUrlError as error:
        raise UndeliveredError(f"The webhook's URL {error}.", is_final=True) from None
    body = json.dumps(document(notice), ensure_ascii=False).encode()
    headers = headers_of(notice, body, config.get("secret"), config.get("headers") or {})
    with asking(
        url,
        config.get("method") or "POST",
        body,
        headers,
        guard=transport.guard,
        limits=limits,
        tls=transport.tls,
    ) as answer:
        if 200 <= answer.status < 300:
            return answer.status
        words = b""
        with suppress(CheckError, HTTPException, ValueError):
            words = answer.read(MAX_ANSWER)
        raise refused(answer.status, words)


def document(notice: Notice) -> dict[str, Any]:
    """The body. `isTest` is there in tests alone."""
    incident, monitor = notice.incident, notice.monitor
    return {
        "event": notice.event.value,
        "id": str(notice.id),
        "sentAt": to_iso(notice.sent_at),
        "incident": {
            "publicId": str(incident.public_id),
            "type": incident.type,
            "status": "open" if incident.is_open else "resolved",
            "startedAt": to_iso(incident.started_at),
            "endedAt": None if incident.ended_at is None else to_iso(incident.ended_at),
            "errorMessage": incident.error_message,
        },
        "monitor": {
            "publicId": str(monitor.public_id),
            "name": monitor.name,
            "hostname": monitor.hostname,
            "port": monitor.port,
            "protocol": monitor.protocol.value,
        },
        "customer": {"publicId": str(notice.customer.public_id), "name": notice.customer.name},
        "organization": {"publicId": str(notice.organization.public_id), "name": notice.organization.name},
        **({"isTest": True} if notice.is_test else {}),
    }


def headers_of(notice: Notice, body: bytes, secret: str | None, users: Mapping[str, str]) -> dict[str, str]:
    """The users' own, and over them ours. Raises UndeliveredError for what would be no header, or two."""
    ours = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-Webhook-Id": str(notice.id),
        "X-Webhook-Event": notice.event.value,
        "X-Webhook-Attempt": str(notice.attempt),
        "X-Webhook-Timestamp": to_iso(notice.sent_at),
    }
    if secret:
        ours["X-Webhook-Signature"] = hmac.new(secret.encode(), body, sha256).hexdigest()
        ours["X-Webhook-Signature-Algorithm"] = "sha256"
    taken = {name.lower() for name in ours} | RESERVED
    kept = {
        name: value
        for name, value in users.items()
        if name.lower() not in taken and not name.lower().startswith("x-webhook-")
    }
    if not all(_HEADER.fullmatch(f"{name}: {value}") for name, value in kept.items()):
        raise UndeliveredError("The headers of the webhook cannot be sent.", is_final=True)
    return {**kept, **ours, "Connection": "close"}
