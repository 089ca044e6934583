"""What runs at every check looks rows up; it never reads a table whole that grows."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from app.clock import to_ms, utcnow
from app.domain.enums import CheckStatus, ErrorCode
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.models import CheckResult, Location, Monitor, MonitorSchedule
from app.services import check_history, checks, claims, figures, retention, schedules
from app.services.access import Origin
from app.services.auth import actor_of
from app.services.checks import CheckRecord
from app.services.claims import Choice
from bench.api_fill import House, analyze, fill, lay_out_by_day
from tests.conftest import empty
from tests.services import scanning

BIG = ("monitors", "monitor_schedules", "check_results", "check_rollups")
MONITORS, RESULTS = 600, 6
SERVER = "mail1.alpha.example:993"

CHOICES = (
    Choice(),
    Choice(is_slow=True),
    Choice(server=SERVER),
    Choice(other_servers_than=frozenset({SERVER})),
    Choice(other_organizations_than=frozenset({1})),
)
REFUSED = CheckOutcome(CheckStatus.ERROR, 90, ErrorCode.AUTHENTICATION_FAILED, diagnostics={"attempts": 1})
TIMED_OUT = CheckOutcome(CheckStatus.ERROR, 9000, ErrorCode.TIMEOUT, diagnostics={"attempts": 1})


@pytest.fixture(scope="module")
def filled(shared_app: Flask) -> Iterator[House]:
    with shared_app.app_context():
        (house,) = fill(db.engine, shared_app.config["CONFIG_STORE"], (MONITORS, RESULTS))
        lay_out_by_day()
        analyze(db.engine)
    with shared_app.app_context():
        yield house
        db.session.rollback()
    empty(shared_app)


@pytest.fixture(autouse=True)
def all_due(filled: House) -> Iterator[None]:
    db.session.execute(update(MonitorSchedule).values(next_check_at_ms=to_ms(utcnow()) - 1000))
    db.session.commit()
    yield
    db.session.rollback()


def scans(work: Callable[[], object]) -> list[str]:
    return scanning.scans(work, BIG)


def location_id() -> int:
    return db.session.scalars(select(Location.id)).one()


@pytest.mark.parametrize("choice", CHOICES, ids=["all", "slow", "server", "servers", "organizations"])
def test_claiming(choice: Choice) -> None:
    here = location_id()
    assert scans(lambda: claims.claim(here, utcnow(), 50, choice)) == []


@pytest.mark.parametrize("outcome", [REFUSED, TIMED_OUT], ids=["refused", "timed out"])
def test_storing_results_and_summing_them_up(outcome: CheckOutcome) -> None:
    """With what others met at the mailbox that refused again, and what is watched at a silent server."""
    db.session.execute(update(MonitorSchedule).values(refusals=1))
    now = utcnow()
    records = [CheckRecord(claim, outcome, now) for claim in claims.claim(location_id(), now, 20)]
    assert len(records) == 20
    assert scans(lambda: checks.record(records)) == []


def test_spreading_what_was_missed() -> None:
    here = location_id()
    assert scans(lambda: schedules.spread_overdue(here, utcnow())) == []


def test_asking_whether_a_mailbox_is_being_checked() -> None:
    key = db.session.scalars(select(func.min(MonitorSchedule.mailbox_key))).one()
    assert scans(lambda: claims.is_in_flight(key, utcnow())) == []


@pytest.mark.only_on("sqlite")
def test_forgetting_goes_through_no_more_than_a_slice() -> None:
    """The ids of the slice are the first of the table, in its own order."""
    found = scans(lambda: retention.forget_some(utcnow() + timedelta(days=99), 30))
    assert found == ["SCAN check_results_1"]


@pytest.mark.parametrize("is_later", [False, True], ids=["newest", "before"])
def test_a_page_of_history(filled: House, is_later: bool) -> None:
    actor = actor_of(filled.session, Origin())
    monitor = db.session.scalars(select(Monitor).limit(1)).one()
    newest = check_history.newest(actor, str(monitor.public_id), limit=2)
    before = str(newest[-1].public_id) if is_later else None
    db.session.expunge_all()
    page: list[CheckResult] = []
    found = scans(
        lambda: page.extend(check_history.newest(actor, str(monitor.public_id), limit=2, before=before))
    )
    assert len(page) == 2
    assert found == []


@pytest.mark.only_on("postgresql")
def test_removing_a_monitor_finds_its_results_in_every_day(filled: House) -> None:
    """As its foreign key does, in the server: by the monitor alone."""
    first = db.session.scalars(select(func.min(Monitor.id))).one()
    of_first = CheckResult.__table__.delete().where(CheckResult.monitor_id == first)
    assert scans(lambda: db.session.execute(of_first)) == []


def test_figures_for_prometheus_are_counted_in_indexes() -> None:
    """Counting all monitors by status takes all of an index, and no row of the table."""
    db.session.execute(update(MonitorSchedule).values(next_check_at_ms=to_ms(utcnow()) + 60_000))

    steps = scans(lambda: list(figures.collect(utcnow())))

    assert [
        step for step in steps if "USING COVERING INDEX ix_monitors_organization_id_status" not in step
    ] == []
