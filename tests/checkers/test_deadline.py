"""No server holds a check past its deadline, or makes it read without end."""

import pytest

from app import checkers
from app.checkers import session
from app.domain.enums import CheckStatus, ErrorCode, Protocol
from app.net import dial, limits
from app.net.failure import CheckError
from tests.checkers.faking import LOOPBACK, check, target_at
from tests.fakes import faults
from tests.fakes.imap_server import IMAP
from tests.fakes.server import FakeServer, Step

DEADLINE = 0.3

every_protocol = pytest.mark.parametrize("protocol", Protocol)


@every_protocol
def test_timeout_message_says_what_was_waited_for(protocol: Protocol) -> None:
    outcome, _ = check(protocol, {"greeting": faults.silence}, deadline=DEADLINE)
    assert outcome.message == "The time limit of 0.3 s ran out while waiting for the greeting."
    assert outcome.error_message == outcome.message


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_deadline_that_is_over_ends_the_check_at_once(seconds: float) -> None:
    assert checkers.run(target_at(1), seconds, LOOPBACK).code is ErrorCode.TIMEOUT


@every_protocol
@pytest.mark.parametrize("step", [faults.silence, faults.close, faults.garbage, "* BYE\r\n", faults.drip()])
def test_failing_logout_changes_nothing(
    protocol: Protocol, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LOGOUT_SECONDS", 0.1)
    outcome, _ = check(protocol, {"logout": step})
    assert (outcome.status, outcome.message) == (CheckStatus.SUCCESS, None)
    assert outcome.diagnostics["timings"]["logout"] < 500


@every_protocol
def test_logout_is_not_part_of_the_time_that_is_judged(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LOGOUT_SECONDS", 0.3)
    outcome, _ = check(protocol, {"logout": faults.silence}, response_time_warning_ms=250)
    assert outcome.status is CheckStatus.SUCCESS
    assert outcome.duration_ms < 250 < outcome.diagnostics["timings"]["logout"]


@every_protocol
def test_second_attempt_waits_only_when_time_is_left(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkers, "RETRY_PAUSE_SECONDS", 60)
    outcome, _ = check(protocol, {"greeting": faults.close})
    assert outcome.diagnostics["attempts"] == 1


def test_no_more_than_the_budget_is_read() -> None:
    used = limits.Limits(5)
    with FakeServer(IMAP, script={"greeting": faults.endless_line}) as server:
        sock, _ = dial.dial(["127.0.0.1"], server.port, used)
        with sock, sock.makefile("rb") as file, pytest.raises(CheckError, match="far more"):
            file.read()
    assert used.bytes_left == 0


def test_lines_without_end_are_cut_short_before_the_bytes_are() -> None:
    outcome, _ = check(Protocol.IMAP, {"mailbox": faults.flood(b"* 1 EXISTS\r\n")})
    assert outcome.code is ErrorCode.PROTOCOL_ERROR
    assert outcome.message == "The server sent far more than a check can need."


def test_announced_size_is_not_allocated() -> None:
    outcome, _ = check(Protocol.IMAP, {"mailbox": "* X {6000000000}\r\n"})
    assert outcome.message == "The server announced 6000000000 bytes, far more than a check can need."


def test_literal_within_the_budget_is_read() -> None:
    step = "* LIST () {3}\r\nabc\r\n* 7 EXISTS\r\n{tag} OK done\r\n"
    outcome, _ = check(Protocol.IMAP, {"mailbox": step})
    assert outcome.status is CheckStatus.SUCCESS
