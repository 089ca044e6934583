"""Monitors as a document, over REST (docs/monitors-as-code.md)."""

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from flask import jsonify, request

from app import large_bodies
from app.api.context import config_store, current_actor, now
from app.api.csv_file import TOO_MANY_EXPORTS, export_turns
from app.api.monitor_documents.schemas import (
    ApplyArgsSchema,
    ExportArgsSchema,
    ExportedDocumentSchema,
    MonitorsDocumentSchema,
    PlanSchema,
)
from app.api.monitors.routes import blp
from app.api.parser import MAX_BODY_BYTES, read_body
from app.documents import monitors_file
from app.documents.faults import sentence
from app.documents.monitors_schema import json_schema
from app.domain.secret_references import Reference, SecretError
from app.domain.secrets import mask
from app.errors import INVALID_BODY, InvalidError, UnavailableError
from app.extensions import db
from app.services import access, monitor_export, monitor_plan
from app.services.access import Action
from app.services.monitor_changes import CHANGED_MEANWHILE
from app.services.monitor_plan import Plan
from app.turns import Turns

AT_ONCE = 2
RETRY_SECONDS = 5
TOO_MANY = "Too many documents at once"
EXAMPLE = {
    "version": 1,
    "monitors": [
        {
            "customer": "Example Customer",
            "name": "Mailbox Access",
            "hostname": "mail.example.com",
            "imapPopConfig": {"user": "monitor@example.com", "password": "password", "tls": True},
        }
    ],
}
PLAN = {
    "dryRun": False,
    "created": 1,
    "changed": 0,
    "deleted": 0,
    "unchanged": 0,
    "changes": [
        {
            "action": "create",
            "publicId": "66666666-6666-4666-8666-666666666666",
            "name": "Mailbox Access",
            "customer": {
                "publicId": "11111111-1111-4111-8111-111111111111",
                "name": "Example Customer",
            },
            "changes": {"hostname": {"before": None, "after": "mail.example.com"}},
        }
    ],
}


def _busy() -> UnavailableError:
    message = "A document is being applied in this organization, or as many as may be are elsewhere."
    return UnavailableError(TOO_MANY, message, retry_after=RETRY_SECONDS)


_turns = Turns(AT_ONCE, _busy)
"""Of documents, by organization: each may take tens of megabytes and seconds."""


def _too_many_readers() -> UnavailableError:
    message = f"Large documents are read {large_bodies.READERS} at once, and one of each caller."
    return UnavailableError(TOO_MANY, message, retry_after=RETRY_SECONDS)


_readers = Turns(large_bodies.READERS, _too_many_readers)
"""By the caller: a slow line keeps a thread for minutes."""


def _in_turn(view: Callable[..., Any]) -> Callable[..., Any]:
    """One document of an organization at a time, from its parsing on."""

    @wraps(view)
    def called(query: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        organization = access.organization_in_question(current_actor(), query.get("organization_id"))
        # Before the turn, so that a slow line keeps nobody else of the organization waiting.
        _read()
        with _turns.turn(organization):
            return view(query, *args, **kwargs)

    return called


def _in_export_turn(view: Callable[..., Any]) -> Callable[..., Any]:
    """Until the document is made; it then goes out in one piece, which the web process bounds in time."""

    @wraps(view)
    def called(*args: Any, **kwargs: Any) -> Any:
        actor = current_actor()
        with export_turns.turn((actor.kind, actor.id)):
            return view(*args, **kwargs)

    return called


def _read() -> None:
    """All of the body. Raises UnavailableError before a large one that is one too many."""
    if request.content_length is not None and request.content_length <= MAX_BODY_BYTES:
        read_body(request)
        return
    actor = current_actor()
    with _readers.turn((actor.kind, actor.id)):
        if (let := large_bodies.more_patience.get()) is not None:
            let()
        read_body(request, large_bodies.MAX_BYTES)


@blp.route("/export")
@blp.allow(Action.READ)
@_in_export_turn
@blp.arguments(ExportArgsSchema, location="query")
@blp.response(200, ExportedDocumentSchema, example={**EXAMPLE, "customers": "all"})
@blp.fails("404 Customer not found", "404 Organization not found", f"503 {TOO_MANY_EXPORTS}")
def export_imap_pop_monitors(query: dict[str, Any]) -> Any:
    """Export monitors as a document that can be applied, without secrets"""
    actor = current_actor()
    found = monitor_export.export(actor, config_store(), lambda config, _: _masked(config), **query)
    return monitors_file.document_of(found.entries, found.customers)


@blp.route("/apply", methods=["POST"])
@blp.allow(Action.WRITE_MONITOR)
@blp.arguments(ApplyArgsSchema, location="query")
@_in_turn
@blp.arguments(MonitorsDocumentSchema, example=EXAMPLE)
@blp.response(200, PlanSchema, example=PLAN)
@blp.fails(
    "404 Customer not found",
    f"404 {monitor_plan.NOT_FOUND}",
    "404 Organization not found",
    f"409 {CHANGED_MEANWHILE}",
    f"503 {TOO_MANY}",
)
def apply_imap_pop_monitors(query: dict[str, Any], document: Any) -> Any:
    """Make the monitors what a document says: all of it, or nothing"""
    dry_run = query.pop("dry_run")
    plan = _plan(document, hides_matches=dry_run and config_store().mask_all, **query)
    if not dry_run:
        monitor_plan.carry_out(current_actor(), plan, now=now())
        db.session.commit()
    return _told(plan, dry_run=dry_run)


@blp.route("/apply-schema.json")
@blp.public()
@blp.response(200, {"type": "object"}, example={"$schema": "https://json-schema.org/draft/2020-12/schema"})
def show_monitors_json_schema() -> Any:
    """The JSON Schema (draft 2020-12) of a document of monitors, for editors"""
    return jsonify(json_schema())


def _plan(document: Any, *, prune: bool, hides_matches: bool, organization_id: int | None = None) -> Plan:
    read = monitors_file.read(document, _refuse)
    if read.faults.count:
        faults = read.faults.told()
        raise InvalidError(INVALID_BODY, sentence(faults), faults=faults)
    return monitor_plan.make(
        current_actor(),
        config_store(),
        read.monitors,
        now=now(),
        organization_id=organization_id,
        customers=read.customers,
        prune=prune,
        allow_empty=read.allow_empty,
        hides_matches=hides_matches,
    )


def _refuse(_: Reference) -> NoReturn:
    raise SecretError("is a reference, which the command line alone follows: here it would be the server's")


def _masked(config: Any) -> dict[str, Any]:
    return {key: mask(value, key) for key, value in config.items()}


def _told(plan: Plan, *, dry_run: bool) -> dict[str, Any]:
    counts = plan.counts()
    return {
        "dry_run": dry_run,
        "created": counts["create"],
        "changed": counts["change"],
        "deleted": counts["delete"],
        "unchanged": plan.unchanged,
        "changes": plan.changes,
    }
