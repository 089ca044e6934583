"""One error body for every failure, whoever raises it, and the order in which faults are looked for."""

import json
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from app.domain.enums import Role
from app.models import Organization
from app.services import monitors
from tests.calling import CUSTOMERS, MONITORS, Caller, assert_failure, customer_path, monitor_path
from tests.factories import Factory

JSON = {"content_type": "application/json"}
BIG = b'{"name": "' + b"x" * 70_000 + b'"}'


@pytest.mark.parametrize("path", ["/nowhere", "/api/nowhere", "/api", f"{CUSTOMERS}/", f"{MONITORS}/a/b/c"])
def test_an_unknown_path_is_404(nobody: Caller, path: str) -> None:
    assert_failure(nobody.get(path), 404, "Not Found")


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", MONITORS), ("DELETE", CUSTOMERS), ("GET", "/api/auth/login"), ("POST", "/healthz")],
)
def test_a_method_that_a_path_has_not_is_405_and_tells_those_it_has(
    nobody: Caller, method: str, path: str
) -> None:
    response = nobody.send(method, path)

    assert_failure(response, 405, "Method Not Allowed")
    assert response.headers["Allow"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "text/json", ""])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_another_media_type_is_415(
    admin: Caller, make: Factory, house: Organization, method: str, media_type: str
) -> None:
    path = CUSTOMERS if method == "POST" else customer_path(make.customer(house))

    response = admin.send(method, path, data=b'{"name": "New"}', content_type=media_type)

    assert_failure(response, 415, "Unsupported Media Type")


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "application/vnd.api+json"]
)
def test_every_json_media_type_is_read(admin: Caller, media_type: str) -> None:
    assert admin.post(CUSTOMERS, data=b'{"name": "New"}', content_type=media_type).status_code == 201


def test_a_body_over_64_kib_is_413(admin: Caller) -> None:
    assert_failure(admin.post(CUSTOMERS, data=BIG, **JSON), 413, "Request Entity Too Large")


