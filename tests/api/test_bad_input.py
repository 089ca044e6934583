"""Whatever is sent: 400 in the one body, nothing written, and never 500."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.api.customers.schemas import CustomerPatchSchema
from app.documents.monitors import MonitorPatchSchema
from app.extensions import db
from app.models import Customer, Monitor, Organization
from app.services.maintenance_periods import note_some
from tests.api.matrix_stage import dump
from tests.api.windows import ONCE
from tests.calling import (
    CUSTOMERS,
    INCIDENTS,
    MONITORS,
    WINDOWS,
    Caller,
    assert_failure,
    customer_path,
    monitor_path,
    window_path,
)
from tests.factories import Factory

BAD_TEXT = st.builds(
    lambda before, bad, after: before + bad + after,
    st.text("ab.@", max_size=3),
    st.sampled_from(["\x00", "\x07", "\x1b", "\x7f", "\x85", "\ud800", "\udfff", "\r\n"]),
    st.text("ab.@", max_size=3),
)
# Texts, with all that JSON can say and a database may choke on.
ODD = ["", " ", "%", "_", "'; --", "\\", "a" * 2000, "\uff10"]
TEXT = st.text(max_size=8) | BAD_TEXT | st.sampled_from(ODD)
NUMBER = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 1e308, 0.1])
)
SCALAR = st.none() | st.booleans() | NUMBER | TEXT
JSON_VALUE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
NOT_TEXT = st.booleans() | NUMBER | st.lists(SCALAR, max_size=2) | st.dictionaries(TEXT, SCALAR, max_size=2)
NOT_NUMBER = st.booleans() | TEXT | st.lists(SCALAR, max_size=2) | st.dictionaries(TEXT, SCALAR, max_size=2)
NOT_OBJECT = st.booleans() | NUMBER | TEXT | st.lists(SCALAR, max_size=2)
NOT_LIST = st.booleans() | NUMBER | TEXT | st.dictionaries(TEXT, SCALAR, min_size=1, max_size=2)


def outside(low: float, high: float) -> st.SearchStrategy[Any]:
    return st.integers(max_value=int(low) - 1) | st.integers(min_value=int(high) + 1)


def fraction(value: float) -> bool:
    return not value.is_integer()


def whole(low: int, high: int) -> st.SearchStrategy[Any]:
    """What is no integer of that range; `1.0` would be one."""
    return NOT_NUMBER | outside(low, high) | st.floats(low, high).filter(fraction)


def text(low: int, high: int, *, trim: bool = True) -> st.SearchStrategy[Any]:
    """What is no text of that length."""
    short = st.sampled_from(["", *([" ", "  "] if trim else [])]) if low else st.nothing()
    return NOT_TEXT | BAD_TEXT | short | st.integers(high + 1, high + 50).map("x".__mul__)


CODES = NOT_LIST | st.lists(
    NOT_TEXT | st.none() | st.text(max_size=4).filter(lambda code: not (len(code) == 2 and code.isascii())),
    min_size=1,
    max_size=3,
)
EMAIL = text(1, 320, trim=False) | st.sampled_from(
    ["a", "a@", "@b.example", "a@b@c.example", "a b@c.example"]
)
PHONE = text(1, 16) | st.sampled_from(["0151", "+0", "+49 151 123", "+4915112345678\n", "+" + "1" * 16])
UNSTORABLE = BAD_TEXT | st.sampled_from([2**63, -(2**63) - 1, 10**400])
HOLDER = st.recursive(UNSTORABLE, lambda inner: st.lists(inner, min_size=1, max_size=2), max_leaves=2)

CONFIG_KEYS = {
    "protocol": text(1, 32).filter(lambda value: value not in ("imap", "pop3")) | st.none(),
    "user": text(1, 1024, trim=False),
    "password": text(1, 1024, trim=False),
    "tls": NOT_NUMBER.filter(lambda value: not isinstance(value, bool)) | NUMBER | st.none(),
    "startTls": NOT_NUMBER.filter(lambda value: not isinstance(value, bool)) | NUMBER | st.none(),
    "tlsOptions": NOT_OBJECT | st.fixed_dictionaries({"rejectUnauthorized": NUMBER | TEXT | st.none()}),
    "mailbox": text(1, 255, trim=False),
    "certificateWarningDays": whole(0, 3650),
    "responseTimeWarningMs": whole(1, 60_000),
    "authMethod": text(1, 32) | st.none(),
    "oauth2": JSON_VALUE.filter(lambda value: value is not None),
    "maxMessageAgeMinutes": whole(1, 366 * 24 * 60),
    "more": HOLDER,
}
CONFIG = NOT_OBJECT | st.one_of(
    *(st.fixed_dictionaries({name: values}) for name, values in CONFIG_KEYS.items()),
    st.dictionaries(BAD_TEXT, SCALAR, min_size=1, max_size=1),
)
MONITOR_FIELDS = {
    "name": text(1, 255) | st.none(),
    "hostname": text(1, 253, trim=False) | st.sampled_from(["http://a.b", "a.b/x", "a:1", "1.2.3", None]),
    "customerId": NOT_TEXT.filter(
        lambda value: (
            isinstance(value, bool | list | dict) or (isinstance(value, float) and not value.is_integer())
        )
    )
    | BAD_TEXT
    | st.sampled_from(["", "acme", "1.5", 2**63, -(2**63) - 1, None]),
    "port": whole(1, 65535),
    "status": text(1, 32).filter(lambda value: value != "active") | st.none(),
    "checkInterval": NOT_NUMBER | outside(0, 1440) | st.none(),
    "timeoutSeconds": whole(1, 60) | st.none(),
    "notificationEmail": EMAIL,
    "notificationPhoneNumber": PHONE,
    "allowedCheckCountryCodes": CODES,
    "imapPopConfig": CONFIG,
    "config": CONFIG,
}
CUSTOMER_FIELDS = {
    "name": text(1, 255) | st.none(),
    "email": EMAIL,
    "notificationEmail": EMAIL,
    "notificationPhoneNumber": PHONE,
    "status": text(1, 32) | st.none(),
    "customFields": NOT_OBJECT
    | st.fixed_dictionaries({"a": HOLDER})
    | st.dictionaries(BAD_TEXT, SCALAR, min_size=1),
    "allowedCheckCountryCodes": CODES,
    "alertConsecutiveChecks": whole(1, 100),
    "recoveryConsecutiveChecks": whole(1, 100),
    "alertLocationThresholdCount": whole(1, 100),
    "alertReminderMinutes": whole(1, 10_080),
}
READ_ONLY = {"id", "publicId", "organizationId", "createdAt", "updatedAt", "customer", "customerName",
             "health", "customerPublicId", "lastCheckedAt", "nextCheckAt", "lastStatus",
             "lastErrorMessage"}  # fmt: skip

# Shares of what the profile allows, because each example is several requests.
some = settings(max_examples=settings().max_examples * 8 // 100)
many = settings(max_examples=settings().max_examples * 30 // 100)


@pytest.fixture
def monitor(make: Factory, house: Organization) -> Monitor:
    make.location()
    return make.monitor(make.customer(house))


@pytest.fixture
def customer(monitor: Monitor) -> Customer:
    return monitor.customer


@pytest.fixture
def good_monitor(customer: Customer) -> dict[str, Any]:
    return {"customerId": customer.id, "name": "New", "hostname": "mail.example.com"}


def send(caller: Caller, method: str, path: str, value: Any) -> Any:
    """JSON as Python writes it, lone surrogates escaped: Flask's client would refuse to."""
    return caller.send(method, path, data=json.dumps(value), content_type="application/json")


