"""What the audit log takes and answers."""

from typing import Any

from marshmallow import fields

from app.api.base import PageArgsSchema, PageSchema
from app.documents.fields import Choice, Instant, PublicId, Whole
from app.documents.schema import OTHER_ORGANIZATION, Schema
from app.domain.enums import ActorKind, AuditAction

_ACTIONS = [action.value for action in AuditAction]


class AuditQueryArgsSchema(PageArgsSchema):
    organization_id = Whole(1, is_text=True, metadata={"description": OTHER_ORGANIZATION})
    action = Choice(AuditAction)
    target_public_id = PublicId(metadata={"description": "What was changed."})


class AuditActorSchema(Schema):
    kind = fields.Enum(ActorKind, by_value=True, required=True)
    id = fields.Integer(required=True, allow_none=True)
    name = fields.String(required=True, metadata={"description": "An e-mail address or a token's name."})


class AuditTargetSchema(Schema):
    kind = fields.String(required=True, metadata={"description": "What it is, such as `monitor`."})
    public_id = fields.UUID(required=True)
    name = fields.String(required=True, metadata={"description": "As it was called then."})


class AuditChangeSchema(Schema):
    before = fields.Raw(required=True, allow_none=True)
    after = fields.Raw(required=True, allow_none=True)


class AuditEntrySchema(Schema):
    id = fields.Integer(required=True)
    public_id = fields.UUID(required=True)
    organization_id = fields.Integer(required=True, metadata={"description": "Whose thing was changed."})
    customer_id = fields.Integer(required=True, allow_none=True)
    action = fields.String(required=True, metadata={"enum": _ACTIONS})
    actor = fields.Nested(AuditActorSchema, required=True)
    target = fields.Nested(AuditTargetSchema, required=True)
    changes = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(AuditChangeSchema),
        required=True,
        metadata={"description": "Field → what it was and what it is; secrets are masked."},
    )
    address = fields.String(required=True, allow_none=True)
    request_id = fields.String(required=True, allow_none=True)
    created_at = Instant(required=True)


class AuditPageSchema(PageSchema):
    items = fields.List(fields.Nested(AuditEntrySchema), required=True)


def entry_document(entry: Any) -> dict[str, Any]:
    """An entry with who and what gathered, as the schema has it."""
    kind = entry.action.partition(".")[0]
    return {
        **{name: getattr(entry, name) for name in _COLUMNS},
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
        "target": {
            # A session is told of under the user whose it is.
            "kind": "user" if kind == "session" else kind,
            "public_id": entry.target_public_id,
            "name": entry.target_name,
        },
    }


_COLUMNS = tuple(name for name in AuditEntrySchema().fields if name not in {"actor", "target"})
