"""The fault matrix: each cell alone in its process while it runs, and gone without a trace behind it."""

import base64
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from app import checkers
from app.domain.enums import ErrorCode, Phase, Security
from app.domain.outcome import CheckOutcome
from app.net.tls import CERTIFICATE_MESSAGES
from bench.faults import names
from bench.faults.cell import GRID, Cell, Place
from bench.faults.mailbox import LOOPBACK, PASSWORD, USER, target_of
from bench.faults.measure import Growth, Holdings, growth, holdings
from bench.faults.stage import staged
from bench.faults.table import CELLS
from tests.checkers.documented import faults_of
from tests.checkers.matrix_plugin import PROPERTY, summary
from tests.fakes.server import HOST, FakeServer
from tests.parts.certificates import authority, server_context

TOLERANCE_SECONDS = 0.5
MAX_GROWTH = 10_000_000
ENDING_SECONDS = 5.0

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures by way of /proc")


@dataclass
class Story:
    """What came of one cell."""

    outcome: CheckOutcome
    server: FakeServer | None
    seconds: float
    grown: Growth
    before: Holdings
    after: Holdings


def play(cell: Cell) -> Story:
    # Made before the measuring begins: they are kept for the next cell.
    trusted = authority().pem
    server_context(cell.certificate)
    with growth() as grown:
        before = holdings()
        with names.scripted(), staged(cell) as (port, server):
            target = target_of(cell, HOST, port, trusted)
            started_at = time.monotonic()
            outcome = checkers.run(target, cell.deadline, LOOPBACK)
            seconds = time.monotonic() - started_at
        for thread in holdings().threads - before.threads:
            thread.join(ENDING_SECONDS)
        after = holdings()
    return Story(outcome, server, seconds, grown, before, after)


@pytest.mark.parametrize("name", CELLS)
def test_cell(name: str, record_property: Callable[[str, object], None]) -> None:
    cell = CELLS[name]
    record_property(PROPERTY, [cell.fault, cell.protocol.value, cell.security.value])
    story = play(cell)
    assert_verdict(cell, story.outcome)
    assert story.seconds < cell.deadline + TOLERANCE_SECONDS
    assert story.grown.allocated < MAX_GROWTH
    assert story.grown.resident < MAX_GROWTH
    assert story.after.threads - story.before.threads == set()
    assert story.after.descriptors - story.before.descriptors == set()
    assert faults_of(story.outcome.diagnostics) == []
    assert_nothing_told(story.outcome)
    if story.server is not None:
        assert_server_was_told_nothing_it_must_not_know(cell, story.outcome, story.server)


def assert_verdict(cell: Cell, outcome: CheckOutcome) -> None:
    said = (outcome.status, outcome.code, outcome.phase)
    assert said in [(due.status, due.code, due.phase) for due in cell.verdicts], outcome.message
    assert outcome.diagnostics["attempts"] == cell.attempts
    assert outcome.diagnostics["errorCode"] == outcome.code
    assert outcome.diagnostics["phase"] == outcome.phase
    assert bool(outcome.message) == (outcome.code is not None)


def assert_nothing_told(outcome: CheckOutcome) -> None:
    """Spelled out here, apart from the checkers' own list of what to mask."""
    diagnostics = outcome.diagnostics
    kept = f"{outcome!r} {json.dumps(diagnostics)} {json.dumps(diagnostics, ensure_ascii=False)}"
    raw = PASSWORD.encode()
    sasl = [raw, f"\0{USER}\0{PASSWORD}".encode(), f"{USER}\0{USER}\0{PASSWORD}".encode()]
    encoded = [base64.b64encode(message).decode().rstrip("=") for message in sasl]
    quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    ends = [PASSWORD[:3], PASSWORD[-3:], encoded[0][:8], *(text[-8:] for text in encoded)]
    for form in (PASSWORD, quoted, quote(PASSWORD), quote_plus(PASSWORD), raw.hex(), *encoded, *ends):
        assert form.casefold() not in kept.casefold()


def assert_server_was_told_nothing_it_must_not_know(
    cell: Cell, outcome: CheckOutcome, server: FakeServer
) -> None:
    looks = outcome.code in CERTIFICATE_MESSAGES
    assert server.connections == cell.attempts + looks
    if outcome.phase is Phase.TLS:
        assert not any(is_secured for _, is_secured in server.received)
    if cell.security is not Security.PLAIN:
        assert not any(b"s3cret" in line or b"LOGIN" in line for line in server.clear_lines)


def test_matrix_is_as_large_as_promised() -> None:
    sizes = Counter((cell.protocol, cell.security) for cell in CELLS.values())
    assert len(sizes) == len(GRID)
    assert min(sizes.values()) >= 150
    assert {cell.place for cell in CELLS.values()} == set(Place)


def test_every_failure_that_a_server_can_cause_has_a_cell() -> None:
    due = {verdict.code for cell in CELLS.values() for verdict in cell.verdicts}
    # The guard and our own faults are none of a server's doing; tokens come from elsewhere.
    elsewhere = {ErrorCode.TARGET_FORBIDDEN, ErrorCode.INTERNAL_ERROR, "oauth_failed"}
    assert set(ErrorCode) - elsewhere <= due


def test_summary_is_one_line() -> None:
    cell = ["silence", "imap", "plain"]
    assert summary([cell, ["silence", "pop3", "plain"]], []) == [
        "fault matrix: 2 cells of 1 faults (imap 1, pop3 1; plain 2), all as expected"
    ]
    assert summary([], [cell])[0].endswith("1 failed")
    assert summary([], []) == []