def refused(caller: Caller, attempts: list[tuple[str, str, Any]], field: str) -> None:
    """Each attempt is a 400 that names the field, and no row of any table has changed."""
    before = dump()
    for method, path, value in attempts:
        body = assert_failure(send(caller, method, path, value), 400)
        assert any(key.split(".")[0] in {field, ""} for key in body["errors"]), body
    assert dump() == before


@pytest.mark.parametrize("field", MONITOR_FIELDS)
@some
@given(data=st.data())
def test_a_bad_field_of_a_monitor_is_400(
    admin: Caller, monitor: Monitor, good_monitor: dict[str, Any], field: str, data: st.DataObject
) -> None:
    bad = {field: data.draw(MONITOR_FIELDS[field])}
    body = {**good_monitor, **bad}

    attempts = [
        ("POST", MONITORS, body),
        ("POST", f"{MONITORS}/test", body),
        ("PATCH", monitor_path(monitor), bad),
    ]
    refused(admin, attempts, field)


@pytest.mark.parametrize("field", CUSTOMER_FIELDS)
@some
@given(data=st.data())
def test_a_bad_field_of_a_customer_is_400(
    admin: Caller, customer: Customer, field: str, data: st.DataObject
) -> None:
    bad = {field: data.draw(CUSTOMER_FIELDS[field])}

    refused(
        admin, [("POST", CUSTOMERS, {"name": "New", **bad}), ("PATCH", customer_path(customer), bad)], field
    )


