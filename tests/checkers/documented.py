"""What the OpenAPI document says of the diagnostics of a check, to hold real ones against."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from app import create_app
from tests.conftest import ENVIRON


def faults_of(diagnostics: dict[str, Any]) -> list[str]:
    """What they have that the document forbids, or lack that it names: a key that it does not know."""
    unknown = diagnostics.keys() - _schemas()["Diagnostics"]["properties"].keys()
    errors = _validator().iter_errors(diagnostics)
    return [f"{error.json_path}: {error.message}" for error in errors] + sorted(unknown)


@cache
def _schemas() -> dict[str, Any]:
    app = create_app({**ENVIRON, "DATABASE_URL": "sqlite://"})
    schemas: dict[str, Any] = app.test_client().get("/openapi.json").get_json()["components"]["schemas"]
    return schemas


@cache
def _validator() -> Draft202012Validator:
    reference = {"$ref": "#/components/schemas/Diagnostics"}
    return Draft202012Validator({**reference, "components": {"schemas": _schemas()}})
