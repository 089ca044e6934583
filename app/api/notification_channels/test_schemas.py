"""What trying a channel takes and answers (contract section 4, the family's keys)."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.api.notification_channels.schemas import CONFIG, CUSTOMER, MONITOR, ChannelPatchSchema
from app.documents.fields import REQUIRED, Choice, CustomerReference, Flag, JsonObject, Reference, Whole
from app.documents.schema import OTHER_ORGANIZATION, Schema
from app.domain.channel_types import CHANNEL_TYPES, DEFAULT_METHOD, DEFAULT_TIMEOUT_SECONDS, WEBHOOK
from app.domain.notification import Delivery, Destination

TOO_MANY_REQUESTS = 429


class ChannelTestSchema(ChannelPatchSchema):
    """A channel as it would be made; or `id` of a stored one, with keys of the config that differ."""

    READ_ONLY = ChannelPatchSchema.READ_ONLY - {"id", "organizationId"}

    id = Reference(metadata={"description": "Number or UUID of a stored channel. For admins."})
    organization_id = Whole(1, metadata={"description": OTHER_ORGANIZATION})
    customer_id = CustomerReference(allow_none=True, metadata={"description": CUSTOMER})
    imap_pop_monitor_id = Reference(allow_none=True, metadata={"description": MONITOR})
    type = Choice(CHANNEL_TYPES, metadata={"description": "Needed without `id`."})
    config = JsonObject(metadata={"description": f"Needed without `id`. {CONFIG}"})
    dry_run = Flag(load_default=False, metadata={"description": "Look at the config and send nothing."})

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def is_complete(self, _: dict[str, Any], sent: dict[str, Any], **__: Any) -> None:
        missing = [name for name in ("type", "config") if name not in sent]
        if missing and "id" not in sent:
            raise ValidationError({name: [REQUIRED] for name in missing})


class ValidationSchema(Schema):
    ok = fields.Boolean(required=True)
    errors = fields.List(fields.String(), required=True)
    warnings = fields.List(fields.String(), required=True)


class SentTestSchema(Schema):
    """What was sent where, without secrets."""

    type = fields.String(required=True)
    url = fields.String(required=True, allow_none=True, metadata={"description": "Of a webhook."})
    method = fields.String(required=True, allow_none=True)
    timeout_seconds = fields.Integer(required=True, allow_none=True)


class TargetResponseSchema(Schema):
    """What the target said, as far as it is known."""

    reachable = fields.Boolean(required=True, metadata={"description": "The target answered."})
    ok = fields.Boolean(required=True, metadata={"description": "It took the message."})
    status_code = fields.Integer(required=True, allow_none=True)
    duration_ms = fields.Integer(required=True)


class ChannelTestResultSchema(Schema):
    success = fields.Boolean(required=True)
    mode = fields.String(required=True, metadata={"enum": ["send", "dryRun"]})
    message = fields.String(required=True)
    validation = fields.Nested(ValidationSchema, required=True)
    request = fields.Nested(SentTestSchema, required=True)
    response = fields.Nested(
        TargetResponseSchema, required=True, allow_none=True, metadata={"description": "Null with `dryRun`."}
    )


def test_document(destination: Destination, delivery: Delivery | None) -> dict[str, Any]:
    """What came of a test, without secrets; `delivery` None: only the config was looked at."""
    is_webhook = destination.type == WEBHOOK
    return {
        **(_sent(destination, delivery) if delivery else NOTHING_SENT),
        "validation": {"ok": True, "errors": [], "warnings": _warnings(destination)},
        "request": {
            "type": destination.type,
            "url": destination.config["url"] if is_webhook else None,
            "method": destination.config.get("method", DEFAULT_METHOD) if is_webhook else None,
            "timeout_seconds": destination.config.get("timeoutSeconds", DEFAULT_TIMEOUT_SECONDS)
            if is_webhook
            else None,
        },
    }


NOTHING_SENT = {
    "success": True,
    "mode": "dryRun",
    "message": "The config is valid. Nothing was sent.",
    "response": None,
}


def _sent(destination: Destination, delivery: Delivery) -> dict[str, Any]:
    # Whoever asks to be asked later was reached, and has understood (the family's rule).
    is_busy = delivery.status_code == TOO_MANY_REQUESTS
    what = "Webhook" if destination.type == WEBHOOK else "Message"
    return {
        "success": delivery.is_sent or is_busy,
        "mode": "send",
        "message": delivery.error or f"{what} delivered successfully",
        "response": {
            "reachable": delivery.is_sent or delivery.status_code is not None,
            "ok": delivery.is_sent,
            "status_code": delivery.status_code,
            "duration_ms": delivery.duration_ms,
        },
    }


def _warnings(destination: Destination) -> list[str]:
    places = ((name, destination.config.get(name)) for name in ("url", "server"))
    return [
        f"config.{name} is not encrypted on its way: use https"
        for name, url in places
        if url and url.lower().startswith("http:")
    ]