@many
@given(
    name=TEXT.filter(lambda name: name not in {*MONITOR_FIELDS, *READ_ONLY, *CUSTOMER_FIELDS}),
    value=JSON_VALUE,
)
def test_an_unknown_field_is_400_and_named(
    admin: Caller, monitor: Monitor, good_monitor: dict[str, Any], name: str, value: Any
) -> None:
    before = dump()
    for method, path, good in (
        ("POST", MONITORS, good_monitor),
        ("PATCH", monitor_path(monitor), {}),
        ("POST", CUSTOMERS, {"name": "New"}),
        ("PATCH", customer_path(monitor.customer), {}),
    ):
        errors = assert_failure(send(admin, method, path, {**good, name: value}), 400)["errors"]
        assert list(errors) == [name]
    assert dump() == before


@many
@given(value=JSON_VALUE)
@example(value={"name": 10**400})
@example(value={"a": {"b": [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}})
def test_arbitrary_json_is_never_500(admin: Caller, monitor: Monitor, value: Any) -> None:
    before = dump()
    for method, path in (
        ("POST", MONITORS),
        ("POST", f"{MONITORS}/test"),
        ("POST", CUSTOMERS),
        ("POST", "/api/auth/login"),
    ):
        assert_failure(send(admin, method, path, value), 400)
    for path in (monitor_path(monitor), customer_path(monitor.customer)):
        assert send(admin, "PATCH", path, value).status_code == (200 if value == {} else 400)
    assert dump() == before


@many
@given(
    values=st.fixed_dictionaries(
        {}, optional=dict.fromkeys([*MONITOR_FIELDS, "organizationId", "id", "customer"], JSON_VALUE)
    )
)
def test_bodies_with_the_right_names_are_never_500(
    admin: Caller, monitor: Monitor, good_monitor: dict[str, Any], values: dict[str, Any]
) -> None:
    for method, path, body in (
        ("POST", MONITORS, {**good_monitor, **values}),
        ("PATCH", monitor_path(monitor), values),
    ):
        response = send(admin, method, path, body)
        if response.status_code not in {200, 201}:
            assert response.status_code in {400, 403, 404}
            assert_failure(response, response.status_code)


MOMENTS = st.sampled_from(
    ["1970-01-01T00:00:00+14:00", "2000-02-29T02:30:00Z", "2026-10-25T01:30:00.500Z",
     "2030-03-31T02:30+01:00", "2100-12-30T00:00:00Z", "2100-12-31T23:59:59.999-12:00"]
)  # fmt: skip
PATTERNS = st.fixed_dictionaries(
    {"frequency": st.sampled_from(["daily", "weekly", "monthly"])},
    optional={
        "interval": st.integers(1, 366),
        "daysOfWeek": st.lists(st.integers(0, 6), max_size=7),
        "dayOfMonth": st.integers(1, 31),
        "endRecurrenceDate": MOMENTS | st.sampled_from(["1970-01-01", "2030-12-31", "2100-12-31"]),
    },
)


@many
@given(
    values=st.fixed_dictionaries(
        {"startTime": MOMENTS, "endTime": MOMENTS, "timeZone": st.sampled_from(["Pacific/Apia", "UTC"])},
        optional={"isRecurring": st.booleans(), "recurrencePattern": st.none() | PATTERNS},
    )
    | st.dictionaries(st.sampled_from(sorted(ONCE)), JSON_VALUE)
)
def test_whatever_maintenance_is_planned_is_taken_or_refused(
    admin: Caller, customer: Customer, values: dict[str, Any]
) -> None:
    response = send(admin, "POST", WINDOWS, {**ONCE, "customerId": customer.id, **values})

    if response.status_code != 201:
        assert assert_failure(response, 400)["errors"]
        return
    answer = response.get_json()
    path = window_path(answer)
    assert admin.patch(path, answer).get_json() == answer
    # Also when the last of them is years ago.
    note_some(datetime(2105, 1, 1, tzinfo=UTC))
    db.session.commit()
    assert admin.delete(path).status_code == 200


PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20)
ANYTHING_STORABLE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-1e9, 1e9) | PRINTABLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PRINTABLE, inner, max_size=3),
    max_leaves=8,
)
UNUSED_KEYS = PRINTABLE.filter(lambda name: name not in CONFIG_KEYS)


