"""Requests made from the OpenAPI document: such as it allows, such as it forbids, and its own examples."""

from collections.abc import Iterator
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import core
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode
from schemathesis.generation.drivers import CoverageGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.hypothesis import setup
from schemathesis.generation.overrides import Override

from app.documents.fields import LINE_PATTERN, LINES_PATTERN

# It makes Hypothesis print nothing of its examples, those of all other tests included.
_printer = core.RepresentationPrinter
setup()
core.RepresentationPrinter = _printer

PATTERNS = (LINE_PATTERN, LINES_PATTERN)

Operation = Any
Case = Any
CONFIG: dict[str, Any] = {
    # Who is asking is ours to say.
    "generation": {"with-security-parameters": False},
    # Texts of the source code would be others after each change of it.
    "analysis": {"constants": {"enabled": False}},
}


def load(app: Flask, checks_off: list[str], *, is_plain: bool = False) -> Any:
    """The document of that application; its requests reach the application without a network.

    `is_plain` leaves out that texts have no control characters: to find texts of just the right length
    that keep to a pattern too takes minutes.
    """
    found = app.test_client().get("/openapi.json").get_json()
    schema = schemathesis.openapi.from_dict(
        _plain(found) if is_plain else found, config=SchemathesisConfig.from_dict(CONFIG)
    )
    schema.app = app
    schema.config.checks.update(excluded_check_names=checks_off)
    return schema


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item not in PATTERNS}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def operations(schema: Any) -> list[Operation]:
    return [result.ok() for result in schema.get_all_operations()]


def name_of(operation: Operation) -> str:
    return str(operation.definition.raw["operationId"])


def security_of(operation: Operation, schema: Any) -> set[str]:
    """The names of the tokens that it asks for; empty: none."""
    wanted = operation.definition.raw.get("security", schema.raw_schema["security"])
    return {name for requirement in wanted for name in requirement}


def allowed(operation: Operation) -> st.SearchStrategy[Case]:
    """Requests that keep to the document."""
    return operation.as_strategy(GenerationMode.POSITIVE, feedback=NO_FEEDBACK)


def generated(operation: Operation) -> st.SearchStrategy[Case]:
    """Requests of which about half break the document in some way, where there is anything to break."""
    if not (operation.body or operation.query or operation.path_parameters):
        return allowed(operation)
    return allowed(operation) | operation.as_strategy(GenerationMode.NEGATIVE, feedback=NO_FEEDBACK)


def boundaries(operation: Operation, schema: Any) -> Iterator[Case]:
    """Each limit of each field, each left-out part, each method and media type: the same ones always."""
    yield from CoverageGenerator(
        operation=operation,
        generation_modes=list(GenerationMode),
        generation_config=schema.config.generation_for(operation=operation, phase="coverage"),
        auth_storage=None,
        override=Override(),
        feedback=NO_FEEDBACK,
    )


def example_of(operation: Operation) -> Case:
    """The request that Swagger UI offers; parameters in the path are still to be filled in."""
    content = operation.definition.raw.get("requestBody", {}).get("content", {})
    path = {parameter.name: "" for parameter in operation.path_parameters}
    if not content:
        return operation.Case(path_parameters=path)
    media_type, shown = next(iter(content.items()))
    return operation.Case(path_parameters=path, body=shown["example"], media_type=media_type)


def is_allowed(case: Case) -> bool:
    """Whether the document allows the request as a whole."""
    return case.meta is None or case.meta.generation.mode.is_positive
