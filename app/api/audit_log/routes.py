"""The audit log endpoint."""

from typing import Any

from app.api.audit_log import examples
from app.api.audit_log.schemas import AuditPageSchema, AuditQueryArgsSchema, entry_document
from app.api.base import Blueprint
from app.api.context import current_actor
from app.services import audit
from app.services.access import Action

blp = Blueprint("Audit log", __name__, url_prefix="/api/audit-log", description="Who changed what, and when")


@blp.route("")
@blp.allow(Action.READ_AUDIT_LOG)
@blp.arguments(AuditQueryArgsSchema, location="query")
@blp.response(200, AuditPageSchema, example=examples.PAGE)
@blp.fails("404 Organization not found")
def list_audit_log(query: dict[str, Any]) -> Any:
    """List who changed what, newest first"""
    page = audit.list_page(current_actor(), **query)
    items = [entry_document(entry) for entry in page.items]
    return {"items": items, "total": page.total, "page": page.page, "per_page": page.per_page}