def test_a_body_of_just_64_kib_is_read(admin: Caller) -> None:
    body = json.dumps({"name": "New", "customFields": {"a": ""}})
    body = body.replace('""', json.dumps("x" * (64 * 1024 - len(body))))

    assert admin.post(CUSTOMERS, data=body, **JSON).status_code == 201


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"",
        b"nothing",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b'{"name": -Infinity}',
        b'{"name": "a" "b"}',
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b'{"port": ' + b"9" * 5_000 + b"}",
        b'{"name": "\xff\xfe"}',
        b'{"name": "\x00"}',
        b"'name'",
        '{"name": "New"}'.encode("utf-16"),
        b"null",
        b"[]",
        b'"name"',
        b"5",
        b"true",
    ],
    ids=lambda data: repr(data[:20]),
)
@pytest.mark.parametrize("path", [MONITORS, CUSTOMERS, f"{MONITORS}/test", "/api/auth/login"])
def test_a_body_that_is_no_json_object_is_400(admin: Caller, path: str, data: bytes) -> None:
    body = assert_failure(admin.post(path, data=data, **JSON), 400)

    assert body["statusMessage"] in {"Invalid request body", "Invalid hostname"}


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{", b"5"])
def test_a_patch_without_an_object_is_400(
    admin: Caller, make: Factory, house: Organization, data: bytes
) -> None:
    monitor = make.monitor(make.customer(house))

    for path in (monitor_path(monitor), customer_path(monitor.customer)):
        assert_failure(admin.patch(path, data=data, **JSON), 400, "Invalid request body")


def test_a_patch_without_any_body_is_no_silent_success(
    admin: Caller, make: Factory, house: Organization
) -> None:
    assert_failure(admin.patch(customer_path(make.customer(house))), 400, "Invalid request body")


def test_a_crash_is_500_and_tells_no_more_than_the_request_id(
    admin: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("the inner workings")

    monkeypatch.setattr(monitors, "list_page", crash)

    response = admin.get(MONITORS, headers={"X-Request-Id": "look-here"})

    body = assert_failure(response, 500, "Internal Server Error")
    assert "look-here" in body["message"]
    assert "inner workings" not in response.get_data(as_text=True)
    assert "Traceback" not in response.get_data(as_text=True)
    crashes = [record for record in caplog.records if "request_crashed" in record.message]
    assert [record.levelno for record in crashes] == [logging.ERROR]
    assert crashes[0].exc_info


def test_a_crash_while_writing_leaves_nothing_written(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("app.api.customers.routes.db.session.commit", crash)
    assert_failure(admin.post(CUSTOMERS, {"name": "New"}), 500)
    monkeypatch.undo()

    assert admin.get(CUSTOMERS).get_json()["total"] == 0


@pytest.mark.parametrize("given", ["abc-123", "A.b_c", "x" * 64])
def test_a_harmless_request_id_is_taken_over(nobody: Caller, given: str) -> None:
    for path in ("/healthz", "/nowhere", MONITORS):
        assert nobody.get(path, headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "<script>", "ä"])
def test_a_request_id_that_could_do_harm_is_replaced(nobody: Caller, given: str) -> None:
    shown = nobody.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"]

    assert shown != given
    assert len(shown) == 32


def test_every_request_gets_an_id_of_its_own(nobody: Caller) -> None:
    assert len({nobody.get("/healthz").headers["X-Request-Id"] for _ in range(3)}) == 3


def test_who_asks_is_looked_at_before_all_else(nobody: Caller) -> None:
    for options in ({"data": b"{", **JSON}, {"data": BIG, **JSON}, {"data": b"x"}):
        assert_failure(nobody.post(MONITORS, **options), 401)
        assert_failure(nobody.patch(f"{MONITORS}/{uuid4()}", **options), 401)


@pytest.mark.parametrize("options", [{"data": b"{", **JSON}, {"data": BIG, **JSON}, {"data": b"x"}])
def test_the_role_is_looked_at_before_the_body(readonly: Caller, options: dict[str, Any]) -> None:
    assert_failure(readonly.post(MONITORS, **options), 403)
    assert_failure(readonly.patch(f"{CUSTOMERS}/{uuid4()}", **options), 403)


@pytest.mark.parametrize(
    "options",
    [
        {"data": b'{"name": 5}', **JSON},
        {"data": b'{"status": "disabled", "id": 1}', **JSON},
        {"data": b'{"nonsense": 1}', "content_type": "text/plain"},
    ],
)
def test_the_keys_that_readonly_sends_are_looked_at_before_the_body(
    readonly: Caller, options: dict[str, Any]
) -> None:
    assert_failure(readonly.patch(f"{MONITORS}/{uuid4()}", **options), 403)


@pytest.mark.parametrize(
    ("data", "status"), [(b"{", 400), (b'{"status": 5}', 400), (b'{"status": "active"}', 404)]
)
def test_a_body_that_readonly_may_send_is_judged_like_anybodys(
    readonly: Caller, data: bytes, status: int
) -> None:
    assert_failure(readonly.patch(f"{MONITORS}/{uuid4()}", data=data, **JSON), status)


def test_the_body_is_looked_at_before_the_resource(admin: Caller) -> None:
    assert_failure(admin.patch(f"{MONITORS}/{uuid4()}", {"port": "993"}), 400)
    assert_failure(admin.patch(f"{MONITORS}/{uuid4()}", data=b"{}", content_type="text/plain"), 415)
    assert_failure(admin.patch(f"{MONITORS}/{uuid4()}", data=BIG, **JSON), 413)
    assert_failure(admin.patch(f"{CUSTOMERS}/{uuid4()}", {"name": 5}), 400)
    assert_failure(admin.post(MONITORS, {"customerId": 1, "hostname": "a.example"}), 400)
    assert_failure(admin.patch(f"{MONITORS}/{uuid4()}", {"name": "New"}), 404)


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ({"hostname": "a b", "customerId": "x", "name": 5}, "Invalid hostname"),
        ({"customerId": "x", "name": 5}, "Invalid hostname"),
        ({"hostname": "a.example", "customerId": "x", "name": 5}, "Invalid Customer identifier"),
        ({"hostname": "a.example", "name": 5}, "Invalid Customer identifier"),
        ({"hostname": "a.example", "customerId": 1, "name": 5}, "Invalid request body"),
        ({"hostname": "a.example", "customerId": 1, "name": "A", "more": 1}, "Invalid request body"),
    ],
)
def test_of_several_faults_the_first_in_the_contracts_order_gives_the_title(
    admin: Caller, body: dict[str, Any], title: str
) -> None:
    assert_failure(admin.post(MONITORS, body), 400, title)


def test_errors_lists_every_fault_by_its_path(admin: Caller) -> None:
    body = {
        "hostname": "a b",
        "customerId": "x",
        "port": 0,
        "unknown": 1,
        "allowedCheckCountryCodes": ["DE", 5],
        "imapPopConfig": {"tls": "yes", "tlsOptions": {"rejectUnauthorized": 1}},
    }
    errors = assert_failure(admin.post(MONITORS, body), 400)["errors"]

    assert set(errors) == {
        "hostname",
        "customerId",
        "name",
        "port",
        "unknown",
        "allowedCheckCountryCodes.1",
        "imapPopConfig.tls",
        "imapPopConfig.tlsOptions.rejectUnauthorized",
    }


