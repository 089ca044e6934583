"""What the monitor endpoints take and answer (contract 3.1 and 3.2)."""

from typing import Any

from marshmallow import fields

from app.api.base import PageArgsSchema, PageSchema
from app.api.customers.schemas import EmbeddedCustomerSchema
from app.api.monitors.diagnostics_schema import DiagnosticsSchema
from app.documents.fields import (
    AsStored,
    Choice,
    CustomerReference,
    Instant,
    Number,
    Text,
    Whole,
)
from app.documents.mailbox_config import ImapPopConfigSchema
from app.documents.monitors import CUSTOMER_ID, MINUTES, SAME, STATUS_ALIASES
from app.documents.schema import OTHER_ORGANIZATION, Schema
from app.domain.enums import CheckStatus, Health, MonitorStatus, Protocol
from app.services.monitors import SORT_COLUMNS


class MonitorSchema(Schema):
    id = fields.Integer(required=True)
    public_id = fields.UUID(required=True)
    organization_id = fields.Integer(required=True)
    customer_id = fields.Integer(required=True)
    customer_public_id = fields.UUID(required=True)
    name = fields.String(required=True)
    hostname = fields.String(required=True)
    port = fields.Integer(required=True, allow_none=True)
    check_interval = Number(0.5, 1440, required=True, metadata={"description": MINUTES})
    timeout_seconds = fields.Integer(required=True)
    status = fields.Enum(MonitorStatus, by_value=True, required=True)
    allowed_check_country_codes = fields.List(fields.String(), required=True, allow_none=True)
    notification_phone_number = fields.String(required=True, allow_none=True)
    notification_email = fields.String(required=True, allow_none=True)
    last_checked_at = Instant(required=True, allow_none=True)
    next_check_at = Instant(required=True, allow_none=True)
    health = fields.Enum(Health, by_value=True, required=True)
    last_status = fields.Enum(CheckStatus, by_value=True, required=True, allow_none=True)
    last_error_message = fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)
    config = AsStored(ImapPopConfigSchema, required=True, metadata={"description": SAME})
    imap_pop_config = AsStored(
        ImapPopConfigSchema,
        required=True,
        metadata={"description": "As it was sent; secrets are masked for readers."},
    )


class MonitorWithCustomerSchema(MonitorSchema):
    customer = fields.Nested(EmbeddedCustomerSchema, required=True)


class MonitorItemSchema(MonitorSchema):
    customer_name = fields.String(required=True)


class MonitorPageSchema(PageSchema):
    items = fields.List(fields.Nested(MonitorItemSchema), required=True)


class MonitorQueryArgsSchema(PageArgsSchema):
    organization_id = Whole(1, is_text=True, metadata={"description": OTHER_ORGANIZATION})
    customer_id = CustomerReference(metadata={"description": CUSTOMER_ID})
    search = Text(0, 255, metadata={"description": "Part of the name, the host name or the customer's name."})
    status = Choice(MonitorStatus, STATUS_ALIASES)
    health = Choice(Health)
    protocol = Choice(Protocol)
    sort = Choice(
        [f"{sign}{key}" for key in SORT_COLUMNS for sign in ("", "-")],
        metadata={"description": "A minus sign puts the greatest first."},
    )


class TriggerSchema(Schema):
    success = fields.Boolean(required=True)
    message = fields.String(required=True)
    imap_pop_monitor_id = fields.Integer(required=True)
    location_codes = fields.List(fields.String(), required=True)
    queue_names = fields.List(fields.String(), required=True)


class OutcomeSchema(Schema):
    """The result of a check that is not stored (contract 3.3)."""

    status = fields.Enum(CheckStatus, by_value=True, required=True)
    error_message = fields.String(required=True, allow_none=True)
    warning_message = fields.String(required=True, allow_none=True)
    timing_imap_pop = fields.Integer(required=True, metadata={"description": "Milliseconds in all."})
    diagnostics = AsStored(DiagnosticsSchema, required=True)
    checked_at = Instant(required=True)


class CheckResultSchema(OutcomeSchema):
    id = fields.UUID(required=True, attribute="public_id")
    timing_imap_pop = fields.Integer(
        required=True, attribute="timing_ms", metadata={"description": "Milliseconds in all."}
    )
    in_maintenance = fields.Boolean(
        required=True, metadata={"description": "It counts neither for incidents nor for uptime."}
    )
    location_id = fields.Integer(required=True)
    location_name = fields.String(required=True, attribute="location.name")
    location_code = fields.String(required=True, attribute="location.code")


class CheckHistorySchema(Schema):
    data = fields.List(fields.Nested(CheckResultSchema), required=True)


class CheckHistoryArgsSchema(Schema):
    limit = Whole(1, 200, is_text=True, load_default=50)
    before = Text(36, 36, metadata={"description": "The `id` of the last row of the page before."})


def monitor_document(monitor: Any, config: dict[str, Any], state: Any) -> dict[str, Any]:
    """All that an answer may say of a monitor, for the schemas above to pick from."""
    return {
        **{name: getattr(monitor, name) for name in _COLUMNS},
        **{name: getattr(state, name) for name in _STATE},
        "customer": monitor.customer,
        "customer_name": monitor.customer.name,
        "customer_public_id": monitor.customer.public_id,
        "config": config,
        "imap_pop_config": config,
    }


_STATE = ("last_checked_at", "next_check_at", "health", "last_status", "last_error_message")
_COLUMNS = tuple(
    name
    for name in MonitorSchema().fields
    if name not in {*_STATE, "customer_public_id", "config", "imap_pop_config"}
)
