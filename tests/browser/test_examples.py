"""The examples that the page offers: what its own schemas allow, and nothing made up by the page."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator

METHODS = ("get", "post", "patch", "put", "delete")


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").get_json()
    return document


def contents(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each body that an operation takes or answers, with a name for it."""
    for path, item in document["paths"].items():
        for method in METHODS:
            operation = item.get(method, {})
            bodies = {"body": operation.get("requestBody", {}), **operation.get("responses", {})}
            for name, body in bodies.items():
                # What is a file has no example: the page offers it for download.
                if content := body.get("content", {}).get("application/json"):
                    yield f"{method} {path} {name}", content


def examples(content: dict[str, Any]) -> list[Any]:
    named = [example["value"] for example in content.get("examples", {}).values()]
    return named + [content[key] for key in ("example",) if key in content]


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    bare = {
        name
        for name, content in contents(document)
        if not examples(content) and content["schema"].get("$ref") != "#/components/schemas/Success"
    }
    assert bare == set()


def test_every_example_is_allowed_by_its_schema(document: dict[str, Any]) -> None:
    faults = []
    for name, content in contents(document):
        # The schemas refer to each other by their place in the document.
        schema = {**content["schema"], "components": document["components"]}
        validator = OAS31Validator(schema, format_checker=OAS31Validator.FORMAT_CHECKER)
        faults += [
            f"{name}: {error.message}" for body in examples(content) for error in validator.iter_errors(body)
        ]
    assert faults == []
