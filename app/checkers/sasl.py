"""SASL: PLAIN (RFC 4616); with a token XOAUTH2, as the big providers have it, and OAUTHBEARER (RFC 7628)."""

import base64
import binascii
import json
from abc import ABC, abstractmethod
from collections.abc import Collection

from app.domain.enums import ErrorCode
from app.domain.target import CheckTarget
from app.net.failure import CheckError

PLAIN = "PLAIN"
XOAUTH2, OAUTHBEARER = "XOAUTH2", "OAUTHBEARER"
MECHANISMS = (XOAUTH2, OAUTHBEARER)
"""In the order of preference: the first is what the big providers speak and document."""
CANCEL = b"*"
MAX_STATUS = 100


def choose_mechanism(offered: Collection[str]) -> str | None:
    return next((mechanism for mechanism in MECHANISMS if mechanism in offered), None)


class Exchange(ABC):
    """The client's side of one login; what goes to and fro is in base64."""

    def __init__(self, mechanism: str, message: bytes) -> None:
        self.mechanism = mechanism
        self.message = base64.b64encode(message).decode("ascii")
        self._is_called_off = False

    def open(self) -> str:
        """The initial response, to be sent along with the command."""
        return self.message

    @abstractmethod
    def answer(self, challenge: bytes | None) -> bytes:
        """What to say to a challenge. Raises CheckError when the server challenges on and on."""

    def _call_off(self) -> bytes:
        if self._is_called_off:
            raise CheckError(
                ErrorCode.PROTOCOL_ERROR, "The server went on asking after the login was called off."
            )
        self._is_called_off = True
        return CANCEL


class PlainExchange(Exchange):
    """User and password. What the challenge says is of no account: it has to be empty, and often is not."""

    def __init__(self, user: str, password: str) -> None:
        super().__init__(PLAIN, f"\0{user}\0{password}".encode())
        self._is_asked = False

    def answer(self, challenge: bytes | None) -> bytes:
        del challenge
        if self._is_asked:
            return self._call_off()
        # Also where it went out with the command: then the server has not taken notice of it.
        self._is_asked = True
        return self.message.encode("ascii")


class BearerExchange(Exchange):
    """A token. A server that refuses it says why in a challenge of its own."""

    def __init__(self, mechanism: str, target: CheckTarget, token: str) -> None:
        super().__init__(mechanism, _message(mechanism, target, token))
        # What is said to a complaint, so that the server goes on to its NO (RFC 7628, 3.2.3).
        self._acknowledgement = base64.b64encode(b"\x01") if mechanism == OAUTHBEARER else b""
        self._is_sent = False
        self.complaint: str | None = None
        """The status out of the server's complaint, as it was sent; None when there was none."""

    def open(self) -> str:
        self._is_sent = True
        return super().open()

    def answer(self, challenge: bytes | None) -> bytes:
        if not self._is_sent:
            return self.open().encode("ascii")
        if self.complaint is None:
            self.complaint = _status(challenge or b"")
            return self._acknowledgement
        return self._call_off()


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
