"""A mailbox that refuses us is asked less and less often, until somebody or something changes that."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from app.clock import from_ms, to_ms, utcnow
from app.domain.enums import CheckStatus, ErrorCode, Health, MonitorStatus
from app.domain.outcome import CheckOutcome
from app.domain.schedule import BACK_OFF_MS, CONFIRM_AFTER_MS
from app.extensions import db
from app.models import Location, Monitor, MonitorSchedule, Organization, User
from app.services import checks, claims, schedules
from app.services.checks import CheckRecord
from app.services.claims import Choice
from tests.calling import Caller, monitor_path
from tests.factories import Factory

START = utcnow() + timedelta(days=1)  # later than all that the suite makes
SUCCESS = CheckOutcome(CheckStatus.SUCCESS, duration_ms=10)
WARNING = CheckOutcome(CheckStatus.WARNING, duration_ms=10)


def failure(code: ErrorCode) -> CheckOutcome:
    return CheckOutcome(CheckStatus.ERROR, duration_ms=10, code=code, message="no")


REFUSED = failure(ErrorCode.AUTHENTICATION_FAILED)
refusals = pytest.mark.parametrize(
    "refusal",
    [REFUSED, failure(ErrorCode.TEMPORARILY_UNAVAILABLE), failure(ErrorCode.OAUTH_FAILED)],
    ids=lambda outcome: outcome.code,
)


class Life:
    """One monitor at one location: each check is run when it is due, on a clock of its own."""

    def __init__(self, location: Location, now: datetime = START) -> None:
        self.location, self.now = location, now
        self.checked: list[int] = []

    @property
    def row(self) -> MonitorSchedule:
        """The one that is due first, where there are more."""
        rows = select(MonitorSchedule).order_by(MonitorSchedule.next_check_at_ms, MonitorSchedule.id)
        return next(iter(db.session.scalars(rows.execution_options(populate_existing=True))))

    def take(self) -> claims.ClaimedCheck:
        """Wait until the check is due, and claim it."""
        self.now = max(self.now, from_ms(self.row.next_check_at_ms or 0))
        [claim] = claims.claim(self.location.id, self.now, 1, Choice(self.row.is_slow))
        db.session.commit()
        self.checked.append(to_ms(self.now))
        return claim

    def finish(self, claim: claims.ClaimedCheck, outcome: CheckOutcome) -> None:
        checks.record([CheckRecord(claim, outcome, self.now)])
        db.session.commit()
        self.now += timedelta(milliseconds=outcome.duration_ms)

    def meet(self, *outcomes: CheckOutcome) -> list[float]:
        """The distances in minutes between these checks and the next one after them."""
        for outcome in outcomes:
            self.finish(self.take(), outcome)
        times = [*self.checked, self.row.next_check_at_ms or 0]
        return [(later - earlier) / 60_000 for earlier, later in pairwise(times)]


@pytest.fixture
def monitor(make: Factory) -> Monitor:
    """Checked every minute."""
    make.location()
    return make.monitor(check_interval=1)


@pytest.fixture
def life(make: Factory, monitor: Monitor) -> Life:
    return Life(db.session.scalars(select(Location)).one())


@refusals
def test_from_the_second_refusal_on_the_distance_doubles_up_to_fifteen_minutes(
    life: Life, refusal: CheckOutcome
) -> None:
    life.meet(SUCCESS)  # from here on, checks are on their slots
    distances = life.meet(*[refusal] * 9)[1:]

    # The confirming check comes after 30 s.
    assert 0.5 <= distances[0] <= 0.51
    wanted = [2, 4, 8, 15, 15, 15, 15, 15]
    if refusal.code is ErrorCode.TEMPORARILY_UNAVAILABLE:
        # Once it is asked again early: when "later" has been the answer for half an hour, that is a failure.
        at = next(number for number in range(len(wanted)) if sum(distances[: number + 2]) >= 30 - 0.01)
        assert distances[at + 1] < wanted[at]
        wanted[at] = distances[at + 1]
    assert distances[1:] == wanted


def test_checks_are_back_on_their_slots_once_it_ends(life: Life) -> None:
    life.meet(SUCCESS, *[REFUSED] * 9, SUCCESS)

    assert ((life.row.next_check_at_ms or 0) - life.row.offset_ms) % 60_000 == 0


@pytest.mark.parametrize("interval", [0.5, 4, 7, 7.5, 10, 14.9, 15, 20, 1440])
def test_the_distance_grows_to_fifteen_minutes_or_the_interval(make: Factory, interval: float) -> None:
    make.location()
    make.monitor(check_interval=interval)
    life = Life(db.session.scalars(select(Location)).one())

    distances = life.meet(SUCCESS, *[REFUSED] * 12)

    assert max(distances) == distances[-1] == max(interval, BACK_OFF_MS / 60_000)


@pytest.mark.parametrize("interval", [15, 60])
def test_checks_that_are_far_apart_anyway_stay_on_their_slots(make: Factory, interval: float) -> None:
    make.location()
    make.monitor(check_interval=interval)
    life = Life(db.session.scalars(select(Location)).one())

    life.meet(SUCCESS)
    for _ in range(4):
        claim = life.take()
        life.now += timedelta(seconds=2)  # until a thread has time for it
        life.finish(claim, REFUSED)

    assert ((life.row.next_check_at_ms or 0) - life.row.offset_ms) % (interval * 60_000) == 0


@pytest.mark.parametrize("end", [SUCCESS, WARNING], ids=lambda end: end.status)
def test_a_check_that_works_ends_it(life: Life, end: CheckOutcome) -> None:
    life.meet(SUCCESS, *[REFUSED] * 6)

    assert life.meet(end)[-1] <= 1
    assert life.row.refusals == 0


def test_another_failure_neither_ends_nor_prolongs_it(life: Life) -> None:
    life.meet(SUCCESS, *[REFUSED] * 6)

    assert life.meet(failure(ErrorCode.CONNECTION_REFUSED))[-1] <= 1
    assert life.meet(REFUSED)[-1] == 15


class TestSharedMailbox:
    """Five monitors of different customers watch one mailbox, each every minute."""

    @pytest.fixture
    def rows(self, make: Factory) -> dict[int, MonitorSchedule]:
        make.location()
        made = [make.monitor(check_interval=1, mailbox_key="k" * 32).schedules[0] for _ in range(5)]
        return {row.id: row for row in made}

    @pytest.fixture
    def life(self, rows: dict[int, MonitorSchedule]) -> Life:
        return Life(db.session.scalars(select(Location)).one())

    def test_its_refusals_are_counted_together(self, life: Life, rows: dict[int, MonitorSchedule]) -> None:
        life.meet(*[REFUSED] * 15)

        db.session.expire_all()
        assert sorted(row.refusals for row in rows.values()) == [7, 8, 9, 10, 11]
        for row in rows.values():
            assert (row.next_check_at_ms or 0) - to_ms(row.last_checked_at or START) == BACK_OFF_MS

    def test_whose_login_works_is_not_held_up_by_the_others(
        self, life: Life, rows: dict[int, MonitorSchedule]
    ) -> None:
        life.meet(*[REFUSED] * 15)
        healthy = life.row.id

        life.meet(SUCCESS)

        row = rows[healthy]
        db.session.refresh(row)
        assert row.refusals == 0
        assert (row.next_check_at_ms or 0) <= life.checked[-1] + 60_000

    def test_the_first_refusal_of_each_is_confirmed(
        self, life: Life, rows: dict[int, MonitorSchedule]
    ) -> None:
        life.meet(*[REFUSED] * 15)
        other = life.row.id
        life.meet(SUCCESS)
        assert life.row.id == other

        row = rows[other]
        db.session.refresh(row)
        # Whose turn each refusal fell on is a matter of slots; who is down has nothing left to be confirmed.
        within = 60_000 if row.health is Health.DOWN else CONFIRM_AFTER_MS
        life.meet(REFUSED)

        db.session.refresh(row)
        assert row.refusals == 1
        assert (row.next_check_at_ms or 0) <= to_ms(life.now) + within

    def test_the_second_puts_it_where_the_mailbox_is(
        self, life: Life, rows: dict[int, MonitorSchedule]
    ) -> None:
        life.meet(*[REFUSED] * 15)
        other = life.row.id
        life.meet(SUCCESS, REFUSED, REFUSED)

        row = rows[other]
        db.session.refresh(row)
        assert row.refusals == 12
        assert row.next_check_at_ms == life.checked[-1] + BACK_OFF_MS


def test_other_failures_do_not_back_off(life: Life) -> None:
    assert life.meet(SUCCESS, *[failure(ErrorCode.TIMEOUT)] * 6)[-1] == 1


def test_a_trigger_ends_it(life: Life, monitor: Monitor) -> None:
    life.meet(SUCCESS, *[REFUSED] * 6)
    schedules.trigger([life.row.id], life.now, pause_ms=0)
    db.session.commit()

    assert life.meet(REFUSED)[-2] < 0.1
    assert life.row.refusals == 1


def test_another_password_ends_it(
    life: Life, monitor: Monitor, make: Factory, login: Callable[[User], Caller]
) -> None:
    life.meet(SUCCESS, *[REFUSED] * 6)
    owner = login(make.user(db.session.get_one(Organization, monitor.organization_id)))

    body = {"imapPopConfig": {"user": "monitor@example.com", "password": "another"}}
    assert owner.patch(monitor_path(monitor), body).status_code == 200

    assert life.row.refusals == 0
    assert (life.row.next_check_at_ms or 0) <= to_ms(utcnow())


@pytest.mark.parametrize("change", ["trigger", "sync"])
def test_a_change_while_the_check_is_in_flight_is_not_put_off(
    life: Life, monitor: Monitor, change: str
) -> None:
    life.meet(SUCCESS, *[REFUSED] * 6)
    claim = life.take()
    if change == "trigger":
        schedules.trigger([life.row.id], life.now, pause_ms=0)
    else:
        db.session.expire_all()  # another request knows nothing of this session
        schedules.sync(monitor, life.now)
    db.session.commit()
    life.finish(claim, REFUSED)

    assert life.row.next_check_at_ms == life.checked[-1]
    assert life.row.refusals == 0


def test_a_monitor_that_was_disabled_meanwhile_stays_unplanned(life: Life, monitor: Monitor) -> None:
    life.meet(SUCCESS, *[REFUSED] * 3)
    claim = life.take()
    monitor.status = MonitorStatus.DISABLED
    schedules.sync(monitor, life.now)
    db.session.commit()
    life.finish(claim, REFUSED)

    assert life.row.next_check_at_ms is None


def test_the_repair_of_the_schedule_leaves_it_alone(life: Life) -> None:
    life.meet(SUCCESS, *[REFUSED] * 8)
    schedules.bring_back(life.location.id, life.now)
    db.session.commit()

    assert (life.row.next_check_at_ms or 0) - life.checked[-1] == BACK_OFF_MS
