"""No list looks at all rows of a table that grows, whatever it is filtered and sorted by."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, event, select

from app.domain.enums import Role
from app.extensions import db
from app.models import Customer, Organization
from bench.api_fill import House, analyze, fill
from bench.incident_fill import RARE_TYPE, TYPES, fill_incidents
from tests.calling import Caller, caller_of
from tests.conftest import empty
from tests.factories import Factory

BIG = (
    "monitors",
    "monitor_schedules",
    "check_results",
    "audit_entries",
    "customers",
    "users",
    "incidents",
    "incident_events",
    "alerts",
)
ASKED, OTHERS, RESULTS = 30, 3000, 3
INCIDENTS_OF_ASKED, INCIDENTS_OF_OTHERS = 300, 20_000

MONITORS, INCIDENTS = "/api/imap-pop-monitors", "/api/incidents"
LISTS = (
    MONITORS,
    f"{MONITORS}?page=2&perPage=10",
    f"{MONITORS}?search=mailbox",
    f"{MONITORS}?search=nothing",
    f"{MONITORS}?status=active",
    f"{MONITORS}?health=up",
    f"{MONITORS}?health=no_data",
    f"{MONITORS}?protocol=pop3",
    f"{MONITORS}?customerId={{customer}}",
    *(f"{MONITORS}?sort={key}" for key in ("name", "-hostname", "status", "createdAt", "-lastCheckedAt")),
    f"{MONITORS}/{{monitor}}",
    f"{MONITORS}/{{monitor}}/check-history",
    f"{MONITORS}/{{monitor}}/check-history?before={{result}}",
    f"{MONITORS}/{{monitor}}/incident-history",
    f"{MONITORS}/{{monitor}}/alert-history",
    INCIDENTS,
    f"{INCIDENTS}?before={{incident}}",
    *(f"{INCIDENTS}?status={status}" for status in ("open", "resolved")),
    *(f"{INCIDENTS}?type={kind}" for kind in (TYPES[0], RARE_TYPE, "slow_response")),
    f"{INCIDENTS}?type={TYPES[0]}&status=open",
    f"{INCIDENTS}?customerId={{customer}}",
    f"{INCIDENTS}?customerId={{customer}}&status=open&type={RARE_TYPE}",
    f"{INCIDENTS}?monitorId={{monitor}}",
    f"{INCIDENTS}?monitorId={{monitor}}&status=resolved&before={{incident}}",
    f"{INCIDENTS}/{{incident}}",
    "/api/customers",
    "/api/customers?search=alpha",
    "/api/users",
    "/api/users?search=example",
    "/api/audit-log",
    "/api/audit-log?action=monitor.create",
    "/api/audit-log?targetPublicId={monitor}",
)


class Plans:
    """How the database goes about each statement that a request makes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._said: list[tuple[str, Any]] = []
        event.listen(engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, said: str, given: Any, *_: Any) -> None:
        self._said.append((said, given))

    def reads(self) -> list[tuple[str, Any]]:
        """The SELECT statements so far; later ones are not noted."""
        event.remove(self._engine, "before_cursor_execute", self._note)
        return [(said, given) for said, given in self._said if said.startswith(("SELECT", "WITH"))]

    def scans(self) -> list[str]:
        """Steps that read a whole table which grows."""
        return [step for step in self.steps("") if any(_is_scan(step, table) for table in BIG)]

    def steps(self, word: str) -> list[str]:
        """What the database does for the SELECT statements that have the word in them."""
        prefix = "EXPLAIN QUERY PLAN " if self._engine.dialect.name == "sqlite" else "EXPLAIN "
        reads = self.reads()
        with self._engine.connect() as connection:
            if prefix == "EXPLAIN ":
                # It reads tables of a few pages whole anyway; asked is whether there is another way.
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            steps = [
                str(row[-1])
                for said, given in reads
                if word in said
                for row in connection.exec_driver_sql(prefix + said, given)
            ]
        assert steps
        return steps


def _is_scan(step: str, table: str) -> bool:
    """SQLite's words, then PostgreSQL's."""
    return f"SCAN {table} " in f"{step} " or f"Seq Scan on {table}" in step


@pytest.fixture(scope="module")
def filled(shared_app: Flask) -> Iterator[tuple[Flask, House]]:
    with shared_app.app_context():
        houses = fill(db.engine, shared_app.config["CONFIG_STORE"], (OTHERS, RESULTS), (ASKED, RESULTS))
        for house, count in zip(houses, (INCIDENTS_OF_OTHERS, INCIDENTS_OF_ASKED), strict=True):
            fill_incidents(db.engine, house.id, count)
        analyze(db.engine)
    yield shared_app, houses[1]
    empty(shared_app)


@pytest.fixture(scope="module")
def names(filled: tuple[Flask, House]) -> dict[str, str]:
    caller = _caller(filled)
    monitor = caller.get(f"{MONITORS}?perPage=1").get_json()["items"][0]
    history = caller.get(f"{MONITORS}/{monitor['publicId']}/check-history?limit=1").get_json()["data"]
    incident = caller.get(f"{INCIDENTS}?limit=1").get_json()["incidents"][0]
    return {
        "incident": incident["publicId"],
        "monitor": monitor["publicId"],
        "customer": monitor["customerPublicId"],
        "result": history[0]["id"],
    }


def _caller(filled: tuple[Flask, House]) -> Caller:
    app, house = filled
    with app.app_context():
        return caller_of(app, house.session)


@pytest.mark.parametrize("path", LISTS)
def test_no_list_reads_a_whole_table(filled: tuple[Flask, House], names: dict[str, str], path: str) -> None:
    caller = _caller(filled)
    with filled[0].app_context():
        plans = Plans(db.engine)

        answer = caller.get(path.format(**names))

        scans = plans.scans()
    assert answer.status_code == 200
    assert scans == []


@pytest.mark.parametrize("query", ["", "?status=open", f"?type={RARE_TYPE}", "?monitorId={monitor}"])
def test_whoever_is_restricted_reads_no_whole_table_either(
    filled: tuple[Flask, House], names: dict[str, str], query: str
) -> None:
    app, house = filled
    with app.app_context():
        customers = db.session.scalars(select(Customer).where(Customer.organization_id == house.id)).all()
        organization = db.session.get_one(Organization, house.id)
        user = Factory().user(organization, Role.READONLY, customers=list(customers[:1]))
        caller = caller_of(app, Factory().session(user))
        plans = Plans(db.engine)

        answer = caller.get(f"{INCIDENTS}{query.format(**names)}")

        assert plans.scans() == []
    assert answer.status_code == 200


COUNTED = ("", "?status=resolved", "?type=timeout&status=resolved", "?customerId={customer}&type=timeout")


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("query", COUNTED)
def test_incidents_are_counted_without_reading_them(
    filled: tuple[Flask, House], names: dict[str, str], query: str
) -> None:
    """A transcript stands in each. PostgreSQL does as well once the table was vacuumed."""
    caller = _caller(filled)
    with filled[0].app_context():
        plans = Plans(db.engine)

        caller.get(f"{INCIDENTS}{query.format(**names)}")

        steps = [step for step in plans.steps("count(") if " incidents " in step]
    assert steps
    assert [step for step in steps if "COVERING INDEX" not in step] == []


def test_a_monitor_is_shown_with_two_statements(filled: tuple[Flask, House], names: dict[str, str]) -> None:
    """Who asks, and the monitor with all that is shown of it."""
    caller = _caller(filled)
    with filled[0].app_context():
        plans = Plans(db.engine)

        caller.get(f"{MONITORS}/{names['monitor']}")

        assert len(plans.reads()) == 2
