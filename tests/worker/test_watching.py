"""A real scheduler that pings, is cut off, and tells its operator."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from threading import Event

import pytest
from flask_migrate import upgrade

from app import create_app
from app.domain.enums import Protocol, Security
from app.extensions import db
from tests.conftest import ENVIRON
from tests.factories import Factory
from tests.fakes import faults
from tests.parts import http_receiver, postgres
from tests.parts.dovecot import Dovecot
from tests.parts.http_receiver import HttpReceiver, reply
from tests.parts.reference import ReferenceTarget
from tests.parts.smtp_sink import SmtpSink
from tests.worker.command import Scheduler
from tests.worker.hurried import (
    KEY,
    OPERATOR,
    HurriedScheduler,
    Run,
    is_suspect,
    mailing,
    receiver,
    run,
    sink,
    target,
)
from tests.worker.test_process import outage
from tests.worker.waiting import until

__all__ = ["receiver", "run", "sink", "target"]

# Real processes are dear to start, and this is not about the database.
pytestmark = pytest.mark.only_on("postgresql")


def subjects(sink: SmtpSink) -> list[str]:
    return [mail.subject for mail in sink.mails]


def pings_on(receiver: HttpReceiver, count: int = 2) -> None:
    """Wait for so many pings more."""
    known = len(receiver.requests)
    until(lambda: len(receiver.requests) >= known + count)


def is_silent(receiver: HttpReceiver, seconds: float = 1.0) -> bool:
    """Whether nothing comes within several times the distance of two pings."""
    known = len(receiver.requests)
    Event().wait(seconds)
    return len(receiver.requests) == known


def test_it_pings_while_it_lives_and_no_longer(run: Run, make: Factory, receiver: HttpReceiver) -> None:
    scheduler = run()
    pings_on(receiver)
    scheduler.end(SIGKILL)
    until(lambda: is_silent(receiver))
    assert {request.target for request in receiver.requests} == {f"/{KEY}"}
    assert KEY not in scheduler.log


def test_it_does_not_ping_while_it_stands_still(run: Run, make: Factory, receiver: HttpReceiver) -> None:
    scheduler = run()
    pings_on(receiver)
    scheduler.process.send_signal(SIGSTOP)
    until(lambda: is_silent(receiver))
    scheduler.process.send_signal(SIGCONT)
    pings_on(receiver)


def test_a_server_that_hangs_holds_up_no_check(
    run: Run, make: Factory, receiver: HttpReceiver, dovecot: Dovecot, results: Callable[[], int]
) -> None:
    receiver.answer = http_receiver.hang
    run()
    until(lambda: receiver.requests)
    make.monitor(
        hostname=dovecot.host,
        port=dovecot.ports[Protocol.IMAP, Security.PLAIN],
        config={"protocol": "imap", "user": dovecot.user, "password": dovecot.password},
        check_interval=1440,
    )
    until(results, 2.0)


def test_a_server_that_fails_is_told_in_the_log_once(run: Run, make: Factory, receiver: HttpReceiver) -> None:
    receiver.answer = reply(503)
    scheduler = run()
    pings_on(receiver, 3)
    receiver.answer = reply(200)
    until(lambda: "heartbeat_sent_again" in scheduler.log)
    assert scheduler.log.count("heartbeat_failed status=503") == 1
    assert KEY not in scheduler.log


def test_a_location_that_is_cut_off_suspects_itself_until_it_is_back(
    run: Run, make: Factory, receiver: HttpReceiver, target: ReferenceTarget
) -> None:
    target.open()
    scheduler = run(REFERENCE_TARGETS=target.setting)
    pings_on(receiver)
    assert not is_suspect()
    target.cut_off()
    until(is_suspect)
    until(lambda: "heartbeat_withheld reason=cut_off" in scheduler.log)
    until(lambda: is_silent(receiver))
    target.open()
    until(lambda: not is_suspect())
    pings_on(receiver)
    said = [line.split()[5] for line in scheduler.log.splitlines() if "app.services.self_watch" in line]
    assert said == ["location_suspects_itself", "location_trusts_itself"]


def test_its_operator_is_mailed_when_it_is_cut_off_and_when_it_is_back(
    run: Run, make: Factory, sink: SmtpSink, target: ReferenceTarget
) -> None:
    run(REFERENCE_TARGETS=target.setting, OPERATOR_EMAIL=OPERATOR, **mailing(sink))
    until(lambda: sink.mails)
    target.open()
    until(lambda: len(sink.mails) == 2)
    assert subjects(sink) == [
        "Pillarbox (local): it is cut off, and holds alerts",
        "Pillarbox (local): it is no longer cut off",
    ]
    mail = sink.mails[0]
    assert (mail.sender, mail.recipients) == ("pillarbox@example.com", (OPERATOR,))
    assert "None of the REFERENCE_TARGETS can be reached from here" in mail.text


def test_a_mail_server_that_is_away_is_told_in_the_log_and_mailed_to_later(
    run: Run, make: Factory, target: ReferenceTarget
) -> None:
    with faults.refusing_port() as port:
        away = SmtpSink(port=port)
        scheduler = run(REFERENCE_TARGETS=target.setting, OPERATOR_EMAIL=OPERATOR, **mailing(away))
        until(lambda: "operator_mail_failed kind=cut_off" in scheduler.log)
    with away:
        until(lambda: away.mails)
    assert scheduler.log.count("operator_mail_failed") == 1


def test_its_operator_is_mailed_of_an_outage_of_the_database(
    tmp_path: Path, sink: SmtpSink, receiver: HttpReceiver
) -> None:
    with postgres.new_database() as url, watched(url, tmp_path, receiver, sink) as scheduler:
        pings_on(receiver)
        with outage(url):
            until(lambda: sink.mails)
            until(lambda: is_silent(receiver))
        until(lambda: len(sink.mails) == 2)
        pings_on(receiver)
        assert subjects(sink) == [
            "Pillarbox (local): the database is away",
            "Pillarbox (local): the database is back",
        ]
        assert KEY not in scheduler.log


@contextmanager
def watched(url: str, folder: Path, receiver: HttpReceiver, sink: SmtpSink) -> Iterator[Scheduler]:
    """A hurried scheduler on a database of its own."""
    app = create_app({**ENVIRON, "DATABASE_URL": url})
    with app.app_context():
        upgrade()
        db.engine.dispose()
    heartbeat_url = f"{receiver.url}/{KEY}"
    given = {"DATABASE_URL": url, "HEARTBEAT_URL": heartbeat_url, "OPERATOR_EMAIL": OPERATOR}
    scheduler = HurriedScheduler(folder / "log", **given, **mailing(sink))
    try:
        yield scheduler.ready()
    finally:
        scheduler.process.kill()
        scheduler.process.wait()


def test_without_references_it_never_does(run: Run, make: Factory, receiver: HttpReceiver) -> None:
    run()
    pings_on(receiver, 5)
    assert not is_suspect()
