"""What a location that is cut off takes for down is told of if it is still down afterwards, else never."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
from sqlalchemy import select

from app.clock import utcnow
from app.domain.enums import AlertStatus
from app.extensions import db
from app.models import Alert, Incident, Monitor
from app.services import schedules, self_watch
from tests.factories import Factory
from tests.fakes.imap_server import IMAP
from tests.fakes.server import FakeServer
from tests.parts.reference import ReferenceTarget
from tests.parts.smtp_sink import SmtpSink
from tests.worker.hurried import Run, is_suspect, mailing, receiver, run, sink, target
from tests.worker.waiting import until

__all__ = ["receiver", "run", "sink", "target"]

ADDRESS = "support@example.com"

# Real processes are dear to start, and this is not about the database.
pytestmark = pytest.mark.only_on("sqlite")


@pytest.fixture
def port() -> Iterator[int]:
    """Closed, and kept for the mailbox that may come up there."""
    with ReferenceTarget() as kept:
        yield kept.port


@pytest.fixture
def monitor(make: Factory, port: int) -> Monitor:
    """Of a mailbox whose port is closed; one look is enough, either way."""
    rules = {"alert_consecutive_checks": 1, "recovery_consecutive_checks": 1}
    customer = make.customer(make.organization(**rules), notification_email=ADDRESS)
    target = {"hostname": "127.0.0.1", "port": port, "server": f"127.0.0.1:{port}"}
    return make.monitor(customer, config={"protocol": "imap"}, check_interval=1440, **target)


@contextmanager
def mailbox_up(monitor: Monitor) -> Iterator[None]:
    assert monitor.port
    with FakeServer(IMAP, port=monitor.port):
        yield


def incident() -> Incident | None:
    db.session.rollback()
    return db.session.scalars(select(Incident).execution_options(populate_existing=True)).one_or_none()


def statuses() -> list[AlertStatus]:
    db.session.rollback()
    return list(db.session.scalars(select(Alert.status).order_by(Alert.id)))


def held() -> int:
    db.session.rollback()
    return self_watch.count_held(utcnow())


@pytest.mark.parametrize("is_real", [True, False], ids=["outage", "false alarm"])
def test_only_what_is_still_down_afterwards_is_told(
    run: Run, monitor: Monitor, sink: SmtpSink, target: ReferenceTarget, is_real: bool
) -> None:
    run(REFERENCE_TARGETS=target.setting, **mailing(sink))
    until(is_suspect)
    found = until(incident)
    until(lambda: held() == 1)
    with nullcontext() if is_real else mailbox_up(monitor):
        target.open()
        until(lambda: not is_suspect())
        if is_real:
            until(lambda: sink.mails)
            assert found.ended_at is None
            assert sink.mails[0].recipients == (ADDRESS,)
        else:
            until(lambda: getattr(incident(), "ended_at", None))
            assert statuses() == [AlertStatus.CANCELLED]
    assert held() == 0
    assert len(sink.mails) == is_real


def test_without_references_it_is_told_at_once(run: Run, monitor: Monitor, sink: SmtpSink) -> None:
    run(**mailing(sink))
    until(lambda: sink.mails)
    assert held() == 0


def test_what_was_told_before_is_told_to_be_over_when_that_is_sure(
    run: Run, monitor: Monitor, sink: SmtpSink, target: ReferenceTarget
) -> None:
    target.open()
    run(REFERENCE_TARGETS=target.setting, **mailing(sink))
    until(lambda: sink.mails)
    target.cut_off()
    until(is_suspect)
    with mailbox_up(monitor):
        schedules.trigger([row.id for row in monitor.schedules], utcnow(), pause_ms=0)
        db.session.commit()
        until(lambda: getattr(incident(), "ended_at", None))
        until(lambda: held() == 1)
        target.open()
        until(lambda: len(sink.mails) == 2)
