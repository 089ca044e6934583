"""The OpenAPI document: valid, complete, and true."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import create_app
from tests.api.matrix import Row
from tests.api.matrix_rows import PUBLIC_ROWS
from tests.api.matrix_stage import Stage, rule_of
from tests.api.matrix_walks import param, walks
from tests.api.seed import ANSWER, BODY, seed_object
from tests.calling import CUSTOMERS, MONITORS, Caller
from tests.conftest import ENVIRON

JSON = "application/json"
FILES = ("-bundle.js", ".css")


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    app = create_app({**ENVIRON, "DATABASE_URL": "sqlite://"})
    document: dict[str, Any] = app.test_client().get("/openapi.json").get_json()
    return document


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in spec["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield method.upper(), path, operation


def faults(spec: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """What a value has that its schema forbids."""
    validator = Draft202012Validator({**schema, "components": spec["components"]})
    return [error.message for error in validator.iter_errors(value)]


def test_the_document_is_valid_openapi_3_1(spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.1")
    assert [error.message for error in OpenAPIV31SpecValidator(spec).iter_errors()] == []


def test_every_operation_has_a_name_of_its_own_and_a_summary(spec: dict[str, Any]) -> None:
    names = [operation["operationId"] for *_, operation in operations(spec)]

    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][A-Za-z]+", name) for name in names)
    assert all(operation["summary"] for *_, operation in operations(spec))


def test_every_api_route_is_documented_and_nothing_else(app: Flask, spec: dict[str, Any]) -> None:
    routes = {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/")
    }

    assert {(method, path) for method, path, _ in operations(spec)} == routes


def test_only_what_is_public_needs_no_access_token(spec: dict[str, Any]) -> None:
    assert spec["security"] == [{"accessToken": []}]
    free = {operation["operationId"] for *_, operation in operations(spec) if "security" in operation}

    assert free == {"logIn", "refresh", "showMonitorsJsonSchema"}
    paths = {row.path for row in PUBLIC_ROWS if row.path.startswith("/api/")}
    assert paths == {"/api/auth/login", "/api/auth/refresh", "/api/imap-pop-monitors/apply-schema.json"}


def test_every_operation_documents_the_failures_that_come_with_its_kind(spec: dict[str, Any]) -> None:
    for _, path, operation in operations(spec):
        expected = {"429", "500"}
        expected |= {"401"} if operation.get("security") != [] else set()
        expected |= {"400", "413", "415"} if "requestBody" in operation else set()
        expected |= {"400", "404", "401", "403"} if "{" in path else set()
        assert expected <= operation["responses"].keys(), operation["operationId"]


def test_failures_of_create_carry_the_contracts_texts(spec: dict[str, Any]) -> None:
    responses = spec["paths"][MONITORS]["post"]["responses"]
    shown = {
        status: set(responses[status]["content"][JSON]["examples"]) for status in ("400", "401", "403", "404")
    }

    assert shown["400"] >= {"Invalid hostname", "Invalid request body", "Invalid Customer identifier"}
    assert shown["401"] == {"Unauthorized"}
    assert shown["403"] == {"Forbidden"}
    assert "Customer not found" in shown["404"]


def test_create_shows_the_example_of_the_page(spec: dict[str, Any]) -> None:
    operation = spec["paths"][MONITORS]["post"]
    answer = operation["responses"]["201"]["content"][JSON]["example"]

    assert operation["requestBody"]["content"][JSON]["example"] == seed_object("en", BODY)
    expected = seed_object("en", ANSWER)
    assert {key: answer[key] for key in expected} == expected


def _contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "requestBody" in operation:
        yield "body", operation["requestBody"]["content"][JSON]
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            yield status, content


def test_every_example_keeps_to_its_schema(spec: dict[str, Any]) -> None:
    seen = 0
    for *_, operation in operations(spec):
        for where, content in _contents(operation):
            examples = [example["value"] for example in content.get("examples", {}).values()]
            examples += [content["example"]] if "example" in content else []
            for value in examples:
                seen += 1
                assert faults(spec, content["schema"], value) == [], (operation["operationId"], where)
    assert seen > 50


def test_every_body_and_most_answers_have_an_example(spec: dict[str, Any]) -> None:
    for *_, operation in operations(spec):
        for where, content in _contents(operation):
            if where == "body":
                assert content.get("example") is not None, operation["operationId"]


@pytest.mark.parametrize(
    "row",
    [param(*walk) for walk in walks(on_both=lambda _: True) if walk[0].path.startswith("/api/")],
    ids=str,
)
def test_every_answer_keeps_to_its_schema(stage: Stage, spec: dict[str, Any], row: Row) -> None:
    stage.prepare(without_monitors=row.without_monitors)
    sender = "refresh_token" if row.policy == "refresh" else "global_admin"

    response = stage.send(sender, row.method, row.path, row.body)

    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule_of(stage.app, row.method, row.path))
    documented = spec["paths"][path][row.method.lower()]["responses"][str(response.status_code)]
    answer = response.get_json() if response.mimetype == JSON else response.get_data(as_text=True)
    assert faults(spec, documented["content"][response.mimetype]["schema"], answer) == []
    assert response.status_code == row.status or row.silent


def test_errors_keep_to_their_schema(admin: Caller, nobody: Caller, spec: dict[str, Any]) -> None:
    responses = [
        nobody.get(MONITORS),
        admin.post(MONITORS, {}),
        admin.get("/api/none"),
        admin.send("PUT", MONITORS),
    ]

    for response in responses:
        assert faults(spec, {"$ref": "#/components/schemas/Error"}, response.get_json()) == []


def test_keys_are_in_camel_case_throughout(spec: dict[str, Any]) -> None:
    for schema in spec["components"]["schemas"].values():
        assert not [key for key in schema.get("properties", {}) if "_" in key]
    for *_, operation in operations(spec):
        queries = [item for item in operation.get("parameters", []) if item["in"] == "query"]
        assert not [item["name"] for item in queries if "_" in item["name"]]


@pytest.mark.parametrize(
    "path", ["/docs", "/docs/start.js", *(f"/docs/bundle/swagger-ui{end}" for end in FILES)]
)
def test_swagger_ui_comes_from_our_own_files(nobody: Caller, path: str) -> None:
    response = nobody.get(path)

    assert response.status_code == 200
    if path == "/docs":
        text = response.get_data(as_text=True)
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', text)
        assert "<script>" not in text


@pytest.mark.parametrize(
    "path", ["/docs/bundle/../index.html", "/docs/bundle/none.js", "/docs/bundle/%2e%2e/secret"]
)
def test_no_other_file_is_served(nobody: Caller, path: str) -> None:
    assert nobody.get(path).status_code == 404


def test_the_root_leads_to_the_docs(nobody: Caller) -> None:
    response = nobody.get("/")

    assert response.status_code in {301, 302, 303, 307, 308}
    assert response.headers["Location"] == "/docs"


def test_lists_show_their_query(spec: dict[str, Any]) -> None:
    more = {"status", "health", "protocol", "sort", "customerId"}
    for path, names in ((CUSTOMERS, {"search"}), (MONITORS, {"search", *more})):
        parameters = spec["paths"][path]["get"]["parameters"]
        assert {"page", "perPage", "organizationId"} | names == {item["name"] for item in parameters}
