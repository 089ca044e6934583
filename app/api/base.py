"""Blueprint with the house rules: strict bodies, documented errors."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import request
from flask_smorest import Blueprint as SmorestBlueprint
from marshmallow import fields

from app.api.context import current_actor
from app.api.errors import ErrorSchema
from app.api.parser import Parser, parse_json, read_body
from app.documents.fields import Whole
from app.documents.schema import Schema
from app.domain.enums import Role
from app.domain.names import camel_case, snake_case
from app.errors import INVALID_BODY, INVALID_QUERY, InvalidError
from app.services import access
from app.services.access import Action

EVERYWHERE = ("429 Too Many Requests", "500 Internal Server Error", "503 Service Unavailable")
LOCATION_FAILURES = {
    "json": (f"400 {INVALID_BODY}", "413 Request Entity Too Large", "415 Unsupported Media Type"),
    "query": (f"400 {INVALID_QUERY}",),
}
"""Failures that come with reading a part of the request."""

P = ParamSpec("P")
R = TypeVar("R")

MAX_PER_PAGE = 200
MAX_PAGE = 10_000_000
"""Far beyond any list, and small enough for page times perPage to stay within 64 bits."""


class PageArgsSchema(Schema):
    """The query of a list."""

    page = Whole(1, MAX_PAGE, is_text=True, load_default=1)
    per_page = Whole(1, MAX_PER_PAGE, is_text=True, load_default=50)


class PageSchema(Schema):
    """The envelope of every list; a subclass says what its items are."""

    items = fields.List(fields.Raw(), required=True)
    total = fields.Integer(required=True, metadata={"description": "Of all pages."})
    page = fields.Integer(required=True)
    per_page = fields.Integer(required=True)


class Blueprint(SmorestBlueprint):  # type: ignore[misc] # flask-smorest ships no types
    """Decorators go in this order: route, allow, arguments, response, fails."""

    ARGUMENTS_PARSER = Parser()

    def route(self, rule: str, **options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Register a view, whose name in camelCase is its operationId.

        Parameters in the path are in camelCase, like all that callers see, and in snake case in the view.
        """
        register = super().route

        def decorator(view: Callable[P, R]) -> Callable[P, R]:
            @wraps(view)
            def called(*args: Any, **path: Any) -> Any:
                return view(*args, **{snake_case(name): value for name, value in path.items()})

            documented = self.doc(operationId=camel_case(view.__name__), responses=_failure_docs(view))(
                called
            )
            routed: Callable[P, R] = register(rule, **options)(documented)
            return routed

        return decorator

    def allow(self, action: Action) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Ask for a caller whose role allows the action, before anything of the body is looked at."""

        def decorator(view: Callable[P, R]) -> Callable[P, R]:
            @wraps(view)
            def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
                actor = current_actor()
                access.require(actor, action)
                if action is Action.UPDATE_MONITOR and actor.role is Role.READONLY:
                    access.require_update_keys(actor, _body_keys())
                return view(*args, **kwargs)

            return _note_failures(wrapper, ("401 Unauthorized", "403 Forbidden"))

        return decorator

    def public(self) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Document a view that needs no access token."""
        documented: Callable[[Callable[P, R]], Callable[P, R]] = self.doc(security=[])
        return documented

    def fails(self, *failures: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Document failures, each as its status and text: `404 Customer not found`."""
        return lambda view: _note_failures(view, failures)


def _note_failures(view: Callable[P, R], failures: Iterable[str]) -> Callable[P, R]:
    """Keep them on the view until `route` has seen all decorators: one status may have many texts."""
    noted = {status: list(texts) for status, texts in getattr(view, "failures", {}).items()}
    for failure in failures:
        status, text = failure.split(" ", 1)
        noted.setdefault(int(status), []).append(text)
    view.failures = noted  # type: ignore[attr-defined] # our own note
    return view


def _failure_docs(view: Callable[P, R]) -> dict[int, Any]:
    """OpenAPI responses for the noted failures and for those that come with having a body or a query."""
    arguments = getattr(view, "_apidoc", {}).get("arguments", {})
    # flask-smorest documents a 400 of its own, which would hide ours.
    arguments.pop("responses", None)
    for parameter in arguments.get("parameters", []):
        _note_failures(view, LOCATION_FAILURES[parameter["in"]])
    _note_failures(view, EVERYWHERE)
    return {status: _failure_doc(status, texts) for status, texts in getattr(view, "failures", {}).items()}


def _failure_doc(status: int, texts: list[str]) -> dict[str, Any]:
    examples = {
        text: {"value": {"statusCode": status, "statusMessage": text, "message": text}}
        for text in dict.fromkeys(texts)
    }
    return {
        "description": " · ".join(examples),
        "content": {"application/json": {"schema": ErrorSchema, "examples": examples}},
    }


def _body_keys() -> list[str]:
    """The keys of the body, if it can be read at all; what is wrong with it is said later."""
    try:
        body = parse_json(read_body(request))
    except InvalidError:
        return []
    return list(body) if isinstance(body, dict) else []
