"""Monitor endpoints (contract 3.2)."""

from typing import Any

from app.api.auth.schemas import SuccessSchema
from app.api.base import Blueprint
from app.api.context import config_store, current_actor, now, settings
from app.api.monitors import examples
from app.api.monitors.schemas import (
    CheckHistoryArgsSchema,
    CheckHistorySchema,
    MonitorPageSchema,
    MonitorQueryArgsSchema,
    MonitorSchema,
    MonitorWithCustomerSchema,
    OutcomeSchema,
    TriggerSchema,
    monitor_document,
)
from app.documents.monitors import MonitorCreateSchema, MonitorPatchSchema
from app.errors import UnavailableError
from app.extensions import db
from app.services import check_history, checks, claims, maintenance_room, monitors
from app.services.access import Action
from app.services.monitor_state import state_of
from app.turns import Turns

MONITOR_PATH: dict[str, Any] = {
    "parameters": [
        {
            "name": "publicId",
            "in": "path",
            "required": True,
            "description": "The monitor's public UUID.",
            "schema": {"type": "string", "format": "uuid"},
        }
    ]
}
UNKNOWN = (f"400 {monitors.ID_REQUIRED}", f"404 {monitors.NOT_FOUND}")
CREATE_FAILURES = (
    "400 Invalid hostname",
    "400 Invalid Customer identifier",
    "404 Customer not found",
    "404 Organization not found",
)
TESTS_AT_ONCE = 2
TEST_RETRY_SECONDS = 5
TOO_MANY_TESTS = "Too many tests at once"


def _busy() -> UnavailableError:
    """The same for all reasons: whether others watch a mailbox is not the caller's to know."""
    message = "Too many tests are under way, or a check of this mailbox is. Try again soon."
    return UnavailableError(TOO_MANY_TESTS, message, retry_after=TEST_RETRY_SECONDS)


_turns = Turns(TESTS_AT_ONCE, _busy)
"""Of tests, by the key of the mailbox."""

blp = Blueprint(
    "Monitors",
    __name__,
    url_prefix="/api/imap-pop-monitors",
    description="Mailboxes that are watched, and what the checks found",
)


@blp.route("")
@blp.allow(Action.READ)
@blp.arguments(MonitorQueryArgsSchema, location="query")
@blp.response(200, MonitorPageSchema, example=examples.PAGE)
@blp.fails("404 Organization not found")
def list_imap_pop_monitors(query: dict[str, Any]) -> Any:
    """List IMAP/POP monitors"""
    page = monitors.list_page(current_actor(), now=now(), **query)
    items = [document_of(monitor) for monitor in page.items]
    return {"items": items, "total": page.total, "page": page.page, "per_page": page.per_page}


@blp.route("", methods=["POST"])
@blp.allow(Action.WRITE_MONITOR)
@blp.arguments(MonitorCreateSchema, example=examples.CREATE_REQUEST)
@blp.response(201, MonitorSchema, example=examples.MONITOR)
@blp.fails(*CREATE_FAILURES)
def create_imap_pop_monitor(body: dict[str, Any]) -> Any:
    """Create an IMAP/POP monitor"""
    monitor = monitors.create(current_actor(), config_store(), now=now(), **body)
    db.session.commit()
    return document_of(monitor), {"Location": f"/api/imap-pop-monitors/{monitor.public_id}"}


@blp.route("/<string:publicId>", **MONITOR_PATH)
@blp.allow(Action.READ)
@blp.response(200, MonitorWithCustomerSchema, example=examples.WITH_CUSTOMER)
@blp.fails(*UNKNOWN)
def get_imap_pop_monitor(public_id: str) -> Any:
    """Show an IMAP/POP monitor"""
    return document_of(monitors.shown(current_actor(), public_id))


