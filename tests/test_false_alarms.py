"""A month of `make false-alarms` in short, and that it would see a machine that is wrong."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from app.clock import from_ms, to_ms
from app.domain.enums import CheckStatus, ErrorCode, Health, Phase
from app.domain.health import LocationHealth, Rules, Seen
from app.domain.outcome import CheckOutcome
from app.extensions import db
from app.models import Location, Organization
from app.net.failure import CheckError
from app.worker.scheduler import TICK_SECONDS
from bench import harness
from bench.false_alarms import __main__ as command
from bench.false_alarms import play, report
from bench.false_alarms.fleet import MONTH, START_MS, Fleet
from bench.false_alarms.mailbox import HOUR, MINUTE, SECOND, TICK_MS, Mailbox, first_tick
from bench.false_alarms.play import Follow
from bench.false_alarms.world import Kind, Network, Outage, World, script
from tests.factories import Factory
from tests.services.test_back_off import Life

ROOT = Path(__file__).resolve().parent.parent
DAY_OF_OUTAGES = replace(MONTH, days=1, quiet_ms=3 * HOUR)
NO_DROPS = Network(drop_rate=0)
MAILBOX = Mailbox(number=0, interval_ms=5 * MINUTE, timeout_ms=30 * SECOND, offset_ms=0)


def test_every_real_outage_is_found_in_time_and_nothing_else() -> None:
    verdict = DAY_OF_OUTAGES.verdict()
    told = report.figures(DAY_OF_OUTAGES, verdict)

    assert verdict.faults == []
    assert (verdict.false_incidents, verdict.missed) == (0, 0)
    assert verdict.drops > 1_000
    assert all(one["outages"] > 20 for one in told["outages"].values())
    for kind in (Kind.CLOSING, Kind.REFUSED, Kind.HANGING, Kind.WRONG_PASSWORD, Kind.LATER):
        assert told["outages"][kind]["longEnough"] > 20
    assert told["outages"][Kind.SHORT_LATER]["withIncident"] == 0
    assert max(delay["worstOfBound"] for delay in told["detection"].values()) > 0.95, "no bound is generous"


@pytest.mark.parametrize("checks", [(1, 1), (2, 2), (3, 2), (2, 5), (5, 3)])
def test_the_bounds_hold_whatever_the_rules_ask_for(checks: tuple[int, int]) -> None:
    alert_checks, recovery_checks = checks
    fleet = replace(
        DAY_OF_OUTAGES,
        mailboxes=75,
        rules=Rules(alert_checks=alert_checks, recovery_checks=recovery_checks),
        network=NO_DROPS,
    )
    verdict = fleet.verdict()

    assert verdict.faults == []
    assert sum(one.is_long_enough for one in verdict.sightings) > 30


TEN_DAYS = Fleet(mailboxes=50, days=10)


@pytest.mark.parametrize(
    "fleet",
    [
        replace(TEN_DAYS, network=Network(has_second_attempt=False)),
        replace(TEN_DAYS, rules=Rules(alert_checks=1)),
    ],
    ids=["no second attempt", "no second check"],
)
def test_with_one_look_less_there_are_as_many_false_alarms_as_chance_has_it(fleet: Fleet) -> None:
    verdict = fleet.verdict()

    assert report.expected_false(fleet, verdict) == pytest.approx(14.4, abs=0.1)
    assert verdict.false_incidents > 5
    assert report.is_as_expected(fleet, verdict)
    assert any("false incident" in fault for fault in verdict.faults)


def forgets_recovery(now: LocationHealth, seen: Seen, rules: Rules) -> LocationHealth:
    return now if now.is_down and not seen.is_failure else now.follow(seen, rules)


def asks_once_more(now: LocationHealth, seen: Seen, rules: Rules) -> LocationHealth:
    return now.follow(seen, replace(rules, alert_checks=rules.alert_checks + 1))


def recovers_once_later(now: LocationHealth, seen: Seen, rules: Rules) -> LocationHealth:
    return now.follow(seen, replace(rules, recovery_checks=rules.recovery_checks + 2))


def takes_later_for_no(now: LocationHealth, seen: Seen, rules: Rules) -> LocationHealth:
    return now.follow(replace(seen, code=seen.code and ErrorCode.TIMEOUT), rules)


def waits_for_ever_while_later(now: LocationHealth, seen: Seen, rules: Rules) -> LocationHealth:
    return replace(now.follow(seen, rules), since=seen.at)


@pytest.mark.parametrize(
    ("follow", "fault"),
    [
        (forgets_recovery, "never over"),
        (asks_once_more, "found after"),
        (recovers_once_later, "its end seen after"),
        (takes_later_for_no, "false incident"),
        (waits_for_ever_while_later, "missed"),
    ],
)
def test_a_machine_that_is_wrong_is_caught(follow: Follow, fault: str) -> None:
    verdict = replace(DAY_OF_OUTAGES, mailboxes=50, follow=follow).verdict()

    assert any(fault in told for told in verdict.faults)


def forgets_that_it_was_well(now: LocationHealth, seen: Seen, rules: Rules) -> LocationHealth:
    return (
        now if now.health is Health.UP and now.is_failing and not seen.is_failure else now.follow(seen, rules)
    )


def test_a_machine_that_counts_failures_that_are_not_in_a_row_is_caught() -> None:
    fleet = replace(TEN_DAYS, mailboxes=15, network=Network(drop_rate=0.03))

    assert fleet.verdict().false_incidents == 0
    assert replace(fleet, follow=forgets_that_it_was_well).verdict().false_incidents > 5


def test_a_confirming_check_that_comes_an_interval_later_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "CONFIRM_AFTER_MS", 24 * HOUR)
    verdict = replace(DAY_OF_OUTAGES, mailboxes=50).verdict()

    assert any("missed" in fault or "found after" in fault for fault in verdict.faults)


def test_a_run_is_the_same_again_however_many_processes_share_it() -> None:
    fleet = replace(DAY_OF_OUTAGES, mailboxes=12)
    alone = fleet.verdict()

    assert fleet.verdict(processes=2) == alone
    assert replace(fleet, seed=1).verdict() != alone


def looked(network: Network, *outages: Outage, at_ms: int = START_MS) -> tuple[World, CheckError | None, int]:
    world = World(MAILBOX, network, outages, Random(1))  # noqa: S311 - reproducible on purpose
    return world, *world.look(at_ms)


@pytest.mark.parametrize(
    ("network", "attempts"),
    [
        (Network(drop_rate=1), 2),
        (Network(drop_rate=1, has_second_attempt=False), 1),
        (Network(drop_rate=1, share_behind_login=1), 1),
    ],
)
def test_a_second_attempt_is_made_where_a_check_makes_one(network: Network, attempts: int) -> None:
    world, failure, _ = looked(network)

    assert world.drops == attempts
    assert failure is not None
    assert (failure.phase is Phase.MAILBOX) is (network.share_behind_login == 1)


@pytest.mark.parametrize(
    ("kind", "code", "duration_ms"),
    [
        (Kind.REFUSED, ErrorCode.CONNECTION_REFUSED, 40 + 250 + 40),
        (Kind.HANGING, ErrorCode.TIMEOUT, 30_000),
    ],
)
def test_an_outage_is_met_by_attempts_that_begin_in_it(kind: Kind, code: ErrorCode, duration_ms: int) -> None:
    outage = Outage(kind, ((START_MS, START_MS + 60_000),))
    _, failure, took_ms = looked(NO_DROPS, outage)
    assert failure is not None
    assert (failure.code, took_ms) == (code, duration_ms)

    for at_ms in (START_MS - 1, START_MS + 60_000):
        assert looked(NO_DROPS, outage, at_ms=at_ms)[1] is None


def test_an_outage_that_ends_between_two_attempts_is_not_seen() -> None:
    assert looked(NO_DROPS, Outage(Kind.REFUSED, ((START_MS, START_MS + 100),)))[1] is None


def test_outages_leave_each_other_alone() -> None:
    chance = Random(1)  # noqa: S311 - reproducible on purpose
    outages = script(MAILBOX, Rules(), chance, (START_MS, START_MS + 480 * HOUR), HOUR)

    assert {outage.kind for outage in outages} == {*Kind}
    for one, other in pairwise(outages):
        left = other.start_ms - one.end_ms
        assert left > MAILBOX.recovery_ms(Rules(), was_refused=one.was_refused, setbacks=2)


def test_the_bounds_at_the_defaults_are_those_of_the_documents() -> None:
    assert TICK_MS == TICK_SECONDS * 1000
    assert MAILBOX.detection_ms(Rules()) == 390_400, "interval + 2 timeouts + 30 s + 2 ticks"
    assert MAILBOX.recovery_ms(Rules(), was_refused=False) == 390_400
    assert MAILBOX.recovery_ms(Rules(), was_refused=True) == 990_400


def test_the_rules_are_those_of_a_new_organization() -> None:
    names = ("alert_consecutive_checks", "recovery_consecutive_checks", "alert_location_threshold_count")
    columns = Organization.__table__.columns

    assert Rules() == Rules(*(columns[name].default.arg for name in names))


def test_the_command_tells_and_keeps_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(harness, "RESULTS", tmp_path)

    assert command.main(["--days", "2", "--mailboxes", "25", "--processes", "1"]) == 0
    assert "0 missed, 0 faults" in capsys.readouterr().out
    assert (tmp_path / "false_alarms.json").exists()


def test_the_page_has_the_figures_of_the_last_run() -> None:
    page = (ROOT / "docs" / "false-alarms.md").read_text(encoding="utf-8")
    kept = json.loads((harness.RESULTS / "false_alarms.json").read_text(encoding="utf-8"))
    month, controls = kept["figures"]["month"], kept["figures"]["controls"]

    assert (month["falseIncidents"], month["missed"], month["faults"]) == (0, 0, 0)
    for run in (month, *controls.values()):
        count, expected = f"{run['falseIncidents']}", f"{run['expectedFalseIncidents']:g}"
        assert f"{run['checks']:,} | {run['drops']:,} | {count} | {expected} |" in page.replace("**", "")
    for delays in (month["detection"], month["recovery"]):
        for delay in delays.values():
            shown = f"| {delay['count']:,} | {delay['p50']:,} | {delay['p99']:,} | {delay['worst']:,} |"
            assert shown in page


# The schedule that is simulated is the one that is written into the database.

STORIES = [None, None, ErrorCode.TIMEOUT, ErrorCode.AUTHENTICATION_FAILED, ErrorCode.TEMPORARILY_UNAVAILABLE]


def story(interval_ms: int, begin_ms: int) -> tuple[CheckError | None, int]:
    """What a check meets, by its time alone: ever so long the same, now and then something else."""
    chance = Random(begin_ms)  # noqa: S311 - reproducible on purpose
    lasting = Random(begin_ms // (4 * interval_ms))  # noqa: S311 - as above
    code = (chance if chance.random() < 0.2 else lasting).choice(STORIES)
    return (CheckError(code, "no") if code else None), chance.randrange(10, 30_000)


def played(mailbox: Mailbox, span: tuple[int, int]) -> Iterator[tuple[int, Health]]:
    """When each check begins, and what is believed after it, by the simulation."""
    begun: list[int] = []
    healths: list[Health] = []

    def look(begin_ms: int) -> tuple[CheckError | None, int]:
        begun.append(begin_ms)
        return story(mailbox.interval_ms, begin_ms)

    def follow(now: LocationHealth, seen: Seen, rules: Rules) -> LocationHealth:
        after = now.follow(seen, rules)
        healths.append(after.health)
        return after

    play.play(mailbox, look, Rules(), span, follow)
    return zip(begun, healths, strict=True)


def recorded(life: Life, interval_ms: int, until_ms: int) -> Iterator[tuple[int, Health]]:
    """The same by claims and records in the database."""
    while True:
        begin_ms = first_tick(max(life.row.next_check_at_ms or 0, to_ms(life.now)))
        if begin_ms >= until_ms:
            return
        life.now = from_ms(begin_ms)
        failure, duration_ms = story(interval_ms, begin_ms)
        status = CheckStatus.ERROR if failure else CheckStatus.SUCCESS
        code = failure.code if failure else None
        life.finish(life.take(), CheckOutcome(status, duration_ms, code=code, message=code and "no"))
        yield begin_ms, life.row.health


# When the next check is due is decided in Python; tests/services/test_back_off.py keeps it on both.
@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("minutes", [0.5, 5, 30])
def test_the_simulated_schedule_is_the_one_in_the_database(make: Factory, minutes: float) -> None:
    make.location()
    make.monitor(check_interval=minutes)
    life = Life(db.session.scalars(select(Location)).one())
    life.now = from_ms(first_tick(to_ms(life.now)))
    row, begin_ms = life.row, to_ms(life.now)
    mailbox = Mailbox(0, row.interval_ms, row.timeout_ms, row.offset_ms)
    until_ms = begin_ms + 40 * row.interval_ms

    real = list(recorded(life, row.interval_ms, until_ms))

    assert real == list(played(mailbox, (begin_ms, until_ms)))
    # Which failures fall on a check is a matter of its offset; some do.
    assert Health.UP in {health for _, health in real}
