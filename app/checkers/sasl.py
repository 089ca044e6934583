"""SASL with a bearer token: XOAUTH2, as Google and Microsoft have it, and OAUTHBEARER (RFC 7628)."""

import base64
import binascii
import json
from collections.abc import Collection

from app.domain.target import CheckTarget

XOAUTH2, OAUTHBEARER = "XOAUTH2", "OAUTHBEARER"
MECHANISMS = (XOAUTH2, OAUTHBEARER)
"""In the order of preference: the first is what the big providers speak and document."""
CANCEL = b"*"
MAX_STATUS = 100


def choose_mechanism(offered: Collection[str]) -> str | None:
    return next((mechanism for mechanism in MECHANISMS if mechanism in offered), None)


class BearerExchange:
    """The client's side of one login. A server that refuses the token says why in a challenge of its own."""

    def __init__(self, mechanism: str, target: CheckTarget, token: str) -> None:
        self.mechanism = mechanism
        self.message = base64.b64encode(_message(mechanism, target, token)).decode("ascii")
        # What is said to a complaint, so that the server goes on to its NO (RFC 7628, 3.2.3).
        self._acknowledgement = base64.b64encode(b"\x01") if mechanism == OAUTHBEARER else b""
        self._is_sent = False
        self.complaint: str | None = None
        """The status out of the server's complaint, as it was sent; None when there was none."""

    def open(self) -> str:
        """The initial response, to be sent along with the command."""
        self._is_sent = True
        return self.message

    def answer(self, challenge: bytes | None) -> bytes:
        """What to say to a challenge of the server's, both in base64."""
        if not self._is_sent:
            return self.open().encode("ascii")
        if self.complaint is None:
            self.complaint = _status(challenge or b"")
            return self._acknowledgement
        return CANCEL


def _message(mechanism: str, target: CheckTarget, token: str) -> bytes:
    user = target.user or ""
    if mechanism == XOAUTH2:
        return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()
    name = user.replace("=", "=3D").replace(",", "=2C")
    place = f"host={target.hostname}\x01port={target.effective_port}"
    return f"n,a={name},\x01{place}\x01auth=Bearer {token}\x01\x01".encode()


def _status(challenge: bytes) -> str:
    """The complaint is JSON in base64, with a status: an HTTP one from Google, else a word."""
    try:
        complaint = json.loads(base64.b64decode(challenge, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return ""
    status = complaint.get("status") if isinstance(complaint, dict) else None
    return str(status)[:MAX_STATUS] if isinstance(status, str | int) else ""
