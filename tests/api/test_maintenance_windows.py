"""Maintenance windows over HTTP (contract section 4)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from app.clock import to_iso, utcnow
from app.domain.maintenance import NEVER, OVERLAPPING, TOO_LONG
from app.extensions import db
from app.models import Customer, MaintenanceWindow, Monitor, Organization
from app.services import maintenance
from app.services.maintenance_windows import (
    MAX_TARGETS,
    MIXED,
    NO_PATTERN,
    NO_TARGETS,
    NOT_BESIDE_NO_TARGETS,
    NOT_RECURRING,
    NOTHING_CHOSEN,
    OTHER_CUSTOMER,
    OTHER_TARGET,
)
from tests.api.windows import ONCE, PATTERN, WEEKLY, target
from tests.calling import WINDOWS, Caller, assert_failure, window_path
from tests.factories import Factory

MONITOR_NOT_FOUND = "IMAP/POP monitor not found"
OWN_KEYS = {"id", "publicId", "organizationId", "customerId", "targets", "imapPopMonitorId", "createdAt"}


def errors_of(response: Any) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = assert_failure(response, 400, "Invalid request body")["errors"]
    return errors


# --- making, showing


@pytest.mark.parametrize("body", [ONCE, WEEKLY], ids=["once", "weekly"])
def test_a_new_window_is_answered_as_it_was_sent(
    admin: Caller, house: Organization, monitor: Monitor, body: dict[str, Any]
) -> None:
    response = admin.post(WINDOWS, {**body, "targets": [target(monitor.id)]})

    answer = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == window_path(answer)
    assert {key: answer[key] for key in body} == body
    assert answer.keys() - body.keys() == OWN_KEYS | {"updatedAt"}
    assert (answer["organizationId"], answer["customerId"]) == (house.id, monitor.customer_id)
    assert admin.get(window_path(answer)).get_json() == answer


def test_what_may_be_left_out(admin: Caller, house: Organization, customer: Customer) -> None:
    house.time_zone = "Asia/Kolkata"
    db.session.commit()
    body = {key: ONCE[key] for key in ("startTime", "endTime")}

    answer = admin.post(WINDOWS, {**body, "name": " N ", "customerId": customer.id}).get_json()

    left_out = {key: answer[key] for key in ONCE if key not in body}
    assert left_out == {
        "name": "N",
        "description": None,
        "timeZone": "Asia/Kolkata",
        "isRecurring": False,
        "recurrencePattern": None,
        "isActive": True,
    }


@pytest.mark.parametrize("key", ["name", "startTime", "endTime"])
def test_what_is_required(admin: Caller, customer: Customer, key: str) -> None:
    body = {name: value for name, value in ONCE.items() if name != key} | {"customerId": customer.id}

    assert errors_of(admin.post(WINDOWS, body)) == {key: ["is required"]}


def test_a_pattern_has_all_its_keys_in_answers(admin: Caller, customer: Customer) -> None:
    pattern = {"frequency": "daily"}
    body = {**WEEKLY, "recurrencePattern": pattern, "customerId": customer.id}

    answer = admin.post(WINDOWS, body).get_json()["recurrencePattern"]

    assert answer == {
        "frequency": "daily",
        "interval": 1,
        "daysOfWeek": None,
        "dayOfMonth": None,
        "endRecurrenceDate": None,
    }


def test_a_window_is_found_by_uuid_in_any_case_and_by_number(
    admin: Caller, make: Factory, customer: Customer
) -> None:
    window = make.window(customer)
    spellings = (window.public_id, str(window.public_id).upper(), window.id, f"00{window.id}")

    answers = [admin.get(f"{WINDOWS}/{spelling}").get_json() for spelling in spellings]

    assert [answer["id"] for answer in answers] == [window.id] * len(spellings)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_paths_that_name_no_window(admin: Caller, make: Factory, method: str) -> None:
    body = {"json": {"name": "New"}} if method == "PATCH" else {}
    foreign = make.window(make.customer())

    for identifier in ("weekly", "1.0", "-1", "%00", "9" * 19, "%D9%A1"):
        response = admin.send(method, f"{WINDOWS}/{identifier}", **body)
        assert_failure(response, 400, "Invalid Maintenance window identifier")
    for identifier in (uuid4(), 987_654_321, 0, foreign.id, foreign.public_id):
        response = admin.send(method, f"{WINDOWS}/{identifier}", **body)
        assert_failure(response, 404, "Maintenance window not found")


# --- what it covers


def test_targets_by_number_and_by_uuid_each_once(
    admin: Caller, make: Factory, customer: Customer, monitor: Monitor
) -> None:
    other = make.monitor(customer)
    ids = [str(other.public_id).upper(), monitor.id, str(monitor.id), other.id]

    answer = admin.post(WINDOWS, {**ONCE, "targets": [target(it) for it in ids]}).get_json()

    assert answer["targets"] == [target(it) for it in sorted([monitor.id, other.id])]
    assert answer["imapPopMonitorId"] is None


@pytest.mark.parametrize("is_uuid", [False, True])
def test_a_single_monitor_by_the_older_key(admin: Caller, monitor: Monitor, is_uuid: bool) -> None:
    reference = str(monitor.public_id) if is_uuid else monitor.id

    answer = admin.post(WINDOWS, {**ONCE, "imapPopMonitorId": reference}).get_json()

    assert answer["targets"] == [target(monitor.id)]
    assert (answer["imapPopMonitorId"], answer["customerId"]) == (monitor.id, monitor.customer_id)


def test_a_customer_alone_is_all_of_it(admin: Caller, customer: Customer, monitor: Monitor) -> None:
    body = {**ONCE, "customerId": str(customer.public_id), "startTime": "2025-01-01T00:00:00Z"}
    answer = admin.post(WINDOWS, {**body, "endTime": to_iso(utcnow() + timedelta(hours=1))}).get_json()

    assert answer["errors"] == {"endTime": [TOO_LONG]}
    body["startTime"] = to_iso(utcnow() - timedelta(hours=1))
    answer = admin.post(WINDOWS, {**body, "endTime": to_iso(utcnow() + timedelta(hours=1))}).get_json()
    assert (answer["customerId"], answer["targets"]) == (customer.id, [])
    assert maintenance.covered(utcnow(), {monitor.id: customer.id}).covers(customer.id, monitor.id)


def test_monitors_of_two_customers_are_refused(
    admin: Caller, make: Factory, house: Organization, monitor: Monitor
) -> None:
    elsewhere = make.monitor(make.customer(house))
    body = {**ONCE, "targets": [target(monitor.id), target(elsewhere.id)]}

    assert errors_of(admin.post(WINDOWS, body)) == {"targets": [MIXED]}


def test_what_does_not_belong_together_is_refused(
    admin: Caller, make: Factory, house: Organization, customer: Customer, monitor: Monitor
) -> None:
    other, sister = make.customer(house), make.monitor(customer)
    targets = [target(monitor.id)]

    for body, fault in (
        ({"targets": targets, "customerId": other.id}, {"customerId": [OTHER_CUSTOMER]}),
        ({"imapPopMonitorId": monitor.id, "customerId": other.id}, {"customerId": [OTHER_CUSTOMER]}),
        ({"targets": targets, "imapPopMonitorId": sister.id}, {"imapPopMonitorId": [OTHER_TARGET]}),
        ({}, {"targets": [NOTHING_CHOSEN]}),
        ({"targets": []}, {"targets": [NOTHING_CHOSEN]}),
        ({"imapPopMonitorId": None}, {"targets": [NOTHING_CHOSEN]}),
    ):
        assert errors_of(admin.post(WINDOWS, ONCE | body)) == fault
    assert db.session.scalars(select(MaintenanceWindow)).all() == []


def test_unknown_targets_are_404(admin: Caller, make: Factory, monitor: Monitor) -> None:
    foreign = make.monitor()

    for reference in (987_654_321, str(uuid4()), foreign.id, str(foreign.public_id), 0):
        for body in (
            {"targets": [target(monitor.id), target(reference)]},
            {"imapPopMonitorId": reference},
        ):
            assert_failure(admin.post(WINDOWS, ONCE | body), 404, MONITOR_NOT_FOUND)
    for reference in (987_654_321, foreign.customer_id):
        assert_failure(admin.post(WINDOWS, {**ONCE, "customerId": reference}), 404, "Customer not found")


# --- changing


@pytest.mark.parametrize("kind", ["one", "several", "customer"])
@pytest.mark.parametrize("body", [ONCE, WEEKLY], ids=["once", "weekly"])
def test_what_was_read_can_be_sent_back_unchanged(
    admin: Caller, make: Factory, customer: Customer, kind: str, body: dict[str, Any]
) -> None:
    monitors = [target(make.monitor(customer).id) for _ in range(2)]
    chosen = {
        "one": {"targets": monitors[:1]},
        "several": {"targets": monitors},
        "customer": {"customerId": customer.id},
    }[kind]
    before = admin.post(WINDOWS, body | chosen).get_json()

    assert admin.patch(window_path(before), before).get_json() == before
    assert admin.patch(window_path(before), {}).get_json() == before


def test_a_patch_changes_what_it_names_and_no_more(admin: Caller, monitor: Monitor) -> None:
    before = admin.post(WINDOWS, {**WEEKLY, "imapPopMonitorId": monitor.id}).get_json()

    after = admin.patch(window_path(before), {"name": "Other"}).get_json()

    assert after["updatedAt"] > before["updatedAt"]
    assert {**after, "name": before["name"], "updatedAt": before["updatedAt"]} == before
    assert admin.get(window_path(before)).get_json() == after


def test_targets_replace_the_whole_selection(admin: Caller, make: Factory, customer: Customer) -> None:
    ids = [make.monitor(customer).id for _ in range(3)]
    path = window_path(admin.post(WINDOWS, {**ONCE, "targets": [target(it) for it in ids[:2]]}).get_json())

    def chosen(body: dict[str, Any]) -> list[int]:
        return [it["id"] for it in admin.patch(path, body).get_json()["targets"]]

    assert chosen({"targets": [target(it) for it in ids[1:]]}) == ids[1:]
    assert chosen({"imapPopMonitorId": ids[0]}) == ids[:1]
    assert chosen({"customerId": customer.id, "targets": []}) == []
    assert chosen({"targets": [target(ids[2])]}) == ids[2:]
    assert chosen({"customerId": customer.id, "targets": [], "imapPopMonitorId": None}) == []


def test_a_selection_moves_to_another_customer(
    admin: Caller, make: Factory, house: Organization, monitor: Monitor
) -> None:
    other = make.monitor(make.customer(house))
    path = window_path(admin.post(WINDOWS, {**ONCE, "targets": [target(monitor.id)]}).get_json())

    answer = admin.patch(path, {"targets": [target(other.id)]}).get_json()
    assert (answer["customerId"], answer["imapPopMonitorId"]) == (other.customer_id, other.id)
    assert errors_of(admin.patch(path, {"customerId": monitor.customer_id})) == {
        "customerId": [OTHER_CUSTOMER]
    }
    for customer_id in (monitor.customer_id, other.customer_id):
        # Of all monitors, to all of the other.
        body = {"customerId": customer_id, **({"targets": []} if customer_id == monitor.customer_id else {})}
        answer = admin.patch(path, body).get_json()
        assert (answer["customerId"], answer["targets"]) == (customer_id, [])


def test_the_customer_alone_does_not_make_it_cover_the_customer(
    admin: Caller, make: Factory, customer: Customer, monitor: Monitor
) -> None:
    both = [target(monitor.id), target(make.monitor(customer).id)]
    for targets in (both[:1], both):
        before = admin.post(WINDOWS, {**ONCE, "targets": targets}).get_json()
        path = window_path(before)
        for reference in (customer.id, str(customer.public_id)):
            after = admin.patch(path, {"name": f"Of {reference}", "customerId": reference}).get_json()
            assert (after["name"], after["targets"]) == (f"Of {reference}", targets)
        cleared = {"customerId": customer.id, "imapPopMonitorId": None}
        if len(targets) == 1:
            assert errors_of(admin.patch(path, cleared)) == {"targets": [NO_TARGETS]}
        else:
            assert admin.patch(path, cleared).get_json()["targets"] == targets


def test_no_targets_and_one_monitor_contradict_each_other(
    admin: Caller, customer: Customer, monitor: Monitor
) -> None:
    before = admin.post(WINDOWS, {**ONCE, "targets": [target(monitor.id)]}).get_json()
    fault = {"imapPopMonitorId": [NOT_BESIDE_NO_TARGETS]}

    assert errors_of(admin.patch(window_path(before), {**before, "targets": []})) == fault
    for reference in (monitor.id, 987_654_321):
        body = {**ONCE, "customerId": customer.id, "targets": [], "imapPopMonitorId": reference}
        assert errors_of(admin.post(WINDOWS, body)) == fault
    assert admin.get(window_path(before)).get_json() == before


def test_taking_all_monitors_away_does_not_make_it_cover_the_customer(
    admin: Caller, make: Factory, customer: Customer, monitor: Monitor
) -> None:
    single = window_path(admin.post(WINDOWS, {**ONCE, "targets": [target(monitor.id)]}).get_json())
    both = [target(monitor.id), target(make.monitor(customer).id)]
    several = window_path(admin.post(WINDOWS, {**ONCE, "targets": both}).get_json())
    whole = window_path(admin.post(WINDOWS, {**ONCE, "customerId": customer.id}).get_json())

    for path, body in (
        (single, {"targets": []}),
        (single, {"imapPopMonitorId": None}),
        (several, {"targets": []}),
    ):
        assert errors_of(admin.patch(path, body)) == {"targets": [NO_TARGETS]}
    # What reads so may be sent back.
    for path, body in ((several, {"imapPopMonitorId": None}), (whole, {"targets": []})):
        assert admin.patch(path, body).get_json() == admin.get(path).get_json()


def test_a_window_stops_recurring(admin: Caller, customer: Customer) -> None:
    path = window_path(admin.post(WINDOWS, {**WEEKLY, "customerId": customer.id}).get_json())

    assert errors_of(admin.patch(path, {"recurrencePattern": None})) == {"recurrencePattern": [NO_PATTERN]}
    answer = admin.patch(path, {"isRecurring": False}).get_json()
    assert (answer["isRecurring"], answer["recurrencePattern"]) == (False, None)
    assert errors_of(admin.patch(path, {"isRecurring": True})) == {"recurrencePattern": [NO_PATTERN]}
    answer = admin.patch(path, {"isRecurring": True, "recurrencePattern": PATTERN}).get_json()
    assert (answer["isRecurring"], answer["recurrencePattern"]) == (True, PATTERN)


def test_a_patch_is_judged_by_what_comes_of_it(admin: Caller, customer: Customer) -> None:
    path = window_path(admin.post(WINDOWS, {**ONCE, "customerId": customer.id}).get_json())
    before = admin.get(path).get_json()

    assert errors_of(admin.patch(path, {"endTime": ONCE["startTime"]})) == {
        "endTime": ["must be after startTime"]
    }
    assert admin.get(path).get_json() == before


# --- bad input


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({"endTime": "2030-07-07T02:00:00.000Z"}, {"endTime": ["must be after startTime"]}),
        ({"endTime": "2031-07-08T02:00:00.001Z"}, {"endTime": [TOO_LONG]}),
        ({"recurrencePattern": PATTERN}, {"recurrencePattern": [NOT_RECURRING]}),
        ({"isRecurring": True}, {"recurrencePattern": [NO_PATTERN]}),
        (
            {"isRecurring": True, "recurrencePattern": PATTERN, "endTime": "2030-07-08T03:00:00.000Z"},
            {"endTime": [OVERLAPPING]},
        ),
        (
            {"isRecurring": True, "recurrencePattern": {**PATTERN, "endRecurrenceDate": "2030-07-06"}},
            {"recurrencePattern": [NEVER]},
        ),
        (
            {
                "isRecurring": True,
                "startTime": "2030-02-01T02:00:00.000Z",
                "endTime": "2030-02-01T03:00:00.000Z",
                "recurrencePattern": {"frequency": "monthly", "interval": 12, "dayOfMonth": 30},
            },
            {"recurrencePattern": [NEVER]},
        ),
    ],
)
def test_what_cannot_be_planned_is_told(
    admin: Caller, customer: Customer, body: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    assert errors_of(admin.post(WINDOWS, {**ONCE, "customerId": customer.id} | body)) == errors


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"endTime": "2030-07-07T02:00:00.000Z"}, "endTime"),
        ({"isRecurring": True}, "recurrencePattern"),
        ({"recurrencePattern": PATTERN}, "recurrencePattern"),
        (
            {"isRecurring": True, "recurrencePattern": {**PATTERN, "endRecurrenceDate": "2030-07-06"}},
            "recurrencePattern",
        ),
    ],
)
@pytest.mark.parametrize("unknown", [{"customerId": 987_654_321}, {"targets": [target(987_654_321)]}])
def test_what_is_wrong_is_told_before_what_is_unknown(
    admin: Caller, body: dict[str, Any], field: str, unknown: dict[str, Any]
) -> None:
    assert errors_of(admin.post(WINDOWS, ONCE | unknown | body)).keys() == {field}
    assert admin.post(WINDOWS, ONCE | unknown).status_code == 404


def test_a_pattern_is_judged_in_the_time_zone_that_counts(
    admin: Caller, house: Organization, customer: Customer
) -> None:
    house.time_zone = "America/New_York"
    db.session.commit()
    # In New York it begins on the last day, in UTC on the one after.
    pattern = {"frequency": "daily", "endRecurrenceDate": "2030-07-06"}
    body = {**ONCE, "isRecurring": True, "recurrencePattern": pattern, "customerId": customer.id}

    assert errors_of(admin.post(WINDOWS, {**body, "timeZone": "UTC"})) == {"recurrencePattern": [NEVER]}
    del body["timeZone"]
    assert admin.post(WINDOWS, body).status_code == 201
    body["recurrencePattern"] = {**pattern, "endRecurrenceDate": "2030-07-05"}
    assert errors_of(admin.post(WINDOWS, body)) == {"recurrencePattern": [NEVER]}


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("name", ["x", "x" * 255], ["", " ", "x" * 256, "a\nb", "\x00", 5, None]),
        ("description", ["", None, "a\r\n\tb", "x" * 2000], ["x" * 2001, "a\x07b", "\ud800", 5, []]),
        (
            "startTime",
            ["2030-07-07T02:00Z", "2030-07-07T02:00:00+05:30", "2030-07-07T01:00:00.123456Z"],
            ["2030-07-07", "2030-07-07T02:00:00", "2030-07-07 02:00:00Z", "2030-02-30T00:00:00Z", "now", "",
             "2030-07-07T24:00:00Z", "1969-12-31T00:00:00Z", "2101-01-01T00:00:00Z",
             "1970-01-01T00:00:00+14:00", "2100-12-31T23:00:00-12:00", 5, None, [], "\ud800"],
        ),
        ("endTime", ["2030-07-07T03:00:00Z"], ["2030-07-07", "0001-01-01T00:00:00+14:00", 1, None]),
        ("timeZone", ["UTC", "America/St_Johns"], ["", "Mars/Olympus", "localtime", None, 5, "+02:00"]),
        ("isRecurring", [False], ["true", 1, None]),
        ("isActive", [True, False], ["true", 0, None]),
        ("customerId", [], ["", "acme", 1.5, None, True, [], 2**63]),
        ("imapPopMonitorId", [None], ["", "a", 1.5, True, {}, 2**63]),
        (
            "targets",
            [],
            ["a", {}, None, [5], [None], [{}], [{"id": 1}], [{"type": "imap_pop"}], [target(None)],
             [{"type": "dns", "id": 1}], [target("x")], [{**target(1), "more": 1}],
             [target(1)] * (MAX_TARGETS + 1)],
        ),
        ("tagIds", [], [[1], []]),
        ("websiteId", [], [1, None]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_each_field_has_its_bounds(
    admin: Caller, customer: Customer, field: str, good: list[Any], bad: list[Any]
) -> None:
    path = window_path(admin.post(WINDOWS, {**ONCE, "customerId": customer.id}).get_json())

    for value in good:
        assert admin.patch(path, {field: value}).status_code == 200, value
    for value in bad:
        title = "Invalid Customer identifier" if field == "customerId" else "Invalid request body"
        body = assert_failure(admin.patch(path, {field: value}), 400, title)
        assert {key.split(".")[0] for key in body["errors"]} == {field}, value


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("frequency", ["weekly"], ["yearly", "hourly", "", None, 1]),
        ("interval", [1, 52, 366, 2.0], [0, 367, -1, "1", 1.5, True, None, 2**64]),
        ("daysOfWeek", [[0], [6, 0, 6], [], None], [[7], [-1], ["1"], [True], 1, {}, [None]]),
        ("dayOfMonth", [None], [0, 32, "1", True, 1.5, 15]),
        (
            "endRecurrenceDate",
            ["2030-12-31", "2030-12-31T00:00:00.000Z", "2030-12-31T00:00:00-03:30", None],
            [
                "2030-02-30",
                "2100-12-31T23:00:00-12:00",
                "2030-W01-1",
                "20301231",
                "2030-12-31T00:00:00",
                "1969-12-31",
                "never",
                5,
                [],
            ],
        ),
        ("count", [], [5]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_field_of_a_pattern_has_its_bounds(
    admin: Caller, customer: Customer, field: str, good: list[Any], bad: list[Any]
) -> None:
    path = window_path(admin.post(WINDOWS, {**WEEKLY, "customerId": customer.id}).get_json())

    for value in good:
        pattern = {**PATTERN, field: value}
        assert admin.patch(path, {"recurrencePattern": pattern}).status_code == 200, value
    for value in bad:
        response = admin.patch(path, {"recurrencePattern": {**PATTERN, field: value}})
        assert {key[: len("recurrencePattern." + field)] for key in errors_of(response)} == {
            f"recurrencePattern.{field}"
        }, value


def test_a_pattern_says_only_what_its_frequency_knows(admin: Caller, customer: Customer) -> None:
    daily = {"frequency": "daily", "daysOfWeek": [1], "dayOfMonth": 1}
    body = {**WEEKLY, "recurrencePattern": daily, "customerId": customer.id}

    assert errors_of(admin.post(WINDOWS, body)) == {
        "recurrencePattern.daysOfWeek": ["is of use with the frequency weekly alone"],
        "recurrencePattern.dayOfMonth": ["is of use with the frequency monthly alone"],
    }


def test_instants_are_answered_in_utc_with_milliseconds(admin: Caller, customer: Customer) -> None:
    body = {
        **WEEKLY,
        "customerId": customer.id,
        "startTime": "2030-07-07T07:30:00.123999+05:30",
        "endTime": "2030-07-07T05:00+02:00",
        "recurrencePattern": {**PATTERN, "endRecurrenceDate": "2031-01-01T00:00:00.5-03:30"},
    }

    answer = admin.post(WINDOWS, body).get_json()

    assert answer["startTime"] == "2030-07-07T02:00:00.123Z"
    assert answer["endTime"] == "2030-07-07T03:00:00.000Z"
    assert answer["recurrencePattern"]["endRecurrenceDate"] == "2031-01-01T03:30:00.500Z"
