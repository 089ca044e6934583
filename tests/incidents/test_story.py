"""From a mailbox that fails to the figures at the end: real processes, a real Dovecot, a real mail sink.

The same story is told with a scheduler that nothing happens to, and with one that is killed between any two
steps, in the middle of a check that fails and of one that works, and of a delivery. It ends the same.
"""

import hmac
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.clock import to_ms, utcnow
from app.domain.enums import AlertStatus, CheckStatus, Health, Protocol, Security
from app.extensions import db
from app.models import Alert, CheckResult, HealthTransition, Incident, MonitorSchedule
from tests.calling import CUSTOMERS, MONITORS, Caller
from tests.parts import require
from tests.parts.dovecot import BINARY, REMEDY, Dovecot
from tests.parts.http_receiver import HttpReceiver, Request
from tests.parts.smtp_sink import SmtpSink
from tests.worker.command import Run, Scheduler, run_forked
from tests.worker.waiting import until

__all__ = ["run_forked"]

SECRET = "a secret to sign with"
ADDRESS = "oncall@example.com"


@pytest.fixture
def own_dovecot() -> Iterator[Dovecot]:
    """One that goes down, which nobody else may have to suffer from."""
    require(BINARY is not None, "Dovecot", REMEDY)
    with Dovecot() as server:
        yield server


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with HttpReceiver() as server:
        yield server


@pytest.fixture
def told(sink: SmtpSink, receiver: HttpReceiver) -> tuple[SmtpSink, HttpReceiver]:
    return sink, receiver


@pytest.fixture
def run_telling(run_forked: Run, sink: SmtpSink) -> Callable[[], Scheduler]:
    """Starts a scheduler that mails to the sink."""
    return lambda: run_forked(
        SMTP_URL=sink.url, MAIL_FROM="pillarbox@example.com", PUBLIC_URL="https://p.example"
    )


class Story:
    """What an operator, a mail server and a scheduler do, and what may happen to the scheduler meanwhile."""

    def __init__(self, start: Callable[[], Scheduler], admin: Caller, fate: str) -> None:
        self._start, self.admin, self.fate = start, admin, fate
        self.scheduler = start().ready()
        self.monitor: dict[str, Any] = {}

    def set_up(self, dovecot: Dovecot, hook: str) -> None:
        """A customer with an address, a webhook for all, and a monitor."""
        customer = self.admin.post(CUSTOMERS, {"name": "Example", "notificationEmail": ADDRESS}).get_json()
        channel = {"type": "webhook", "name": "Pager", "config": {"url": hook, "secret": SECRET}}
        assert self.admin.post("/api/notification-channels", channel).status_code == 201
        body = {
            "customerId": customer["id"],
            "name": "Support mailbox",
            "hostname": dovecot.host,
            "port": dovecot.ports[Protocol.IMAP, Security.PLAIN],
            "checkInterval": 1440,
            "imapPopConfig": {"user": dovecot.user, "password": dovecot.password},
        }
        self.monitor = self.admin.post(MONITORS, body).get_json()
        until(results)
        assert results()[-1].status is CheckStatus.SUCCESS, dovecot.log()
        self.between()

    def between(self) -> None:
        """Two steps are a moment apart."""
        if self.fate == "killed":
            self.die()

    def die(self) -> None:
        self.scheduler.process.kill()
        self.scheduler.process.wait()
        # What it held is given to the next one when its time is up, and that may take a minute and a half.
        past = utcnow() - timedelta(seconds=1)
        db.session.execute(update(Alert).where(Alert.lease_until.is_not(None)).values(lease_until=past))
        leased = MonitorSchedule.lease_until_ms.is_not(None)
        db.session.execute(update(MonitorSchedule).where(leased).values(lease_until_ms=to_ms(past)))
        db.session.commit()
        self.scheduler = self._start().ready()

    def check(self, dovecot: Dovecot, status: CheckStatus) -> CheckResult:
        """Have the mailbox checked now; tells what was stored of it."""
        before = len(results())
        db.session.execute(update(MonitorSchedule).values(triggered_at_ms=None))
        db.session.commit()
        assert self.admin.post(f"{MONITORS}/{self.monitor['publicId']}/trigger-check").status_code == 200
        is_midst = self.fate == "killed" and before % 2
        if is_midst:
            until(lambda: leases() or len(results()) > before)
            self.die()
        until(lambda: len(results()) > before)
        last = results()[-1]
        assert last.status is status, dovecot.log()
        if not is_midst:
            self.between()
        return last


def results() -> list[CheckResult]:
    db.session.rollback()
    return list(db.session.scalars(select(CheckResult).order_by(CheckResult.checked_at)))


def leases() -> bool:
    db.session.rollback()
    return bool(db.session.scalars(select(MonitorSchedule.lease_token)).first())


def incident() -> Incident | None:
    db.session.rollback()
    return db.session.scalars(select(Incident).execution_options(populate_existing=True)).one_or_none()