@many
@given(
    name=PRINTABLE.filter(str.strip),
    port=st.none() | st.integers(1, 65535),
    interval=st.floats(0.5, 1440) | st.integers(1, 1440),
    timeout=st.integers(1, 60),
    config=st.fixed_dictionaries(
        {"user": PRINTABLE, "password": PRINTABLE.filter(lambda word: word != "********")},
        optional={"tls": st.booleans(), "protocol": st.sampled_from(["imap", "pop3"]), "mailbox": PRINTABLE},
    ),
    more=st.dictionaries(
        UNUSED_KEYS, ANYTHING_STORABLE.filter(lambda value: value != "********"), max_size=3
    ),
)
def test_what_is_valid_is_taken_and_comes_back_as_it_was_sent(
    admin: Caller, good_monitor: dict[str, Any], **sent: Any
) -> None:
    config = {**sent["more"], **sent["config"]}
    body = {"name": sent["name"], "port": sent["port"], "checkInterval": sent["interval"],
            "timeoutSeconds": sent["timeout"], "imapPopConfig": config}  # fmt: skip

    response = send(admin, "POST", MONITORS, {**good_monitor, **body})

    assert response.status_code == 201, response.get_json()
    answer = response.get_json()
    assert {key: answer[key] for key in body} == {**body, "name": sent["name"].strip()}
    assert json.dumps(answer["config"]) == json.dumps(config)
    read = admin.get(response.headers["Location"]).get_json()
    assert admin.patch(response.headers["Location"], read).get_json()["updatedAt"] == answer["updatedAt"]


@many
@given(fields=st.dictionaries(UNUSED_KEYS, ANYTHING_STORABLE, max_size=3), name=PRINTABLE.filter(str.strip))
def test_custom_fields_come_back_as_they_were_sent(admin: Caller, fields: dict[str, Any], name: str) -> None:
    answer = send(admin, "POST", CUSTOMERS, {"name": name, "customFields": fields})

    assert answer.status_code == 201, answer.get_json()
    path = answer.headers["Location"]
    assert admin.get(path).get_json()["customFields"] == fields
    assert admin.patch(path, answer.get_json()).get_json() == answer.get_json()


@many
@given(email=TEXT | st.emails(), password=TEXT)
def test_any_login_is_400_or_401(nobody: Caller, email: str, password: str) -> None:
    response = send(nobody, "POST", "/api/auth/login", {"email": email, "password": password})

    assert response.status_code in {400, 401}
    assert_failure(response, response.status_code)


QUERY = st.dictionaries(
    st.sampled_from(
        [
            "page",
            "perPage",
            "organizationId",
            "customerId",
            "search",
            "status",
            "health",
            "sort",
            "limit",
            "before",
            "monitorId",
            "type",
        ]
    ),
    st.text(max_size=6) | st.from_regex(r"-?[0-9]{1,25}", fullmatch=True),
    max_size=3,
)


@many
@given(query=QUERY)
def test_any_query_is_never_500(admin: Caller, monitor: Monitor, query: dict[str, str]) -> None:
    sent = {key: value.encode(errors="surrogatepass") for key, value in query.items()}
    for path in (MONITORS, CUSTOMERS, INCIDENTS, monitor_path(monitor, "/check-history")):
        response = admin.get(path, query_string=sent)
        if response.status_code != 200:
            assert response.status_code in {400, 403}
            assert_failure(response, response.status_code)


@many
@given(identifier=st.text(min_size=1, max_size=40) | st.from_regex(r"[0-9]{1,25}") | st.uuids().map(str))
@example(identifier="9" * 4400)
def test_any_path_is_never_500(admin: Caller, monitor: Monitor, identifier: str) -> None:
    segment = quote(identifier, safe="", errors="replace")
    for base, method in (
        (CUSTOMERS, "GET"),
        (CUSTOMERS, "DELETE"),
        (MONITORS, "GET"),
        (MONITORS, "DELETE"),
        (INCIDENTS, "GET"),
    ):
        response = admin.send(method, f"{base}/{segment}")
        # A number may be the customer's that is there.
        assert response.status_code in {200, 308, 400, 404, 405, 409}
        if response.status_code >= 400:
            assert_failure(response, response.status_code)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" * 4_000, "1" * 5_000])
def test_numbers_beyond_every_float_are_400(admin: Caller, monitor: Monitor, number: str) -> None:
    for field in ("port", "checkInterval", "timeoutSeconds", "customerId", "name", "config"):
        for body in (f'{{"{field}": {number}}}', f'{{"config": {{"{field}": {number}}}}}'):
            options = {"data": body, "content_type": "application/json"}
            assert_failure(admin.patch(monitor_path(monitor), **options), 400)


@many
@given(data=st.binary(max_size=60))
def test_any_bytes_are_never_500(admin: Caller, data: bytes) -> None:
    for path in (MONITORS, CUSTOMERS, "/api/auth/login"):
        assert_failure(admin.post(path, data=data, content_type="application/json"), 400)


def test_the_hints_of_this_file_cover_every_field() -> None:
    assert {field.data_key for field in MonitorPatchSchema().fields.values()} == set(MONITOR_FIELDS)
    assert {field.data_key for field in CustomerPatchSchema().fields.values()} == set(CUSTOMER_FIELDS)
