"""Monitors over HTTP: listed, read, changed, removed (contract 3.1 and 3.2)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.clock import utcnow
from app.domain.enums import CheckStatus, MonitorStatus, Role
from app.extensions import db
from app.models import CheckResult, Customer, Monitor, MonitorSchedule, Organization, User
from tests.calling import MONITORS, Caller, assert_failure, monitor_path
from tests.factories import IMAP_CONFIG, Factory
from tests.parts.certificates import authority

FULL: dict[str, Any] = {
    "name": "Mailbox Access",
    "hostname": "mail.example.com",
    "port": 993,
    "status": "maintenance",
    "checkInterval": 0.5,
    "timeoutSeconds": 10,
    "notificationEmail": "alerts@example.com",
    "notificationPhoneNumber": "+4915112345678",
    "allowedCheckCountryCodes": ["DE"],
    "imapPopConfig": {**IMAP_CONFIG, "note": {"kept": [1, None, "x"]}},
}
METHODS = [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/trigger-check"), ("GET", "/check-history")]
CREDENTIALS = {"user": "u", "password": "p"}

every_method = pytest.mark.parametrize(("method", "suffix"), METHODS, ids=str)


@pytest.fixture
def restricted(
    make: Factory, house: Organization, login: Callable[[User], Caller], customer: Customer
) -> Caller:
    """An editor for that one customer alone."""
    return login(make.user(house, Role.EDITOR, customers=[customer]))


def ask(caller: Caller, method: str, path: str) -> Any:
    return caller.send(method, path, **({"json": {"name": "New"}} if method == "PATCH" else {}))


def names(caller: Caller, query: str = "") -> list[str]:
    answer = caller.get(f"{MONITORS}?{query}").get_json()
    found = [item["name"] for item in answer["items"]]
    assert answer["total"] == len(found)
    return found


def create(caller: Caller, customer: Customer, **changes: Any) -> dict[str, Any]:
    response = caller.post(MONITORS, {**FULL, "customerId": customer.id, **changes})
    assert response.status_code == 201, response.get_json()
    return response.get_json()


class TestPaths:
    """Which monitors a path reaches."""

    @every_method
    @pytest.mark.parametrize("identifier", ["500", "abc", "%00", "6666666666664666866666666666666"])
    def test_a_path_without_a_uuid_is_400(
        self, admin: Caller, method: str, suffix: str, identifier: str
    ) -> None:
        response = ask(admin, method, f"{MONITORS}/{identifier}{suffix}")

        assert_failure(response, 400, "IMAP/POP monitor public ID (UUID) required")

    @every_method
    def test_an_unknown_monitor_is_404(self, admin: Caller, method: str, suffix: str) -> None:
        assert_failure(ask(admin, method, f"{MONITORS}/{uuid4()}{suffix}"), 404, "IMAP/POP monitor not found")

    @every_method
    def test_one_of_another_organization_does_not_exist(
        self, admin: Caller, make: Factory, method: str, suffix: str
    ) -> None:
        foreign = make.monitor()

        assert_failure(ask(admin, method, monitor_path(foreign, suffix)), 404, "IMAP/POP monitor not found")

    @every_method
    def test_one_outside_the_own_customers_is_403(
        self, restricted: Caller, make: Factory, house: Organization, method: str, suffix: str
    ) -> None:
        other = make.monitor(make.customer(house))

        assert_failure(ask(restricted, method, monitor_path(other, suffix)), 403, "Forbidden")

    def test_the_uuid_may_be_in_capitals(self, admin: Caller, monitor: Monitor) -> None:
        assert admin.get(f"{MONITORS}/{str(monitor.public_id).upper()}").status_code == 200

    def test_global_roles_reach_every_organization(
        self, caller: Callable[[Role], Caller], make: Factory
    ) -> None:
        foreign = make.monitor()

        assert caller(Role.GLOBAL_SUPPORTER).get(monitor_path(foreign)).status_code == 200
        assert caller(Role.GLOBAL_ADMIN).patch(monitor_path(foreign), {"name": "New"}).status_code == 200


class TestReading:
    def test_a_monitor_shows_its_customer(self, admin: Caller, monitor: Monitor) -> None:
        answer = admin.get(monitor_path(monitor)).get_json()

        shown = {"id", "organizationId", "name", "email", "allowedCheckCountryCodes", "customFields",
                 "alertLocationThresholdCount", "createdAt", "updatedAt"}  # fmt: skip
        assert shown <= answer["customer"].keys()
        assert answer["customer"]["id"] == answer["customerId"] == monitor.customer_id
        assert answer["customerPublicId"] == str(monitor.customer.public_id)

    def test_items_of_the_list_name_their_customer(
        self, admin: Caller, monitor: Monitor, customer: Customer
    ) -> None:
        item = admin.get(MONITORS).get_json()["items"][0]

        assert item["customerName"] == customer.name
        assert item["imapPopConfig"] == IMAP_CONFIG

    def test_a_list_shows_and_counts_the_own_organization_alone(
        self, admin: Caller, make: Factory, monitor: Monitor
    ) -> None:
        make.monitor()

        assert names(admin) == [monitor.name]

    def test_a_list_shows_and_counts_the_own_customers_alone(
        self, restricted: Caller, make: Factory, house: Organization, monitor: Monitor
    ) -> None:
        other = make.monitor(make.customer(house), name="hidden")

        assert names(restricted) == [monitor.name]
        assert names(restricted, f"customerId={other.customer_id}") == []
        assert names(restricted, "search=hidden") == []

    def test_a_global_role_lists_another_organization(
        self, caller: Callable[[Role], Caller], make: Factory, monitor: Monitor
    ) -> None:
        foreign = make.monitor()
        supporter = caller(Role.GLOBAL_SUPPORTER)

        assert names(supporter) == [monitor.name]
        assert names(supporter, f"organizationId={foreign.organization_id}") == [foreign.name]

    def test_a_list_comes_in_pages(self, admin: Caller, make: Factory, customer: Customer) -> None:
        ids = [make.monitor(customer).id for _ in range(3)]
        pages = [admin.get(f"{MONITORS}?perPage=2&page={page}").get_json() for page in (1, 2)]

        assert [[item["id"] for item in page["items"]] for page in pages] == [ids[:2], ids[2:]]
        assert {page["total"] for page in pages} == {3}

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("ALPHA", ["alpha 100%"]),
            ("100%25", ["alpha 100%"]),
            ("%25", ["alpha 100%"]),
            ("_", ["be_ta"]),
            ("pop.", ["be_ta"]),
            ("Zebra", ["alpha 100%", "be_ta"]),
            ("\\", []),
        ],
    )
    def test_a_search_looks_at_three_names_literally(
        self, admin: Caller, make: Factory, house: Organization, search: str, found: list[str]
    ) -> None:
        zebra = make.customer(house, name="Zebra Ltd")
        make.monitor(zebra, name="alpha 100%", hostname="imap.example.com")
        make.monitor(zebra, name="be_ta", hostname="pop.example.com")
        make.monitor(make.customer(house, name="Lion"), name="gamma", hostname="other.example.com")

        assert names(admin, f"search={search}") == found

    def test_an_empty_search_finds_all(self, admin: Caller, monitor: Monitor) -> None:
        assert names(admin, "search=") == [monitor.name]

    def test_filters_choose_by_status_protocol_and_customer(
        self, admin: Caller, make: Factory, house: Organization
    ) -> None:
        one, two = make.customer(house), make.customer(house)
        make.monitor(one, name="a", status=MonitorStatus.DISABLED)
        make.monitor(one, {"protocol": "pop3"}, name="b")
        make.monitor(two, name="c", status=MonitorStatus.MAINTENANCE)

        assert names(admin, "status=disabled") == names(admin, "status=paused") == ["a"]
        assert names(admin, "status=maintenance") == ["c"]
        assert names(admin, "protocol=pop3") == ["b"]
        assert names(admin, f"customerId={one.id}") == ["a", "b"]
        assert names(admin, f"customerId={two.public_id}") == ["c"]
        assert names(admin, f"customerId={one.id}&protocol=imap&status=disabled&search=a") == ["a"]

    @pytest.mark.parametrize(
        "query",
        ["status=broken", "health=fine", "protocol=smtp", "sort=id", "sort=", "customerId=acme",
         "search=%00", "search=" + "x" * 256, "organizationId=0", "organizationId=x"],
    )  # fmt: skip
    def test_a_filter_that_is_none_is_400(self, admin: Caller, query: str) -> None:
        body = assert_failure(admin.get(f"{MONITORS}?{query}"), 400, "Invalid query parameters")

        assert list(body["errors"]) == [query.split("=", maxsplit=1)[0]]

    @pytest.mark.parametrize("key", ["name", "hostname", "status", "createdAt", "updatedAt", "lastCheckedAt"])
    def test_every_sort_goes_both_ways(
        self, admin: Caller, make: Factory, customer: Customer, key: str
    ) -> None:
        place = make.location()
        for at, status in enumerate(MonitorStatus):
            instant = utcnow() + timedelta(seconds=at)
            columns = {"created_at": instant, "updated_at": instant, "status": status}
            monitor = make.monitor(customer, name=f"m{at}", hostname=f"h{at}.example", **columns)
            make.result(monitor, place, checked_at=instant)

        up = [item[key] for item in admin.get(f"{MONITORS}?sort={key}").get_json()["items"]]
        down = [item[key] for item in admin.get(f"{MONITORS}?sort=-{key}").get_json()["items"]]

        assert len(set(up)) == 3
        assert up == sorted(up) == down[::-1]

    @pytest.mark.parametrize("sort", ["lastCheckedAt", "-lastCheckedAt"])
    def test_monitors_never_checked_come_last_either_way(
        self, admin: Caller, make: Factory, customer: Customer, sort: str
    ) -> None:
        place = make.location()
        make.monitor(customer, name="never")
        make.result(make.monitor(customer, name="checked"), place)

        assert names(admin, f"sort={sort}") == ["checked", "never"]


class TestChanging:
    def test_a_patch_changes_what_it_names_and_no_more(self, admin: Caller, customer: Customer) -> None:
        before = create(admin, customer)

        after = admin.patch(f"{MONITORS}/{before['publicId']}", {"name": "Other"}).get_json()

        assert after["updatedAt"] > before["updatedAt"]
        assert {**after, "name": before["name"], "updatedAt": before["updatedAt"]} == before

    @pytest.mark.parametrize("source", ["item", "document"])
    def test_what_was_read_can_be_sent_back_unchanged(
        self, admin: Caller, customer: Customer, source: str
    ) -> None:
        path = f"{MONITORS}/{create(admin, customer)['publicId']}"
        before = admin.get(path).get_json()
        sent = before if source == "document" else admin.get(MONITORS).get_json()["items"][0]

        assert admin.patch(path, sent).status_code == 200

        assert admin.get(path).get_json() == before

    def test_an_empty_patch_changes_nothing(self, admin: Caller, customer: Customer) -> None:
        before = create(admin, customer)

        assert admin.patch(f"{MONITORS}/{before['publicId']}", {}).get_json() == before

    @pytest.mark.parametrize(
        "key", ["port", "notificationEmail", "notificationPhoneNumber", "allowedCheckCountryCodes"]
    )
    def test_null_clears_what_may_be_null(self, admin: Caller, customer: Customer, key: str) -> None:
        path = f"{MONITORS}/{create(admin, customer)['publicId']}"

        assert admin.patch(path, {key: None}).get_json()[key] is None
        assert admin.get(path).get_json()[key] is None

    @pytest.mark.parametrize("key", ["imapPopConfig", "config"])
    def test_null_empties_the_config(self, admin: Caller, customer: Customer, key: str) -> None:
        path = f"{MONITORS}/{create(admin, customer)['publicId']}"

        assert admin.patch(path, {key: None}).get_json()["config"] == {}

    @pytest.mark.parametrize(
        "key", ["name", "hostname", "customerId", "status", "checkInterval", "timeoutSeconds"]
    )
    def test_null_is_refused_where_it_may_not_be(self, admin: Caller, monitor: Monitor, key: str) -> None:
        assert list(assert_failure(admin.patch(monitor_path(monitor), {key: None}), 400)["errors"]) == [key]

    def test_a_config_replaces_the_stored_one(self, admin: Caller, customer: Customer) -> None:
        path = f"{MONITORS}/{create(admin, customer)['publicId']}"
        wanted = {"protocol": "pop3", "more": {"a": 1}}

        answer = admin.patch(path, {"imapPopConfig": wanted}).get_json()

        assert answer["config"] == answer["imapPopConfig"] == wanted
        assert admin.get(f"{MONITORS}?protocol=pop3").get_json()["total"] == 1

    def test_a_config_tells_true_from_one(self, admin: Caller, customer: Customer) -> None:
        path = f"{MONITORS}/{create(admin, customer, imapPopConfig={'a': 1})['publicId']}"
        assert admin.patch(path, {"imapPopConfig": {"a": True}}).get_json()["config"]["a"] is True

    def test_a_config_without_defaults_gets_none(self, admin: Caller, customer: Customer) -> None:
        for config in ({}, {"user": None}, {"tls": False}, {"mailbox": None, "x": {"y": []}}):
            assert create(admin, customer, imapPopConfig=config)["config"] == config

    @pytest.mark.parametrize(
        ("sent", "stored"),
        [
            ({"config": {"a": 2}}, {"a": 2}),
            ({"config": {"a": 2}, "imapPopConfig": {"a": 1}}, {"a": 2}),
            ({"config": {"a": 1}, "imapPopConfig": {"a": 2}}, {"a": 2}),
            ({"config": {"a": 2}, "imapPopConfig": {"a": 2}}, {"a": 2}),
            ({"config": {"a": 1}, "imapPopConfig": {"a": 1}}, {"a": 1}),
            ({"config": None, "imapPopConfig": {"a": 1}}, {}),
        ],
    )
    def test_of_both_names_the_one_that_differs_wins(
        self, admin: Caller, customer: Customer, sent: Any, stored: Any
    ) -> None:
        path = f"{MONITORS}/{create(admin, customer, imapPopConfig={'a': 1})['publicId']}"

        assert admin.patch(path, sent).get_json()["config"] == stored

    def test_two_different_new_configs_are_400(self, admin: Caller, customer: Customer) -> None:
        path = f"{MONITORS}/{create(admin, customer, imapPopConfig={'a': 1})['publicId']}"
        both = {"config": {"a": 2}, "imapPopConfig": {"a": 3}}

        assert "config" in assert_failure(admin.patch(path, both), 400, "Invalid request body")["errors"]
        assert_failure(admin.post(MONITORS, {**FULL, "customerId": customer.id, **both}), 400)
        assert admin.get(path).get_json()["config"] == {"a": 1}

    def test_config_is_an_alias_on_create(self, admin: Caller, customer: Customer) -> None:
        body = {key: value for key, value in FULL.items() if key != "imapPopConfig"}
        for sent in ({"config": {"a": 1}}, {"config": {"a": 1}, "imapPopConfig": None}):
            answer = admin.post(MONITORS, {**body, **sent, "customerId": customer.id}).get_json()
            assert answer["imapPopConfig"] == {"a": 1}

    def test_a_monitor_moves_to_another_customer(
        self, admin: Caller, make: Factory, house: Organization, monitor: Monitor
    ) -> None:
        other = make.customer(house, allowed_check_country_codes=["FR"])
        make.location(country="DE")

        for reference in (other.id, str(other.public_id)):
            answer = admin.patch(monitor_path(monitor), {"customerId": reference}).get_json()
            assert (answer["customerId"], answer["customerPublicId"]) == (other.id, str(other.public_id))
        # The new customer's countries count from now on.
        assert admin.get(monitor_path(monitor)).get_json()["nextCheckAt"] is None

    def test_a_monitor_does_not_leave_its_organization(
        self, admin: Caller, caller: Callable[[Role], Caller], make: Factory, monitor: Monitor
    ) -> None:
        foreign = make.customer()

        for someone in (admin, caller(Role.GLOBAL_ADMIN)):
            response = someone.patch(monitor_path(monitor), {"customerId": foreign.id})
            assert_failure(response, 404, "Customer not found")

    def test_a_restricted_user_moves_monitors_among_the_own_customers_alone(
        self, restricted: Caller, make: Factory, house: Organization, monitor: Monitor
    ) -> None:
        response = restricted.patch(monitor_path(monitor), {"customerId": make.customer(house).id})

        assert_failure(response, 403)

    def test_a_restricted_user_creates_for_the_own_customers_alone(
        self, restricted: Caller, make: Factory, house: Organization, customer: Customer
    ) -> None:
        assert create(restricted, customer)
        other = make.customer(house)
        assert_failure(restricted.post(MONITORS, {**FULL, "customerId": other.id}), 403)

    def test_nobody_creates_for_a_customer_of_another_organization(
        self, admin: Caller, caller: Callable[[Role], Caller], make: Factory
    ) -> None:
        body = {**FULL, "customerId": make.customer().id}

        assert_failure(admin.post(MONITORS, body), 404, "Customer not found")
        assert_failure(admin.post(f"{MONITORS}/test", body), 404, "Customer not found")
        assert_failure(caller(Role.GLOBAL_ADMIN).post(MONITORS, body), 404, "Customer not found")

    def test_a_global_admin_creates_where_organization_id_says(
        self, caller: Callable[[Role], Caller], make: Factory
    ) -> None:
        foreign = make.customer()

        answer = create(caller(Role.GLOBAL_ADMIN), foreign, organizationId=foreign.organization_id)

        assert answer["organizationId"] == foreign.organization_id

    def test_readonly_sets_the_status_and_nothing_else(self, readonly: Caller, monitor: Monitor) -> None:
        assert readonly.patch(monitor_path(monitor), {"status": "paused"}).get_json()["status"] == "disabled"

        for key, value in {**FULL, "id": 1, "config": {}, "unknown": 1}.items():
            if key != "status":
                assert_failure(readonly.patch(monitor_path(monitor), {key: value}), 403)
                assert_failure(readonly.patch(monitor_path(monitor), {"status": "active", key: value}), 403)

    def test_read_only_keys_are_ignored(self, admin: Caller, customer: Customer) -> None:
        before = create(admin, customer)
        sent = {"id": 1, "publicId": "x", "organizationId": 5, "lastCheckedAt": 3, "createdAt": [],
                "health": {}, "updatedAt": None, "nextCheckAt": 1, "lastStatus": 1, "lastErrorMessage": 1,
                "customer": 1, "customerName": 1, "customerPublicId": 1}  # fmt: skip

        assert admin.patch(f"{MONITORS}/{before['publicId']}", sent).get_json() == before

    def test_a_new_monitor_is_due_at_once_and_a_changed_one_again(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        make.location()
        created = create(admin, customer, allowedCheckCountryCodes=None)
        path = f"{MONITORS}/{created['publicId']}"
        assert created["nextCheckAt"] == created["createdAt"]

        assert admin.patch(path, {"name": "Only a name"}).get_json()["nextCheckAt"] == created["nextCheckAt"]
        changed = admin.patch(path, {"hostname": "other.example.com"}).get_json()
        assert changed["nextCheckAt"] == changed["updatedAt"] > created["nextCheckAt"]

    def test_a_disabled_monitor_is_not_planned(self, admin: Caller, make: Factory, monitor: Monitor) -> None:
        make.location()
        assert admin.patch(monitor_path(monitor), {"status": "disabled"}).get_json()["nextCheckAt"] is None
        assert admin.patch(monitor_path(monitor), {"status": "active"}).get_json()["nextCheckAt"]

    def test_a_deleted_monitor_takes_its_history_along(
        self, admin: Caller, make: Factory, customer: Customer
    ) -> None:
        place = make.location()
        monitors = [make.monitor(customer) for _ in range(2)]
        for monitor in monitors:
            make.result(monitor, place)

        assert admin.delete(monitor_path(monitors[0])).get_json() == {"success": True}

        assert_failure(admin.get(monitor_path(monitors[0])), 404)
        for table in (Monitor, MonitorSchedule, CheckResult):
            assert db.session.scalar(select(func.count()).select_from(table)) == 1


class TestBounds:
    """Every rule of the table in contract 3.1."""

    @pytest.mark.parametrize(
        ("field", "good", "bad"),
        [
            ("name", ["x", "x" * 255, "  x  "], ["", "   ", "x" * 256, "a\x00", "a\tb", "\udfff", 5, []]),
            ("port", [1, 65535, None, 993.0], [0, 65536, -1, "993", 993.5, True, [], 2**64, 10**400]),
            ("checkInterval", [0.5, 1440, 0.75], [0.49, 1440.1, 0, -5, "5", True, None, 2**70, 10**400]),
            ("timeoutSeconds", [1, 60, 30.0], [0, 61, 1.5, "30", True, None, 10**30]),
            ("status", ["active", "maintenance"], ["ACTIVE", "", "up", 1, None, [], "active "]),
            ("notificationEmail", ["a@b.example", None], ["a", "a@b@c.example", "a b@c.example", "", 5]),
            ("notificationPhoneNumber", ["+4915112345678", None], ["015112345678", "+0", "", "+49 151", 49]),
            ("allowedCheckCountryCodes", [["de", "AT"], [], None], ["DE", ["DEU"], [1], [None], {"DE": 1}]),
            ("imapPopConfig", [{}, None, CREDENTIALS], [[], "x", 5, True]),
            ("config", [{}, None, CREDENTIALS], [[], "x", 5, True]),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )  # fmt: skip
    def test_each_field_has_its_bounds(
        self, admin: Caller, monitor: Monitor, field: str, good: list[Any], bad: list[Any]
    ) -> None:
        for value in good:
            assert admin.patch(monitor_path(monitor), {field: value}).status_code == 200, value
        for value in bad:
            body = assert_failure(admin.patch(monitor_path(monitor), {field: value}), 400)
            assert all(key.split(".")[0] == field for key in body["errors"])

    @pytest.mark.parametrize(
        ("field", "good", "bad"),
        [
            ("protocol", ["imap", "pop3"], ["IMAP", "smtp", "", 1, None]),
            ("tls", [True, False], ["true", 1, 0, None]),
            ("startTls", [True, False], ["true", 1, None]),
            ("mailbox", ["INBOX", "Ä/Ö", None], ["", "a\r\nb", "x" * 256, 5]),
            ("authMethod", ["password"], ["XOAUTH2", "", None, 5]),
            ("certificateWarningDays", [0, 3650, None], [-1, 3651, "14", 1.5, True]),
            ("responseTimeWarningMs", [1, 60000, None], [0, 60001, "5", True]),
            ("tlsOptions", [{}, None, {"rejectUnauthorized": False}, {"servername": "a.example"},
                            {"minVersion": "TLSv1.2"}, {"minVersion": "TLSv1.3"}, {"other": 1},
                            {"legacy": True}, {"legacy": False, "minVersion": "TLSv1.2"}],
             [[], 5, {"rejectUnauthorized": "no"}, {"rejectUnauthorized": None}, {"servername": "a b"},
              {"minVersion": "SSLv3"}, {"ca": "no certificate"}, {"ca": "\x00"}, {"ca": 5}, {"x": "\x07"},
              {"legacy": "yes"}, {"legacy": None}, {"legacy": True, "minVersion": "TLSv1.2"}]),
            ("oauth2", [None], [{}, [], 5, {"clientId": "x", "tokenUrl": "https://a.example"}]),
            ("maxMessageAgeMinutes", [1, 527040, None], [0, 527041, "5", 1.5, True]),
            ("unknown", [None, 1.5, "x", [], {"a": {"b": [None]}}], ["\x00", "a\nb", "\ud800", 2**64]),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )  # fmt: skip
    def test_each_key_of_the_config_has_its_bounds(
        self, admin: Caller, monitor: Monitor, field: str, good: list[Any], bad: list[Any]
    ) -> None:
        for value in good:
            response = admin.patch(monitor_path(monitor), {"imapPopConfig": {field: value}})
            assert response.status_code == 200, value
            assert response.get_json()["config"] == {field: value}
        for value in bad:
            body = assert_failure(admin.patch(monitor_path(monitor), {"imapPopConfig": {field: value}}), 400)
            assert all(key.startswith(f"imapPopConfig.{field}") for key in body["errors"]), value

    @pytest.mark.parametrize(
        ("config", "path"),
        [
            ({"tls": True, "startTls": True}, "startTls"),
            ({"user": "u"}, "password"),
            ({"user": "u", "password": None}, "password"),
            ({"user": "a\r\nb", "password": "p"}, "user"),
            ({"user": "u", "password": "a\x00b"}, "password"),
            ({"user": "", "password": "p"}, "user"),
        ],
    )
    def test_keys_that_do_not_fit_together_are_400(
        self, admin: Caller, monitor: Monitor, config: dict[str, Any], path: str
    ) -> None:
        body = assert_failure(admin.patch(monitor_path(monitor), {"config": config}), 400)

        assert list(body["errors"]) == [f"config.{path}"]

    def test_a_config_nested_without_end_is_400(self, admin: Caller, monitor: Monitor) -> None:
        deep: Any = 1
        for _ in range(20):
            deep = [deep]

        assert_failure(admin.patch(monitor_path(monitor), {"config": {"x": deep}}), 400)

    def test_a_certificate_may_have_lines(self, admin: Caller, monitor: Monitor) -> None:
        config = {"tls": True, "tlsOptions": {"ca": authority().pem}}

        assert admin.patch(monitor_path(monitor), {"config": config}).get_json()["config"] == config

    def test_a_certificate_beyond_48_kib_is_400(self, admin: Caller, monitor: Monitor) -> None:
        config = {"tlsOptions": {"ca": authority().pem + " " * 48 * 1024}}

        body = assert_failure(admin.patch(monitor_path(monitor), {"config": config}), 400)
        assert list(body["errors"]) == ["config.tlsOptions.ca"]

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("MAIL.Example.COM", "mail.example.com"),
            ("mail.example.com.", "mail.example.com"),
            ("Bücher.example", "xn--bcher-kva.example"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:DB8::0:1", "2001:db8::1"),
            ("localhost", "localhost"),
        ],
    )
    def test_a_hostname_is_normalised(self, admin: Caller, monitor: Monitor, sent: str, shown: str) -> None:
        assert admin.patch(monitor_path(monitor), {"hostname": sent}).get_json()["hostname"] == shown

    @pytest.mark.parametrize(
        "hostname",
        ["", " a.example", "a.example ", "a b", "imap://a.example", "a.example/", "a.example:993",
         "u@a.example", "-a.example", "a-.example", "a..example", "a_b.example", "a." * 127 + "bc",
         "x" * 64 + ".example", "1.2.3", "256.1.1.1", "[::1]",
         "fe80::1%eth0", "a\x00b", "*.example", "\ud800", "xn--a.example", 5, []],
    )  # fmt: skip
    def test_what_is_no_hostname_is_refused(self, admin: Caller, monitor: Monitor, hostname: Any) -> None:
        response = admin.patch(monitor_path(monitor), {"hostname": hostname})

        assert_failure(response, 400, "Invalid hostname")


def test_a_check_moves_what_is_known_and_not_updated_at(
    admin: Caller, make: Factory, monitor: Monitor
) -> None:
    before = admin.get(monitor_path(monitor)).get_json()
    make.result(monitor, make.location(), CheckStatus.ERROR, error_message="refused")

    after = admin.get(monitor_path(monitor)).get_json()

    assert after["updatedAt"] == before["updatedAt"]
    assert (after["lastStatus"], after["lastErrorMessage"], after["health"]) == ("error", "refused", "down")