def sent(event: str) -> int:
    """How many channels are known to have been told."""
    db.session.rollback()
    told = (Alert.status == AlertStatus.SENT, Alert.event == event)
    return len(db.session.execute(select(Alert.channel_type).where(*told).distinct()).all())


def is_signed(request: Request) -> bool:
    signature = hmac.new(SECRET.encode(), request.body, "sha256").hexdigest()
    return hmac.compare_digest(signature, request.headers["x-webhook-signature"])


def ids_by_event(receiver: HttpReceiver) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for request in receiver.requests:
        assert is_signed(request)
        assert request.json["id"] == request.headers["x-webhook-id"]
        found.setdefault(request.headers["x-webhook-event"], set()).add(request.headers["x-webhook-id"])
    return found


def mail_ids_by_subject(sink: SmtpSink) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for mail in sink.mails:
        assert mail.recipients == (ADDRESS,)
        found.setdefault(mail.subject, set()).add(str(mail.message["X-Pillarbox-Message-Id"]))
    return found


@pytest.mark.parametrize("fate", ["left alone", "killed"])
def test_from_the_failure_to_the_right_person_and_the_right_figures(
    admin: Caller,
    run_telling: Callable[[], Scheduler],
    own_dovecot: Dovecot,
    told: tuple[SmtpSink, HttpReceiver],
    fate: str,
) -> None:
    sink, receiver = told
    story = Story(run_telling, admin, fate)
    story.set_up(own_dovecot, f"{receiver.url}/hook")

    own_dovecot.go_down()
    first_failure = story.check(own_dovecot, CheckStatus.ERROR)
    assert incident() is None
    if fate == "killed":
        sink.hangs_at, receiver.answer = "DATA", _hang
    story.check(own_dovecot, CheckStatus.ERROR)
    until(incident)
    if fate == "killed":
        until(lambda: sink.connections and receiver.requests)
        sink.hangs_at, receiver.answer = None, HttpReceiver().answer
        story.die()
    until(lambda: sent("alert") == 2, 20)
    story.between()

    opened = incident()
    assert opened is not None
    path = f"/api/incidents/{opened.public_id}"
    assert admin.post(f"{path}/acknowledge").status_code == 200
    story.between()

    own_dovecot.go_up()
    first_success = story.check(own_dovecot, CheckStatus.SUCCESS)
    story.check(own_dovecot, CheckStatus.SUCCESS)
    until(lambda: sent("recovery") == 2, 20)
    story.between()

    assert_told(sink, receiver, opened)
    assert_shown(admin, path, first_failure.checked_at, first_success.checked_at)
    assert_counted(admin, story.monitor, first_failure.checked_at, first_success.checked_at)
    assert own_dovecot.password not in story.scheduler.log
    assert SECRET not in story.scheduler.log


_hang = lambda conversation: conversation.read_line()  # noqa: E731 - until the other side goes away


def assert_told(sink: SmtpSink, receiver: HttpReceiver, opened: Incident) -> None:
    """Each message arrived; where it arrived twice, its id says so."""
    assert {event: len(ids) for event, ids in ids_by_event(receiver).items()} == {"alert": 1, "recovery": 1}
    assert [len(ids) for ids in mail_ids_by_subject(sink).values()] == [1, 1]
    alert = sink.mails[0]
    assert "Support mailbox" in alert.subject
    for part in (alert.text, alert.html):
        assert "connection" in part.lower()
        assert str(opened.public_id) in part
    body = json.loads(receiver.requests[0].body)
    assert body["incident"]["type"] == "connection_refused"
    assert receiver.requests[-1].json["incident"]["status"] == "resolved"


def assert_shown(admin: Caller, path: str, began: datetime, ended: datetime) -> None:
    shown = admin.get(path).get_json()
    assert (shown["status"], shown["type"]) == ("resolved", "connection_refused")
    assert shown["durationMs"] == pytest.approx((ended - began).total_seconds() * 1000, abs=1)
    assert admin.get("/api/incidents").get_json()["total"] == 1
    kinds = [entry["kind"] for entry in shown["timeline"]]
    assert [kind for kind in kinds if kind in {"opened", "acknowledged", "resolved"}] == [
        "opened",
        "acknowledged",
        "resolved",
    ]


def assert_counted(admin: Caller, monitor: dict[str, Any], began: datetime, ended: datetime) -> None:
    """Uptime from the first success on, but for the time between the first failure and the first success."""
    shown = admin.get(f"{MONITORS}/{monitor['publicId']}/details?timeZone=UTC").get_json()
    day = shown["uptimeStatsMeta"]["day"]
    assert day["downMs"] == pytest.approx((ended - began).total_seconds() * 1000, abs=2)
    assert (day["maintenanceMs"], shown["monitor"]["health"]) == (0, "up")
    up, down = day["upMs"], day["downMs"]
    assert shown["uptimeStats"]["day"] == pytest.approx(100 * up / (up + down), abs=0.001)
    states = [row.health for row in db.session.scalars(select(HealthTransition).order_by("started_at"))]
    assert states == [Health.UP, Health.DOWN, Health.UP]
