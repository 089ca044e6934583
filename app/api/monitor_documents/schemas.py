"""What the endpoints for monitors as code take and answer."""

from typing import Any

from marshmallow import fields

from app import large_bodies
from app.documents.fields import CustomerReference, TextFlag, Whole
from app.documents.monitors import CUSTOMER_ID
from app.documents.monitors_file import (
    ALLOW_EMPTY,
    CUSTOMERS,
    CUSTOMERS_SHAPE,
    MAX_MONITORS,
    VERSION,
    MonitorEntrySchema,
)
from app.documents.schema import OTHER_ORGANIZATION, Schema
from app.services.monitor_plan import ACTIONS

DRY_RUN = "Answer what would be done, and do nothing."
PRUNE = "Also delete the monitors that the document does not name."


class MonitorsDocumentSchema(Schema):
    """Says what a document has. It is judged as a whole by app/documents/monitors_file.py."""

    MAX_BYTES = large_bodies.MAX_BYTES

    version = fields.Integer(required=True, metadata={"enum": [VERSION]})
    customers = fields.Raw(metadata={"description": CUSTOMERS, "anyOf": CUSTOMERS_SHAPE})
    allow_empty = fields.Boolean(metadata={"description": ALLOW_EMPTY})
    monitors = fields.List(
        fields.Nested(MonitorEntrySchema), required=True, metadata={"maxItems": MAX_MONITORS}
    )

    def load(self, data: Any, **_: Any) -> Any:
        return data


class ExportArgsSchema(Schema):
    organization_id = Whole(1, is_text=True, metadata={"description": OTHER_ORGANIZATION})
    customer_id = CustomerReference(metadata={"description": CUSTOMER_ID})


class ApplyArgsSchema(Schema):
    organization_id = Whole(1, is_text=True, metadata={"description": OTHER_ORGANIZATION})
    dry_run = TextFlag(load_default=False, metadata={"description": DRY_RUN})
    prune = TextFlag(load_default=False, metadata={"description": PRUNE})


class ExportedDocumentSchema(Schema):
    version = fields.Integer(required=True)
    customers = fields.Raw(required=True, metadata={"description": CUSTOMERS, "anyOf": CUSTOMERS_SHAPE})
    monitors = fields.List(
        fields.Dict(), required=True, metadata={"description": "As apply takes them; secrets are masked."}
    )


class NamedCustomerSchema(Schema):
    public_id = fields.UUID(required=True)
    name = fields.String(required=True)


class PlannedChangeSchema(Schema):
    action = fields.String(required=True, metadata={"enum": list(ACTIONS)})
    public_id = fields.UUID(required=True)
    name = fields.String(required=True)
    customer = fields.Nested(NamedCustomerSchema, required=True)
    changes = fields.Dict(
        required=True, metadata={"description": "Field → `before` and `after`; secrets are masked."}
    )


class PlanSchema(Schema):
    dry_run = fields.Boolean(required=True)
    created = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    deleted = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    changes = fields.List(fields.Nested(PlannedChangeSchema), required=True)
