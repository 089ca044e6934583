"""Running a check against a fake server, in one call."""

from typing import Any

from app import checkers
from app.domain.enums import Protocol, Security
from app.domain.outcome import CheckOutcome
from app.domain.target import CheckTarget, TargetGuard, TlsPolicy
from tests.fakes.imap_server import IMAP
from tests.fakes.pop3_server import POP3
from tests.fakes.server import FakeServer, Script
from tests.parts.certificates import authority

LOOPBACK = TargetGuard(allow_private=True)
DEADLINE_SECONDS = 5.0
DIALECTS = {Protocol.IMAP: IMAP, Protocol.POP3: POP3}
USER = "monitor@example.com"
PASSWORD = "s3cret word"


def target_at(port: int, protocol: Protocol = Protocol.IMAP, **overrides: Any) -> CheckTarget:
    values = {
        "hostname": "127.0.0.1",
        "tls": TlsPolicy(ca=authority().pem),
        "user": USER,
        "password": PASSWORD,
        **overrides,
    }
    return CheckTarget(protocol=protocol, port=port, **values)


def check(
    protocol: Protocol,
    script: Script | None = None,
    security: Security = Security.PLAIN,
    certificate: str = "good",
    deadline: float = DEADLINE_SECONDS,
    **overrides: Any,
) -> tuple[CheckOutcome, FakeServer]:
    """The outcome of one check, and the server that it met, stopped but with all that it recorded."""
    with FakeServer(DIALECTS[protocol], security, script, certificate) as server:
        target = target_at(server.port, protocol, security=security, **overrides)
        return checkers.run(target, deadline, LOOPBACK), server
