"""What tests of messages share: a notice, its way out, and an internet that is this machine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app import notifiers
from app.domain.enums import AlertEvent, ErrorCode, Language, Protocol
from app.domain.notification import Delivery, Destination, Notice, NoticeIncident, NoticeMonitor, Party
from app.domain.target import TargetGuard
from app.net import http, resolve
from app.net.dial import dial
from app.net.limits import Limits
from app.notifiers.transport import Transport
from tests.fakes.server import HOST
from tests.parts.http_receiver import HttpReceiver

LOOPBACK = TargetGuard(allow=(ip_network("127.0.0.0/8"),))
STARTED_AT = datetime(2026, 2, 26, 12, 0, 5, tzinfo=UTC)
SENT_AT = datetime(2026, 2, 26, 12, 5, 5, tzinfo=UTC)
ENDED_AT = datetime(2026, 2, 26, 14, 5, 35, tzinfo=UTC)
ID = UUID("aaaaaaaa-0000-4000-8000-000000000001")
INCIDENT_ID = UUID("bbbbbbbb-0000-4000-8000-000000000002")

INCIDENT = NoticeIncident(
    public_id=INCIDENT_ID,
    type=ErrorCode.AUTHENTICATION_FAILED,
    started_at=STARTED_AT,
    ended_at=None,
    error_message="The server refused the login: NO [AUTHENTICATIONFAILED] Authentication failed.",
    transcript=("S: * OK ready", "C: T1 LOGIN monitor ********", "S: T1 NO [AUTHENTICATIONFAILED]"),
    location_name="Nürnberg",
)
NOTICE = Notice(
    event=AlertEvent.ALERT,
    id=ID,
    attempt=1,
    sent_at=SENT_AT,
    language=Language.ENGLISH,
    time_zone="Europe/Berlin",
    incident=INCIDENT,
    monitor=NoticeMonitor(
        public_id=UUID("cccccccc-0000-4000-8000-000000000003"),
        name="Info mailbox",
        hostname="imap.example.com",
        port=993,
        protocol=Protocol.IMAP,
    ),
    customer=Party(public_id=UUID("dddddddd-0000-4000-8000-000000000004"), name="ACME"),
    organization=Party(public_id=UUID("eeeeeeee-0000-4000-8000-000000000005"), name="Example Hosting"),
    url="https://pillarbox.example.com/api/incidents/bbbbbbbb-0000-4000-8000-000000000002",
)
RECOVERY = replace(NOTICE, event=AlertEvent.RECOVERY, incident=replace(INCIDENT, ended_at=ENDED_AT))


def notice(
    *, incident: Mapping[str, Any] | None = None, monitor: str | None = None, **changes: Any
) -> Notice:
    """The notice above with other values; `monitor` is its name."""
    changed = replace(NOTICE, incident=replace(INCIDENT, **(incident or {})), **changes)
    return changed if monitor is None else replace(changed, monitor=replace(changed.monitor, name=monitor))


def send(
    kind: str,
    config: Mapping[str, Any],
    message: Notice = NOTICE,
    *,
    guard: TargetGuard = LOOPBACK,
    **transport: Any,
) -> Delivery:
    destination = Destination(type=kind, name="Ops", config=config)
    return notifiers.send(message, destination, Transport(guard=guard, **transport))


@contextmanager
def internet(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch, address: str = HOST
) -> Iterator[list[tuple[str, int]]]:
    """Every name is at this machine, and every port is the receiver's: what is sent arrives as real bytes.

    Yields the names and ports that were asked for.
    """
    asked: list[tuple[str, int]] = []
    names: list[str] = []

    def look_up(name: str) -> list[str]:
        names.append(name)
        return [address]

    def dial_receiver(addresses: list[str], port: int, limits: Limits) -> Any:
        asked.append((names[-1] if names else "", port))
        return dial(addresses, receiver.port, limits)

    with monkeypatch.context() as patch:
        patch.setattr(resolve, "lookup", look_up)
        patch.setattr(http, "dial", dial_receiver)
        yield asked


@dataclass(frozen=True)
class Online:
    """Everything that is sent arrives at one receiver."""

    receiver: HttpReceiver
    asked: list[tuple[str, int]]
    """Names and ports that were asked for."""
    trusted: Path

    def send(
        self, kind: str, config: Mapping[str, Any], message: Notice = NOTICE, **transport: Any
    ) -> Delivery:
        return send(kind, config, message, **{"ca_file": self.trusted, **transport})


def ca_file(folder: Path, pem: str) -> Path:
    path = folder / "ca.pem"
    path.write_text(pem)
    return path
