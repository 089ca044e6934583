"""Results, as they are stored, make health, its history and incidents."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.clock import from_ms, to_ms
from app.domain.claimed_check import ClaimedCheck
from app.domain.enums import Health, MonitorStatus, Role
from app.extensions import db
from app.models import Customer, Location, Monitor, MonitorSchedule, Organization
from app.services import checks, claims, schedules, verdicts
from app.services.checks import CheckRecord
from tests.calling import Caller, monitor_path
from tests.factories import Factory
from tests.incidents.watching import at, events, health_of, history, incidents, outcome, see, see_all


@pytest.fixture
def place(make: Factory) -> Location:
    return make.location()


@pytest.fixture
def customer(make: Factory, house: Organization) -> Customer:
    return make.customer(house)


@pytest.fixture
def monitor(make: Factory, place: Location, customer: Customer) -> Monitor:
    return make.monitor(customer, check_interval=1)


def test_the_first_success_is_believed_at_once(monitor: Monitor, place: Location) -> None:
    see(monitor, place, "ok", at(0))
    assert health_of(monitor) is Health.UP
    assert history(monitor, place) == [(0, "up")]


def test_a_failure_is_believed_when_it_is_confirmed(monitor: Monitor, place: Location) -> None:
    see_all(monitor, place, {0: "ok", 60: "timeout"})
    assert (health_of(monitor), incidents(monitor)) == (Health.UP, [])

    see(monitor, place, "connection_refused", at(90))

    assert health_of(monitor) is Health.DOWN
    (incident,) = incidents(monitor)
    assert (incident.type, incident.subject) == ("timeout", "downtime")
    assert (incident.started_at, incident.ended_at) == (at(60), None)
    assert incident.error_message == "Failed: timeout."
    assert incident.evidence["diagnostics"]["transcript"] == ["S: timeout"]
    assert incident.evidence["locationCode"] == place.code
    assert incident.opened_at == at(90) + timedelta(milliseconds=100)
    assert events(incident) == ["opened"]
    assert history(monitor, place) == [(0, "up"), (60, "down")]


def test_a_recovery_is_believed_when_it_is_confirmed(monitor: Monitor, place: Location) -> None:
    see_all(monitor, place, {0: "timeout", 30: "timeout", 90: "ok", 120: "timeout", 150: "ok"})
    assert health_of(monitor) is Health.DOWN

    see(monitor, place, "slow_response", at(180))

    assert health_of(monitor) is Health.DEGRADED
    (incident,) = incidents(monitor)
    assert (incident.started_at, incident.ended_at) == (at(0), at(150))
    assert events(incident) == ["opened", "resolved"]
    assert history(monitor, place) == [(0, "down"), (150, "up")]


def test_single_failures_are_nobodys_business(monitor: Monitor, place: Location) -> None:
    see_all(monitor, place, {30 * step: ("ok", "timeout")[step % 2] for step in range(10)})
    assert incidents(monitor) == []
    assert history(monitor, place) == [(0, "up")]


def test_a_customer_says_how_often_and_its_organization_otherwise(
    make: Factory, place: Location, house: Organization
) -> None:
    house.alert_consecutive_checks, house.recovery_consecutive_checks = 3, 1
    mine, other = make.customer(house, alert_consecutive_checks=1), make.customer(house)
    hasty, patient = make.monitor(mine), make.monitor(other)
    for monitor in (hasty, patient):
        see_all(monitor, place, {0: "timeout", 30: "timeout"})

    assert (health_of(hasty), health_of(patient)) == (Health.DOWN, Health.PENDING)
    see_all(patient, place, {60: "timeout", 90: "ok"})
    (incident,) = incidents(patient)
    assert (incident.started_at, incident.ended_at) == (at(0), at(90))


def test_each_unconfirmed_failure_is_looked_at_again_soon(
    make: Factory, place: Location, house: Organization
) -> None:
    monitor = make.monitor(make.customer(house, alert_consecutive_checks=3), check_interval=60)
    for seconds in (0, 30):
        see(monitor, place, "timeout", at(seconds))
        (row,) = monitor.schedules
        db.session.refresh(row)
        assert from_ms(row.next_check_at_ms or 0) == at(seconds + 30) + timedelta(milliseconds=100)
    see(monitor, place, "timeout", at(60))
    db.session.refresh(row)
    # Confirmed: the next one is on its slot, which may be near.
    assert ((row.next_check_at_ms or 0) - row.offset_ms) % row.interval_ms == 0


def test_so_is_an_unconfirmed_recovery(make: Factory, place: Location, customer: Customer) -> None:
    monitor = make.monitor(customer, check_interval=60)
    see_all(monitor, place, {0: "timeout", 30: "timeout", 4000: "ok"})
    (row,) = monitor.schedules
    db.session.refresh(row)
    assert from_ms(row.next_check_at_ms or 0) == at(4030) + timedelta(milliseconds=100)


def test_who_says_later_is_asked_again_after_half_an_hour(
    make: Factory, customer: Customer, place: Location
) -> None:
    """However long the interval is."""
    monitor = make.monitor(customer, check_interval=1440)
    see_all(monitor, place, {0: "temporarily_unavailable", 30: "temporarily_unavailable"})
    (row,) = monitor.schedules
    assert from_ms(row.next_check_at_ms or 0) == at(1800)
    see(monitor, place, "temporarily_unavailable", at(1800))
    assert len(incidents(monitor)) == 1


def test_later_is_a_failure_after_half_an_hour(make: Factory, customer: Customer, place: Location) -> None:
    monitor = make.monitor(customer, check_interval=5)
    see_all(monitor, place, {0: "ok", **{60 + 300 * step: "temporarily_unavailable" for step in range(6)}})
    assert incidents(monitor) == []

    see(monitor, place, "temporarily_unavailable", at(60 + 1800))

    (incident,) = incidents(monitor)
    assert (incident.type, incident.started_at) == ("temporarily_unavailable", at(60))


class TestWarnings:
    def test_one_has_an_incident_of_its_own_kind(self, monitor: Monitor, place: Location) -> None:
        see_all(monitor, place, {0: "ok", 60: "certificate_expiring"})
        assert (health_of(monitor), incidents(monitor)) == (Health.DEGRADED, [])

        see(monitor, place, "certificate_expiring", at(120))

        (incident,) = incidents(monitor)
        assert (incident.subject, incident.type) == ("certificate_expiring", "certificate_expiring")
        assert (incident.started_at, incident.error_message) == (at(60), "Warned: certificate_expiring.")
        assert health_of(monitor) is Health.DEGRADED
        assert history(monitor, place) == [(0, "up")]

    def test_a_failure_says_nothing_about_it(self, monitor: Monitor, place: Location) -> None:
        see_all(monitor, place, {0: "mailbox_stale", 60: "timeout", 90: "timeout", 120: "mailbox_stale"})

        warning, downtime = sorted(incidents(monitor), key=lambda incident: incident.started_at)
        assert (warning.type, warning.started_at) == ("mailbox_stale", at(0))
        assert (downtime.type, downtime.started_at) == ("timeout", at(60))

    def test_it_is_over_when_that_is_confirmed(self, monitor: Monitor, place: Location) -> None:
        kinds = {0: "slow_response", 60: "slow_response", 120: "ok", 180: "slow_response", 240: "ok"}
        see_all(monitor, place, kinds)
        (incident,) = incidents(monitor)
        assert incident.ended_at is None

        see(monitor, place, "ok", at(300))

        (incident,) = incidents(monitor)
        assert incident.ended_at == at(240)
        assert monitor.schedules[0].warning_alarms is None


class TestSeveralLocations:
    @pytest.fixture
    def other(self, make: Factory, place: Location) -> Location:
        return make.location(code="other")

    def test_one_is_enough_by_default(self, monitor: Monitor, place: Location, other: Location) -> None:
        schedules.sync(monitor, at(0), is_due=False)
        for where in (place, other):
            see(monitor, where, "ok", at(0))
        see_all(monitor, other, {60: "timeout", 90: "timeout"})
        assert health_of(monitor) is Health.DOWN

    def test_as_many_as_are_asked_for_have_to_agree(
        self, make: Factory, place: Location, other: Location, house: Organization
    ) -> None:
        monitor = make.monitor(make.customer(house, alert_location_threshold_count=2))
        for where in (place, other):
            see(monitor, where, "ok", at(0))
        see_all(monitor, other, {60: "timeout", 90: "timeout"})
        assert (health_of(monitor), incidents(monitor)) == (Health.DEGRADED, [])

        see_all(monitor, place, {100: "dns_failure", 130: "dns_failure"})
        (incident,) = incidents(monitor)
        assert (incident.started_at, incident.type) == (at(60), "timeout")

        see_all(monitor, place, {200: "ok", 230: "ok"})
        (incident,) = incidents(monitor)
        assert (incident.ended_at, health_of(monitor)) == (at(200), Health.DEGRADED)

    def test_a_silent_one_has_no_say(
        self, make: Factory, place: Location, other: Location, house: Organization
    ) -> None:
        """Of two that have to agree one is left, which then is enough."""
        monitor = make.monitor(make.customer(house, alert_location_threshold_count=2), check_interval=1)
        for where in (place, other):
            see(monitor, where, "ok", at(0))
        see_all(monitor, place, {600: "timeout", 630: "timeout"})
        assert health_of(monitor) is Health.DOWN

    def test_two_schedulers_that_conclude_at_once_open_one_incident(
        self, app: Flask, make: Factory, customer: Customer, place: Location, other: Location
    ) -> None:
        monitors = [make.monitor(customer) for _ in range(8)]
        for monitor in monitors:
            for where in (place, other):
                see(monitor, where, "timeout", at(0))
        db.session.execute(update(MonitorSchedule).values(next_check_at_ms=to_ms(at(30)), is_slow=False))
        db.session.commit()
        taken: list[list[ClaimedCheck]] = []
        for where in (place, other):
            taken.append(claims.claim(where.id, at(30), 50))
            # One mailbox is not checked twice at once; here it was, a moment ago.
            db.session.execute(update(MonitorSchedule).values(lease_until_ms=None))
            db.session.commit()
        together = Barrier(2)

        def record(batch: list[ClaimedCheck]) -> None:
            with app.app_context():
                together.wait()
                checks.record([CheckRecord(claim, outcome("timeout"), at(30)) for claim in batch])
                db.session.commit()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(record, taken))

        assert [len(batch) for batch in taken] == [8, 8]
        for monitor in monitors:
            assert (len(incidents(monitor)), health_of(monitor)) == (1, Health.DOWN)


class TestWithoutAResult:
    """What others or the rules say may change although nothing new was seen."""

    @pytest.fixture
    def other(self, make: Factory, place: Location) -> Location:
        return make.location(code="other")

    def reconsider(self, seconds: float) -> None:
        verdicts.reconsider(verdicts.doubtful(), at(seconds))
        db.session.commit()
        db.session.expire_all()

    def test_a_location_that_falls_silent_leaves_its_say_to_the_others(
        self, make: Factory, place: Location, other: Location, house: Organization
    ) -> None:
        monitor = make.monitor(make.customer(house, alert_location_threshold_count=2), check_interval=1)
        for where in (place, other):
            see(monitor, where, "ok", at(0))
        see_all(monitor, place, {60: "timeout", 90: "timeout"})
        self.reconsider(91)
        assert incidents(monitor) == []
        see_all(monitor, place, {700: "timeout"})

        self.reconsider(710)

        (incident,) = incidents(monitor)
        assert (incident.started_at, health_of(monitor)) == (at(60), Health.DOWN)

    def test_nor_does_one_that_saw_the_failure_keep_the_incident_for_ever(
        self, monitor: Monitor, place: Location, other: Location
    ) -> None:
        schedules.sync(monitor, at(0), is_due=False)
        for where in (place, other):
            see(monitor, where, "ok", at(0))
        see_all(monitor, other, {60: "timeout", 90: "timeout"})
        see_all(monitor, place, dict.fromkeys(range(60, 720, 60), "ok"))
        assert incidents(monitor)[0].ended_at is None
        self.reconsider(710)
        (incident,) = incidents(monitor)
        assert (incident.ended_at, health_of(monitor)) == (at(710), Health.UP)

    def test_silence_of_all_ends_nothing(self, monitor: Monitor, place: Location, other: Location) -> None:
        see_all(monitor, place, {0: "timeout", 30: "timeout"})
        self.reconsider(90_000)
        assert incidents(monitor)[0].ended_at is None

    def test_other_rules_hold_at_once(
        self, make: Factory, place: Location, other: Location, house: Organization
    ) -> None:
        customer = make.customer(house, alert_location_threshold_count=2)
        monitor = make.monitor(customer, check_interval=10)
        for where in (place, other):
            see(monitor, where, "ok", at(0))
        see_all(monitor, place, {60: "timeout", 90: "timeout"})
        assert incidents(monitor) == []
        customer.alert_location_threshold_count = 1
        db.session.commit()
        self.reconsider(100)
        assert len(incidents(monitor)) == 1

    def test_maintenance_that_came_and_went_within_a_check_hides_nothing(
        self, monitor: Monitor, place: Location
    ) -> None:
        see(monitor, place, "timeout", at(0))
        db.session.execute(update(MonitorSchedule).values(next_check_at_ms=to_ms(at(30)), is_slow=False))
        (claim,) = claims.claim(place.id, at(30), 1)
        monitor.status = MonitorStatus.MAINTENANCE
        db.session.commit()
        checks.record([CheckRecord(claim, outcome("timeout"), at(30))])
        monitor.status = MonitorStatus.ACTIVE
        db.session.commit()
        assert incidents(monitor) == []
        self.reconsider(40)
        assert len(incidents(monitor)) == 1

    def test_what_is_as_it_was_stays_so(self, monitor: Monitor, place: Location) -> None:
        see_all(monitor, place, {0: "timeout", 30: "timeout"})
        before = [(one.id, one.ended_at) for one in incidents(monitor)]
        self.reconsider(40)
        assert [(one.id, one.ended_at) for one in incidents(monitor)] == before
        see_all(monitor, place, {60: "ok", 90: "ok"})
        assert verdicts.doubtful() == []


class TestSilentProvider:
    def test_mailboxes_that_wait_for_each_other_are_found_down_all_the_same(
        self, make: Factory, customer: Customer, place: Location
    ) -> None:
        """Each is looked at far more rarely than its interval says."""
        monitors = [make.monitor(customer, check_interval=0.5) for _ in range(5)]
        for number, monitor in enumerate(monitors):
            see_all(monitor, place, {number: "timeout", 1000 + number: "timeout"})
        assert [len(incidents(monitor)) for monitor in monitors] == [1] * 5


class TestGaps:
    def test_time_without_results_is_history_too(self, monitor: Monitor, place: Location) -> None:
        see(monitor, place, "ok", at(0))
        until_ms = monitor.schedules[0].data_until_ms or 0
        silent = (from_ms(until_ms) - at(0)).total_seconds()
        # The next one is due within an interval; then two more, and the last one's timeout.
        assert 150 <= silent <= 60 + 120 + 30

        see(monitor, place, "ok", at(4000))

        assert history(monitor, place) == [(0, "up"), (silent, "no_data"), (4000, "up")]
        assert health_of(monitor) is Health.UP

    def test_a_failure_before_one_and_a_failure_after_it_are_in_a_row(
        self, monitor: Monitor, place: Location
    ) -> None:
        """A server that hangs is looked at rarely: others at it have their turns."""
        see_all(monitor, place, {0: "ok", 60: "timeout", 4000: "timeout"})
        (incident,) = incidents(monitor)
        assert incident.started_at == at(60)
        assert [state for _, state in history(monitor, place)] == ["up", "down", "no_data", "down"]
        assert [history(monitor, place)[number][0] for number in (1, 3)] == [60, 4000]

    def test_what_is_confirmed_later_corrects_what_was_believed_when_it_ended(
        self, make: Factory, place: Location, house: Organization
    ) -> None:
        monitor = make.monitor(make.customer(house, alert_consecutive_checks=3), check_interval=1)
        see_all(monitor, place, {0: "ok", 60: "timeout", 4000: "timeout"})
        assert history(monitor, place)[-1] == (4000, "up")
        see(monitor, place, "timeout", at(4030))
        assert [state for _, state in history(monitor, place)] == ["up", "down", "no_data", "down"]

    def test_a_mailbox_that_is_disabled_in_one_was_not_watched_from_then_on(
        self, admin: Caller, monitor: Monitor, place: Location
    ) -> None:
        see(monitor, place, "ok", at(-90_000))
        silent = (from_ms(monitor.schedules[0].data_until_ms or 0) - at(0)).total_seconds()
        admin.patch(monitor_path(monitor), {"status": "disabled"})
        assert [state for _, state in history(monitor, place)] == ["up", "no_data", "pending"]
        assert history(monitor, place)[1][0] == silent

    def test_an_incident_goes_on_over_one(self, monitor: Monitor, place: Location) -> None:
        see_all(monitor, place, {0: "timeout", 30: "timeout", 4000: "timeout", 4060: "ok", 4090: "ok"})
        (incident,) = incidents(monitor)
        assert (incident.started_at, incident.ended_at) == (at(0), at(4060))


class TestDisabling:
    @pytest.fixture
    def down(self, monitor: Monitor, place: Location) -> Monitor:
        see_all(monitor, place, {-200: "ok", -100: "timeout", -70: "timeout"})
        return monitor

    def test_who_is_not_watched_has_no_open_incident(self, admin: Caller, down: Monitor) -> None:
        shown = admin.patch(monitor_path(down), {"status": "disabled"}).get_json()

        assert shown["health"] == "pending"
        (incident,) = incidents(down)
        assert incident.ended_at is not None
        assert events(incident) == ["opened", "resolved"]

    def test_a_result_that_was_on_its_way_changes_nothing(
        self, admin: Caller, monitor: Monitor, place: Location
    ) -> None:
        see(monitor, place, "ok", at(-100))
        db.session.execute(update(MonitorSchedule).values(next_check_at_ms=to_ms(at(0))))
        (claim,) = claims.claim(place.id, at(0), 1)
        db.session.commit()
        admin.patch(monitor_path(monitor), {"status": "disabled"})

        checks.record([CheckRecord(claim, outcome("timeout"), at(0))])
        db.session.commit()

        db.session.expire_all()
        assert db.session.scalars(select(MonitorSchedule)).one().health is Health.PENDING
        assert health_of(monitor) is Health.PENDING

    def test_the_time_is_not_counted(self, admin: Caller, monitor: Monitor, place: Location) -> None:
        see(monitor, place, "ok", at(-100))
        admin.patch(monitor_path(monitor), {"status": "disabled"})
        admin.patch(monitor_path(monitor), {"status": "active"})
        see(monitor, place, "ok", at(900))
        assert {state for _, state in history(monitor, place)} == {"up", "pending"}
        assert history(monitor, place)[-1] == (900, "up")

    def test_a_location_that_may_not_check_any_more_is_forgotten(
        self, admin: Caller, down: Monitor, make: Factory
    ) -> None:
        make.location(code="german", country="DE")
        db.session.expire_all()
        schedules.sync(down, at(0), is_due=False)
        db.session.commit()

        admin.patch(monitor_path(down), {"allowedCheckCountryCodes": ["DE"]})

        (incident,) = incidents(down)
        assert incident.ended_at is not None


def test_readers_see_when_nothing_is_known(
    caller: Callable[[Role], Caller], monitor: Monitor, place: Location
) -> None:
    """By the clock alone: nobody has to be alive to find that out."""
    see(monitor, place, "ok", at(0))
    db.session.execute(update(MonitorSchedule).values(data_until_ms=1))
    db.session.commit()
    shown = caller(Role.READONLY).get(monitor_path(monitor)).get_json()
    assert shown["health"] == "no_data"


class TestMaintenance:
    """Here by the monitor's own status; windows are tested with their service."""

    def test_failures_open_nothing_and_what_is_left_of_them_is_told_afterwards(
        self, monitor: Monitor, place: Location
    ) -> None:
        see(monitor, place, "ok", at(0))
        monitor.status = MonitorStatus.MAINTENANCE
        db.session.commit()
        see_all(monitor, place, {60: "timeout", 90: "timeout", 150: "timeout"})
        assert (incidents(monitor), health_of(monitor)) == ([], Health.DOWN)

        monitor.status = MonitorStatus.ACTIVE
        db.session.commit()
        see(monitor, place, "connection_refused", at(200))

        (incident,) = incidents(monitor)
        assert (incident.started_at, incident.type) == (at(200), "connection_refused")

    def test_what_works_again_at_its_end_is_no_news(self, monitor: Monitor, place: Location) -> None:
        monitor.status = MonitorStatus.MAINTENANCE
        db.session.commit()
        see_all(monitor, place, {60: "timeout", 90: "timeout"})
        monitor.status = MonitorStatus.ACTIVE
        db.session.commit()
        see_all(monitor, place, {200: "ok", 230: "ok"})
        assert (incidents(monitor), health_of(monitor)) == ([], Health.UP)

    def test_nor_is_it_lost_when_a_good_result_comes_first(self, monitor: Monitor, place: Location) -> None:
        monitor.status = MonitorStatus.MAINTENANCE
        db.session.commit()
        see_all(monitor, place, {60: "timeout", 90: "timeout"})
        monitor.status = MonitorStatus.ACTIVE
        db.session.commit()
        see_all(monitor, place, {200: "ok", 230: "timeout"})
        (incident,) = incidents(monitor)
        assert incident.started_at == at(230)

    def test_an_incident_from_before_stays_open_and_ends_with_its_recovery(
        self, monitor: Monitor, place: Location
    ) -> None:
        see_all(monitor, place, {0: "timeout", 30: "timeout"})
        monitor.status = MonitorStatus.MAINTENANCE
        db.session.commit()
        see(monitor, place, "timeout", at(90))
        assert incidents(monitor)[0].ended_at is None
        see_all(monitor, place, {150: "ok", 180: "ok"})
        assert incidents(monitor)[0].ended_at == at(150)

    def test_what_failed_is_looked_at_again_as_soon_as_it_is_over(
        self, make: Factory, monitor: Monitor, place: Location, customer: Customer
    ) -> None:
        fine, failing = make.monitor(customer, check_interval=60), make.monitor(customer, check_interval=60)
        for watched, kind in ((fine, "ok"), (failing, "timeout")):
            watched.status = MonitorStatus.MAINTENANCE
            db.session.commit()
            see_all(watched, place, {0: kind, 30: kind})
        db.session.execute(update(MonitorSchedule).values(next_check_at_ms=to_ms(at(5000)), is_slow=False))
        db.session.commit()
        assert schedules.recheck_after_maintenance(place.id, at(60)) == 0

        for watched in (fine, failing):
            watched.status = MonitorStatus.ACTIVE
        db.session.commit()

        assert schedules.recheck_after_maintenance(place.id, at(61)) == 1
        assert schedules.recheck_after_maintenance(place.id, at(62)) == 0
        db.session.commit()
        (claim,) = claims.claim(place.id, at(62), 10)
        assert claim.monitor_id == failing.id

    def test_results_are_marked(self, monitor: Monitor, place: Location) -> None:
        see(monitor, place, "ok", at(0))
        monitor.status = MonitorStatus.MAINTENANCE
        db.session.commit()
        see(monitor, place, "ok", at(60))
        marks = db.session.execute(select(MonitorSchedule.in_maintenance)).scalars().all()
        assert marks == [True]