def test_unknown_fields_are_named(admin: Caller) -> None:
    body = assert_failure(admin.post(CUSTOMERS, {"name": "New", "nmae": 1, "\ud800": 2}), 400)

    assert body["errors"] == {"nmae": ["is not a known field"], "\ud800": ["is not a known field"]}
    assert "nmae" in body["message"]


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=-1", "page=a", "page=1.5", "page=", "page=10000001", "page=99999999999999999999",
     "perPage=0", "perPage=201", "perPage=x", "perPage=%00", "page=%EF%BC%91"],
)  # fmt: skip
@pytest.mark.parametrize("path", [MONITORS, CUSTOMERS])
def test_a_page_out_of_bounds_is_400(admin: Caller, path: str, query: str) -> None:
    body = assert_failure(admin.get(f"{path}?{query}"), 400, "Invalid query parameters")

    assert list(body["errors"]) == [query.split("=", maxsplit=1)[0]]


@pytest.mark.parametrize(
    "query", ["page=1", "page=10000000", "perPage=1", "perPage=200", "page=2&perPage=200"]
)
@pytest.mark.parametrize("path", [MONITORS, CUSTOMERS])
def test_a_page_beyond_the_end_is_empty(admin: Caller, path: str, query: str) -> None:
    answer = admin.get(f"{path}?{query}").get_json()

    assert answer["items"] == []
    assert answer["total"] == 0


@pytest.mark.parametrize("path", [MONITORS, CUSTOMERS])
def test_lists_have_the_contracts_envelope(admin: Caller, path: str) -> None:
    assert admin.get(path).get_json() == {"items": [], "total": 0, "page": 1, "perPage": 50}


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(_keys(item) for item in value.values()))
    return set().union(*(_keys(item) for item in value)) if isinstance(value, list) else set()


def test_every_key_of_every_answer_is_in_camel_case(
    admin: Caller, make: Factory, house: Organization
) -> None:
    make.location()
    monitor = make.monitor(make.customer(house, custom_fields=None))
    paths = (MONITORS, CUSTOMERS, monitor_path(monitor), customer_path(monitor.customer), "/api/auth/me")

    for path in paths:
        keys = _keys(admin.get(path).get_json())
        assert keys
        assert not {key for key in keys if "_" in key or not key[0].islower()}


@pytest.mark.parametrize(
    "call",
    [
        lambda caller, organization: caller.get(f"{MONITORS}?organizationId={organization}"),
        lambda caller, organization: caller.get(f"{CUSTOMERS}?organizationId={organization}"),
        lambda caller, organization: caller.post(CUSTOMERS, {"name": "New", "organizationId": organization}),
    ],
    ids=["monitors", "customers", "new customer"],
)
class TestOrganizationId:
    """Whose organization a list or a create body may name."""

    @pytest.mark.parametrize("role", [Role.ADMIN, Role.EDITOR, Role.GLOBAL_ADMIN])
    def test_the_own_one_is_taken(
        self, caller: Callable[[Role], Caller], house: Organization, call: Any, role: Role
    ) -> None:
        assert call(caller(role), house.id).status_code in {200, 201}

    @pytest.mark.parametrize("role", [Role.ADMIN, Role.EDITOR])
    def test_anothers_is_403_whether_it_exists_or_not(
        self, caller: Callable[[Role], Caller], make: Factory, call: Any, role: Role
    ) -> None:
        someone = caller(role)
        for organization in (make.organization().id, 987_654_321):
            assert_failure(call(someone, organization), 403, "Forbidden")

    def test_a_global_admin_may_name_any_that_exists(
        self, caller: Callable[[Role], Caller], make: Factory, call: Any
    ) -> None:
        root = caller(Role.GLOBAL_ADMIN)

        assert call(root, make.organization().id).status_code in {200, 201}
        assert_failure(call(root, 987_654_321), 404, "Organization not found")


def test_answers_may_not_be_kept_by_caches_nor_run_by_browsers(admin: Caller, nobody: Caller) -> None:
    headers = admin.get(MONITORS).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in nobody.get("/docs").headers["Content-Security-Policy"]


def test_whoever_asks_for_html_gets_json_too(nobody: Caller) -> None:
    assert_failure(nobody.get("/nowhere", headers={"Accept": "text/html"}), 404)
