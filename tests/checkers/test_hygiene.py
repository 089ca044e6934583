"""What a check leaves behind: nothing. And what it needs: no framework."""

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app import checkers
from app.domain.enums import CheckStatus, Phase, Protocol, Security
from app.domain.outcome import CheckOutcome
from app.net.resolve import THREAD_NAME
from tests.checkers.faking import DIALECTS, LOOPBACK, check, target_at
from tests.fakes.server import FakeServer

CHECKS_AT_ONCE = 40
FORBIDDEN_MODULES = ("flask", "sqlalchemy", "app.factory", "app.config")

every_protocol = pytest.mark.parametrize("protocol", Protocol)


@pytest.mark.parametrize("module", ["app.checkers", "app.checkers.imap", "app.checkers.pop3"])
def test_import_needs_no_framework(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {FORBIDDEN_MODULES} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@every_protocol
def test_no_thread_stays_behind(protocol: Protocol) -> None:
    before = threading.active_count()
    check(protocol, hostname="localhost")
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME:
            thread.join(5)
    assert threading.active_count() == before


@every_protocol
def test_many_checks_share_the_process(protocol: Protocol) -> None:
    with FakeServer(DIALECTS[protocol], Security.TLS) as server:
        target = target_at(server.port, protocol, security=Security.TLS, hostname="localhost")
        with ThreadPoolExecutor(CHECKS_AT_ONCE) as pool:
            outcomes = list(pool.map(lambda _: checkers.run(target, 20, LOOPBACK), range(CHECKS_AT_ONCE)))
    assert [outcome.status for outcome in outcomes] == [CheckStatus.SUCCESS] * CHECKS_AT_ONCE


@every_protocol
@pytest.mark.parametrize("security", Security)
def test_diagnostics_are_json_as_the_contract_has_it(protocol: Protocol, security: Security) -> None:
    diagnostics = check(protocol, security=security)[0].diagnostics
    assert json.loads(json.dumps(diagnostics)) == diagnostics
    expected = [
        "errorCode",
        "phase",
        "address",
        "timings",
        "tls",
        "server",
        "mailbox",
        "warnings",
        "attempts",
    ]
    assert [key for key in expected if key != "tls" or security is not Security.PLAIN] == list(diagnostics)
    assert all(type(ms) is int for ms in diagnostics["timings"].values())


@every_protocol
def test_rungs_add_up_to_the_time_of_the_check(protocol: Protocol) -> None:
    outcome, _ = check(protocol, security=Security.TLS)
    spent = sum(ms for rung, ms in outcome.diagnostics["timings"].items() if rung != Phase.LOGOUT)
    assert spent <= outcome.duration_ms <= spent + 20


def test_rung_that_was_not_reached_is_absent() -> None:
    outcome, _ = check(Protocol.IMAP, {"greeting": "* BYE\r\n"})
    assert set(outcome.diagnostics) == {
        "errorCode", "phase", "address", "timings", "server", "warnings", "attempts", "transcript",
    }  # fmt: skip
    assert set(outcome.diagnostics["timings"]) == {"dns", "connect", "greeting"}


def test_outcome_has_a_message_of_its_status_only() -> None:
    outcome: CheckOutcome
    outcome, _ = check(Protocol.POP3, {"greeting": "-ERR\r\n"})
    assert outcome.error_message == outcome.message
    assert outcome.warning_message is None