@blp.route("/<string:publicId>", methods=["PATCH"], **MONITOR_PATH)
@blp.allow(Action.UPDATE_MONITOR)
@blp.arguments(MonitorPatchSchema, example={"status": "disabled"})
@blp.response(200, MonitorSchema, example=examples.MONITOR)
@blp.fails(
    *UNKNOWN,
    "400 Invalid hostname",
    "400 Invalid Customer identifier",
    "404 Customer not found",
    f"409 {maintenance_room.TOO_MANY}",
)
def update_imap_pop_monitor(body: dict[str, Any], public_id: str) -> Any:
    """Change the keys that are sent; readonly may send status alone"""
    monitor = monitors.update(current_actor(), config_store(), public_id, now=now(), **body)
    db.session.commit()
    return document_of(monitor)


@blp.route("/<string:publicId>", methods=["DELETE"], **MONITOR_PATH)
@blp.allow(Action.WRITE_MONITOR)
@blp.response(200, SuccessSchema)
@blp.fails(*UNKNOWN)
def delete_imap_pop_monitor(public_id: str) -> Any:
    """Delete an IMAP/POP monitor and its history"""
    monitors.delete(current_actor(), public_id, now=now())
    db.session.commit()
    return {"success": True}


@blp.route("/<string:publicId>/trigger-check", methods=["POST"], **MONITOR_PATH)
@blp.allow(Action.WRITE_MONITOR)
@blp.response(200, TriggerSchema, example=examples.TRIGGERED)
@blp.fails(
    *UNKNOWN, "400 Monitor is disabled", f"400 {monitors.NOTHING_ELIGIBLE}", f"503 {monitors.NOTHING_ACTIVE}"
)
def trigger_imap_pop_check(public_id: str) -> Any:
    """Check a mailbox now, from all eligible locations"""
    monitor, codes = monitors.trigger(current_actor(), public_id, now=now())
    db.session.commit()
    return {
        "success": True,
        "message": "Checks triggered successfully",
        "imap_pop_monitor_id": monitor.id,
        "location_codes": codes,
        "queue_names": [f"imap-pop-monitor-checks-{code}" for code in codes],
    }


@blp.route("/<string:publicId>/check-history", **MONITOR_PATH)
@blp.allow(Action.READ)
@blp.arguments(CheckHistoryArgsSchema, location="query")
@blp.response(200, CheckHistorySchema, example=examples.CHECK_HISTORY)
@blp.fails(*UNKNOWN)
def list_imap_pop_check_history(query: dict[str, Any], public_id: str) -> Any:
    """List a monitor's check results, newest first"""
    return {"data": check_history.newest(current_actor(), public_id, **query)}


@blp.route("/test", methods=["POST"])
@blp.allow(Action.TEST_MONITOR)
@blp.arguments(MonitorCreateSchema, example=examples.CREATE_REQUEST)
@blp.response(200, OutcomeSchema, example=examples.RESULT)
@blp.fails(*CREATE_FAILURES, f"503 {TOO_MANY_TESTS}")
def test_imap_pop_monitor(body: dict[str, Any]) -> Any:
    """Check a mailbox at once without saving a monitor"""
    timeout_seconds = body["timeout_seconds"]
    target = monitors.target_of(current_actor(), now=now(), **body)
    started_at = now()
    mailbox_key = config_store().mailbox_key_of(target)
    if claims.is_in_flight(mailbox_key, started_at):
        raise _busy()
    # The check may take a minute, and no connection to the database is held meanwhile.
    db.session.remove()
    with _turns.turn(mailbox_key):
        outcome = checks.run(target, timeout_seconds, settings().target_guard)
    return {
        "status": outcome.status,
        "error_message": outcome.error_message,
        "warning_message": outcome.warning_message,
        "timing_imap_pop": outcome.duration_ms,
        "diagnostics": outcome.diagnostics,
        "checked_at": started_at,
    }


def document_of(monitor: Any) -> dict[str, Any]:
    config = config_store().shown(current_actor(), monitor)
    return monitor_document(monitor, config, state_of(monitor, now()))
