"""Maintenance window endpoints (contract section 4)."""

from typing import Any

from app.api.auth.schemas import SuccessSchema
from app.api.base import Blueprint
from app.api.context import current_actor, now
from app.api.maintenance_windows import examples
from app.api.maintenance_windows.schemas import (
    MaintenanceWindowCreateSchema,
    MaintenanceWindowPageSchema,
    MaintenanceWindowPatchSchema,
    MaintenanceWindowQueryArgsSchema,
    MaintenanceWindowSchema,
    window_document,
)
from app.documents.fields import REFERENCE_PATTERN
from app.extensions import db
from app.services import maintenance_room, maintenance_windows, monitors
from app.services.access import Action

WINDOW_PATH: dict[str, Any] = {
    "parameters": [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "The window's number, or its public UUID.",
            "schema": {"type": "string", "pattern": REFERENCE_PATTERN},
        }
    ]
}
UNKNOWN = (f"400 {maintenance_windows.INVALID_WINDOW}", f"404 {maintenance_windows.NOT_FOUND}")
UNKNOWN_TARGET = (
    "400 Invalid Customer identifier",
    "404 Customer not found",
    f"404 {monitors.NOT_FOUND}",
)
TOO_MANY = f"409 {maintenance_room.TOO_MANY}"

blp = Blueprint(
    "Maintenance windows",
    __name__,
    url_prefix="/api/maintenance-windows",
    description="Planned work: results are kept, nobody is alerted, and uptime leaves the time out",
)


@blp.route("")
@blp.allow(Action.READ)
@blp.arguments(MaintenanceWindowQueryArgsSchema, location="query")
@blp.response(200, MaintenanceWindowPageSchema, example=examples.PAGE)
@blp.fails("404 Organization not found")
def list_maintenance_windows(query: dict[str, Any]) -> Any:
    """List maintenance windows"""
    page = maintenance_windows.list_page(current_actor(), now=now(), **query)
    items = [window_document(window) for window in page.items]
    return {"items": items, "total": page.total, "page": page.page, "per_page": page.per_page}


@blp.route("", methods=["POST"])
@blp.allow(Action.WRITE_MAINTENANCE)
@blp.arguments(MaintenanceWindowCreateSchema, example=examples.CREATE_REQUEST)
@blp.response(201, MaintenanceWindowSchema, example=examples.WINDOW)
@blp.fails(*UNKNOWN_TARGET, "404 Organization not found", TOO_MANY)
def create_maintenance_window(body: dict[str, Any]) -> Any:
    """Plan maintenance of some monitors, or of all of a customer"""
    window = maintenance_windows.create(current_actor(), now=now(), **body)
    db.session.commit()
    return window_document(window), {"Location": f"/api/maintenance-windows/{window.public_id}"}


@blp.route("/<string:id>", **WINDOW_PATH)
@blp.allow(Action.READ)
@blp.response(200, MaintenanceWindowSchema, example=examples.WINDOW)
@blp.fails(*UNKNOWN)
def get_maintenance_window(id: str) -> Any:  # noqa: A002 - the contract's name
    """Show a maintenance window"""
    return window_document(maintenance_windows.get(current_actor(), id))


@blp.route("/<string:id>", methods=["PATCH"], **WINDOW_PATH)
@blp.allow(Action.WRITE_MAINTENANCE)
@blp.arguments(MaintenanceWindowPatchSchema, example=examples.PATCH_REQUEST)
@blp.response(200, MaintenanceWindowSchema, example=examples.WINDOW)
@blp.fails(*UNKNOWN, *UNKNOWN_TARGET, TOO_MANY)
def update_maintenance_window(body: dict[str, Any], id: str) -> Any:  # noqa: A002 - the contract's name
    """Change the keys that are sent; while it is open, from now on"""
    window = maintenance_windows.update(current_actor(), id, now=now(), **body)
    db.session.commit()
    return window_document(window)


@blp.route("/<string:id>", methods=["DELETE"], **WINDOW_PATH)
@blp.allow(Action.WRITE_MAINTENANCE)
@blp.response(200, SuccessSchema)
@blp.fails(*UNKNOWN)
def delete_maintenance_window(id: str) -> Any:  # noqa: A002 - the contract's name
    """Remove a maintenance window; what was maintenance stays so"""
    maintenance_windows.delete(current_actor(), id, now=now())
    db.session.commit()
    return {"success": True}
