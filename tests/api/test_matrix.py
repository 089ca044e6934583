"""The walk through the access matrix: every caller sends every request, and gets what the table says."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.api.matrix import CALLERS, HOUSE, NOBODY, OK, Row, policies
from tests.api.matrix_cast import Scenery
from tests.api.matrix_plugin import PROPERTY, summary
from tests.api.matrix_rows import ROWS
from tests.api.matrix_stage import Dump, Stage, audit_entries, rule_of
from tests.api.matrix_walks import param, route_of, walks
from tests.calling import MONITORS, assert_failure
from tests.conftest import DATABASES

IMPLICIT = {"HEAD", "OPTIONS"}
TITLES = {"401": "Unauthorized", "403": "Forbidden", "404": None}
SEEN, PERMITTED = re.compile("-|[hcofgx]+"), re.compile(OK)
READING = "GET"
NOT_ECHOED = {"customerId", "customerIds", "imapPopMonitorId"}
"""Sent as UUID, answered as number."""

# Who may do what is decided in Python; what a change takes along, by the database.
WALKS = list(walks(on_both=lambda row: bool(row.effect)))

every_row = pytest.mark.parametrize("row", [param(*walk) for walk in WALKS], ids=str)


def routes_of(app: Flask) -> set[str]:
    return {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - IMPLICIT
    }


def test_every_route_has_a_row_and_every_row_a_route(app: Flask) -> None:
    assert {f"{row.method} {rule_of(app, row.method, row.path)}" for row in ROWS} == routes_of(app)


def test_every_caller_has_one_cell_in_every_row(scenery: Scenery) -> None:
    for row in ROWS:
        cells = row.expected()
        assert cells.keys() == scenery.cast.keys(), row
        assert all(
            cell in TITLES or (SEEN if row.sees else PERMITTED).fullmatch(cell) for cell in cells.values()
        )


def test_every_change_and_every_caller_is_seen_by_both_databases() -> None:
    for database in DATABASES:
        seen = {route_of(row) for row, databases in WALKS if database in databases}
        assert seen >= {route_of(row) for row in ROWS if row.effect}
        assert len(seen) >= 0.8 * len({route_of(row) for row in ROWS})
    assert all(databases for _, databases in WALKS)


def test_no_policy_is_left_over() -> None:
    assert {row.policy for row in ROWS} == policies().keys()


def test_whoever_must_not_be_known_is_known_nowhere() -> None:
    """But for what needs no access token: then the table itself says so."""
    known = {(row.policy, caller) for row in ROWS for caller in NOBODY if row.expected()[caller] != "401"}

    assert {policy for policy, _ in known} == {"public", "refresh"}
    assert {caller for policy, caller in known if policy == "refresh"} == {"refresh_token"}


def test_every_request_that_is_no_reading_is_in_the_trail_or_says_why_not() -> None:
    for row in ROWS:
        assert (row.method == READING) is (row.audit is None and row.silent is None), row
        assert row.effect.keys() or row.method == READING or row.silent, row


@every_row
def test_every_caller_gets_what_the_table_says(
    stage: Stage, database_url: str, row: Row, record_property: Callable[[str, object], None]
) -> None:
    stage.prepare(without_monitors=row.without_monitors)
    faults = [*refusals(stage, row), *permissions(stage, row)]

    assert not faults, "\n".join(["", *faults])
    database = database_url.partition(":")[0].partition("+")[0]
    route = f"{row.method} {rule_of(stage.app, row.method, row.path)}"
    record_property(PROPERTY, [database, ROWS.index(row), route, len(row.expected())])


def refusals(stage: Stage, row: Row) -> Iterator[str]:
    """What is wrong with the cells that refuse: the answer, and whatever it left behind."""
    before = stage.dump()
    for caller, cell in row.expected().items():
        if cell in TITLES:
            response = stage.send(caller, row.method, row.path, row.body)
            yield from wrong_status(caller, response, int(cell))
            if response.status_code == int(cell):
                assert_failure(response, int(cell), TITLES[cell])
            if changes := differences(before, stage.dump()):
                yield f"{caller}: is not permitted, and changed {changes}"
                stage.prepare(without_monitors=row.without_monitors)


def permissions(stage: Stage, row: Row) -> Iterator[str]:
    """What is wrong with the cells that permit: the answer, what it changed, and how the trail tells it."""
    before = stage.dump()
    for caller, cell in row.expected().items():
        if cell not in TITLES:
            response = stage.send(caller, row.method, row.path, row.body)
            changes = differences(before, stage.dump())
            yield from wrong_status(caller, response, row.status)
            if response.status_code == row.status:
                yield from wrong_sight(stage, caller, row, cell, response)
                yield from wrong_echo(stage, caller, row, response)
                yield from wrong_effect(caller, row, changes)
                yield from wrong_trail(stage, caller, row)
            if changes:
                stage.prepare(without_monitors=row.without_monitors)


def wrong_status(caller: str, response: TestResponse, expected: int) -> Iterator[str]:
    if response.status_code != expected:
        said = (response.get_json(silent=True) or {}).get("message", "")
        yield f"{caller}: {response.status_code} instead of {expected} {said}"


def wrong_sight(stage: Stage, caller: str, row: Row, cell: str, response: TestResponse) -> Iterator[str]:
    """A list has, and counts, exactly what its letters say."""
    if row.sees is None:
        return
    body = response.get_json()
    seen = [item["id"] for item in body.get("items", body.get(row.sees, [body]))]
    things = stage.scenery.things[row.sees]
    expected = set().union(*(things.get(letter, set()) for letter in cell))
    if sorted(seen) != sorted(expected):
        yield f"{caller}: sees {sorted(seen)} instead of {sorted(expected)} of {row.sees}"
    if body.get("total", len(seen)) != len(expected):
        yield f"{caller}: is told of {body['total']} {row.sees} instead of {len(expected)}"


def wrong_echo(stage: Stage, caller: str, row: Row, response: TestResponse) -> Iterator[str]:
    """The answer has what was sent."""
    answer = response.get_json(silent=True) or {}
    for key, value in stage.fill(row.body or {}).items():
        if key in answer and key not in NOT_ECHOED and answer[key] != value:
            yield f"{caller}: sent {key} {value!r} and is answered {answer[key]!r}"


def wrong_effect(caller: str, row: Row, changes: dict[str, tuple[int, int]]) -> Iterator[str]:
    expected = row.effect | ({"audit_entries": (0, 1 + len(row.beside))} if row.audit else {})
    if changes != expected:
        yield f"{caller}: changed {changes} instead of {expected}"


def wrong_trail(stage: Stage, caller: str, row: Row) -> Iterator[str]:
    """One entry for each deed and no more names the caller, what it did, and whose thing it was."""
    if row.audit is None:
        return
    entries = [
        (entry.actor_kind, entry.actor_id, entry.actor_name, entry.action, entry.organization_id)
        for entry in audit_entries(after=stage.last_entry)
    ]
    member = stage.scenery.cast[row.signed or caller]
    about = {HOUSE: stage.names["house_id"], CALLERS: member.organization_id}
    organization_id = about.get(row.about, entries[-1][-1] if entries else None)
    deeds = (row.audit, *row.beside)
    expected = [(member.kind, member.id, member.name, deed, organization_id) for deed in deeds]
    if sorted(entries) != sorted(expected):
        yield f"{caller}: left {entries} in the trail"


def differences(before: Dump, after: Dump) -> dict[str, tuple[int, int]]:
    """Table -> how many of its rows are gone, and how many are new."""
    if before is after:
        return {}
    return {
        table: ((before[table] - after[table]).total(), (after[table] - before[table]).total())
        for table in before
        if before[table] != after[table]
    }


@pytest.mark.parametrize(
    "body",
    [{"name": 5}, {"name": "x", "unknown": 1}, {"name": "x", "customerId": 987654321}, {"hostname": "a b"}],
)
def test_what_is_invalid_leaves_nothing_behind(stage: Stage, body: dict[str, Any]) -> None:
    before = stage.dump()

    for method, path in (("POST", MONITORS), ("PATCH", f"{MONITORS}/{{monitor}}")):
        assert stage.send("admin", method, path, body).status_code in {400, 404}
    assert stage.dump() == before


def test_the_size_is_told_with_what_each_database_had_of_it() -> None:
    walked = {
        "sqlite": [(0, "GET /a", 3), (1, "GET /a", 3)],
        "postgresql": [(0, "GET /a", 3), (2, "GET /b", 3), (3, "GET /b", 3)],
    }

    size = "4 requests to 2 routes x 3 callers = 12 cells"
    assert summary(walked) == [f"access matrix: {size}; requests walked: 3 on postgresql and 2 on sqlite"]
    assert summary({}) == []
