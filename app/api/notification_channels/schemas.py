"""What the notification channel endpoints take and answer (contract section 4)."""

from typing import Any

from marshmallow import fields, post_load, validate

from app.api.base import PageArgsSchema, PageSchema
from app.documents.fields import Choice, CustomerReference, Flag, Instant, JsonObject, Reference, Text, Whole
from app.documents.schema import OTHER_ORGANIZATION, BodySchema, Schema
from app.domain.channel_conditions import MAX_DELAY_SECONDS, MAX_PRIORITY
from app.domain.channel_types import CHANNEL_TYPES, ChannelType, ConfigKey
from app.domain.enums import AlertEvent, ChannelCategory, ErrorCode, WarningCode
from app.services.channel_config import shown_config

CUSTOMER = "Null: of the whole organization. Beside a monitor it has to be that monitor's."
MONITOR = "Number or UUID of the one monitor that the channel is for; null: of the customer or organization."
_LEVEL = "Cannot be changed, so as it is."
_SECRETS = "Secrets are stored encrypted and read as null; then `hasSecret` is true."


def _config_doc() -> str:
    lines = [f"- `{name}`: {_keys_doc(kind)}" for name, kind in CHANNEL_TYPES.items()]
    return "\n".join(
        ["What it takes depends on the type (`?` optional, `*` secret):", "", *lines, "", _SECRETS]
    )


def _keys_doc(kind: ChannelType) -> str:
    return ", ".join(_key_doc(key) for key in kind.keys)


def _key_doc(key: ConfigKey) -> str:
    alias = f" (or `{key.alias}`)" if key.alias else ""
    marks = ("" if key.is_required else "?") + ("*" if key.is_secret else "")
    return f"`{key.name}`{marks}{alias}" + (f" ({key.about.rstrip('.')})" if key.about else "")


CONFIG = _config_doc()


class ConditionsSchema(Schema):
    """When a channel is told; what is left out holds always."""

    events = fields.List(
        Choice(AlertEvent), validate=validate.Length(1, error="must not be empty"), metadata={"minItems": 1}
    )
    types = fields.List(
        Choice([*ErrorCode, *WarningCode]),
        validate=validate.Length(1, error="must not be empty"),
        metadata={"minItems": 1},
    )
    min_incident_duration = Whole(
        0, MAX_DELAY_SECONDS, metadata={"description": "Seconds that an incident has to last before."}
    )

    @post_load
    def as_stored(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Under the names that callers see, each value of a list once."""
        stored: dict[str, Any] = {
            name: list(dict.fromkeys(data[name])) for name in ("events", "types") if name in data
        }
        if "min_incident_duration" in data:
            stored["minIncidentDuration"] = data["min_incident_duration"]
        return stored


class ChannelPatchSchema(BodySchema):
    """The keys that may be changed; a missing one is kept."""

    READ_ONLY = frozenset({"id", "publicId", "organizationId", "hasSecret", "createdAt", "updatedAt"})

    customer_id = CustomerReference(allow_none=True, metadata={"description": _LEVEL})
    imap_pop_monitor_id = Reference(allow_none=True, metadata={"description": _LEVEL})
    type = Choice(CHANNEL_TYPES, metadata={"description": _LEVEL})
    category = Choice(ChannelCategory, metadata={"description": "Follows from the type."})
    name = Text(1, 255, trim=True)
    config = JsonObject(
        metadata={"description": f"Keys that are left out are kept; null clears an optional one. {_SECRETS}"}
    )
    priority = Whole(1, MAX_PRIORITY, metadata={"description": "Lower is told first."})
    delay_seconds = Whole(
        0,
        MAX_DELAY_SECONDS,
        metadata={"description": "How long an incident has to be open, and not acknowledged, before."},
    )
    conditions = fields.Nested(ConditionsSchema, allow_none=True)
    is_active = Flag()


class ChannelCreateSchema(ChannelPatchSchema):
    READ_ONLY = ChannelPatchSchema.READ_ONLY - {"organizationId"}

    organization_id = Whole(1, metadata={"description": OTHER_ORGANIZATION})
    customer_id = CustomerReference(allow_none=True, metadata={"description": CUSTOMER})
    imap_pop_monitor_id = Reference(allow_none=True, metadata={"description": MONITOR})
    type = Choice(CHANNEL_TYPES, required=True)
    name = Text(1, 255, trim=True, required=True)
    config = JsonObject(required=True, metadata={"description": CONFIG})
    priority = Whole(1, MAX_PRIORITY, load_default=1, metadata={"description": "Lower is told first."})
    delay_seconds = Whole(
        0,
        MAX_DELAY_SECONDS,
        load_default=0,
        metadata={"description": "How long an incident has to be open, and not acknowledged, before."},
    )
    conditions = fields.Nested(ConditionsSchema, allow_none=True, load_default=None)
    is_active = Flag(load_default=True)


class ChannelSchema(Schema):
    id = fields.Integer(required=True)
    public_id = fields.UUID(required=True)
    organization_id = fields.Integer(required=True)
    customer_id = fields.Integer(required=True, allow_none=True, metadata={"description": CUSTOMER})
    imap_pop_monitor_id = fields.Integer(
        required=True, allow_none=True, attribute="monitor_id", metadata={"description": MONITOR}
    )
    type = fields.String(required=True)
    category = fields.Enum(ChannelCategory, by_value=True, required=True)
    name = fields.String(required=True)
    config = fields.Dict(required=True, metadata={"description": _SECRETS})
    has_secret = fields.Boolean(required=True)
    priority = fields.Integer(required=True)
    delay_seconds = fields.Integer(required=True)
    conditions = fields.Dict(required=True, allow_none=True)
    is_active = fields.Boolean(required=True)
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class ChannelPageSchema(PageSchema):
    items = fields.List(fields.Nested(ChannelSchema), required=True)


class ChannelQueryArgsSchema(PageArgsSchema):
    organization_id = Whole(1, is_text=True, metadata={"description": OTHER_ORGANIZATION})
    customer_id = CustomerReference(metadata={"description": "Those of this customer and its monitors."})
    imap_pop_monitor_id = Reference(
        metadata={"description": "All that concern this monitor, its customer's and the organization's too."}
    )


def channel_document(channel: Any) -> dict[str, Any]:
    """All that an answer may say of a channel."""
    return {
        **{name: getattr(channel, name) for name in _COLUMNS},
        "config": shown_config(channel),
        "has_secret": channel.secrets_encrypted is not None,
    }


_COLUMNS = tuple(
    field.attribute or name
    for name, field in ChannelSchema().fields.items()
    if name not in {"config", "has_secret"}
)
