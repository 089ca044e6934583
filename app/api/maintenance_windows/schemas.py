"""What the maintenance endpoints take and answer (contract section 4)."""

from typing import Any

from marshmallow import ValidationError, fields, post_load, validate, validates_schema

from app.api.base import PageArgsSchema, PageSchema
from app.api.maintenance_windows.fields import LastDay, Timestamp
from app.documents.fields import (
    Choice,
    CustomerReference,
    Flag,
    Instant,
    Lines,
    Reference,
    Text,
    TimeZone,
    Whole,
)
from app.documents.schema import OTHER_ORGANIZATION, BodySchema, Schema
from app.domain.enums import RecurrenceFrequency
from app.domain.maintenance import MAX_INTERVAL
from app.services.maintenance_windows import COLUMNS, MAX_TARGETS, NOT_BESIDE_NO_TARGETS

IMAP_POP = "imap_pop"
MAX_DESCRIPTION = 2000

_SELECTION = (
    "One of `targets`, `imapPopMonitorId` and, for all monitors of the customer, `customerId` alone. When a "
    "window for some monitors is changed, `targets: []` with `customerId` makes it one for all."
)
_START = "Of the first time. It counts from when the window is made."
_END = "Of the first time; the others last as long. At most 366 days later, nor after the next one starts."
_ZONE = (
    "Where a recurring one keeps its time of day when clocks change; on a day that leaves this time out it "
    "starts when it would have been, on one that has it twice at the first. Default: the organization's."
)
_PATTERN = "When `isRecurring` is true, and only then."
_DAYS = "Of a weekly one; 0 is Sunday. Default: the day of `startTime`. Weeks begin with Monday."
_DAY = "Of a monthly one. Default: the day of `startTime`. A month without that day is left out."
_LAST = "The last day, or instant, on which it may start."
_NOT_A_LIST: dict[str, Any] = {"invalid": "must be a list"}


class RecurrencePatternSchema(BodySchema):
    frequency = Choice(RecurrenceFrequency, required=True)
    interval = Whole(1, MAX_INTERVAL, load_default=1, metadata={"description": "In days, weeks or months."})
    days_of_week = fields.List(
        Whole(0, 6), allow_none=True, error_messages=_NOT_A_LIST, metadata={"description": _DAYS}
    )
    day_of_month = Whole(1, 31, allow_none=True, metadata={"description": _DAY})
    end_recurrence_date = LastDay(allow_none=True, metadata={"description": _LAST})

    @validates_schema
    def fits_together(self, data: dict[str, Any], **_: Any) -> None:
        faults = {}
        if data.get("days_of_week") and data["frequency"] is not RecurrenceFrequency.WEEKLY:
            faults["daysOfWeek"] = ["is of use with the frequency weekly alone"]
        if data.get("day_of_month") and data["frequency"] is not RecurrenceFrequency.MONTHLY:
            faults["dayOfMonth"] = ["is of use with the frequency monthly alone"]
        if faults:
            raise ValidationError(faults)

    @post_load
    def as_stored(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Under the contract's keys, without those that say nothing."""
        if days := data.get("days_of_week"):
            data["days_of_week"] = sorted(set(days))
        keys = {name: str(field.data_key) for name, field in self.fields.items()}
        return {keys[name]: value for name, value in data.items() if value not in (None, [])}


class TargetSchema(BodySchema):
    type = Choice([IMAP_POP], required=True)
    id = Reference(required=True, metadata={"description": "The monitor's number, or its public UUID."})


class MaintenanceWindowPatchSchema(BodySchema):
    """The keys that may be changed; a missing one is kept."""

    READ_ONLY = frozenset({"id", "publicId", "organizationId", "createdAt", "updatedAt"})

    customer_id = CustomerReference(metadata={"description": _SELECTION})
    name = Text(1, 255, trim=True)
    description = Lines(0, MAX_DESCRIPTION, trim=True, allow_none=True)
    start_time = Timestamp(metadata={"description": _START})
    end_time = Timestamp(metadata={"description": _END})
    time_zone = TimeZone(metadata={"description": _ZONE})
    is_recurring = Flag()
    recurrence_pattern = fields.Nested(
        RecurrencePatternSchema, allow_none=True, metadata={"description": _PATTERN}
    )
    is_active = Flag()
    targets = fields.List(
        fields.Nested(TargetSchema),
        validate=validate.Length(max=MAX_TARGETS, error=f"must have at most {MAX_TARGETS} items"),
        error_messages={**_NOT_A_LIST, "null": "must not be null"},
        metadata={"description": "Monitors of one customer; they replace those there were."},
    )
    imap_pop_monitor_id = Reference(
        allow_none=True, metadata={"description": "For a single monitor, in place of `targets`."}
    )

    @validates_schema
    def does_not_contradict_itself(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("targets") == [] and data.get("imap_pop_monitor_id") is not None:
            raise ValidationError({"imapPopMonitorId": [NOT_BESIDE_NO_TARGETS]})

    @post_load
    def plainly(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if "targets" in data:
            data["targets"] = [target["id"] for target in data["targets"]]
        if data.get("description") == "":
            data["description"] = None
        return data


class MaintenanceWindowCreateSchema(MaintenanceWindowPatchSchema):
    READ_ONLY = MaintenanceWindowPatchSchema.READ_ONLY - {"organizationId"}

    organization_id = Whole(1, metadata={"description": OTHER_ORGANIZATION})
    name = Text(1, 255, trim=True, required=True)
    start_time = Timestamp(required=True, metadata={"description": _START})
    end_time = Timestamp(required=True, metadata={"description": _END})
    is_recurring = Flag(load_default=False)
    is_active = Flag(load_default=True)


class RecurrencePatternAnswerSchema(Schema):
    frequency = fields.Enum(RecurrenceFrequency, by_value=True, required=True)
    interval = fields.Integer(required=True)
    days_of_week = fields.List(
        fields.Integer(), required=True, allow_none=True, metadata={"description": _DAYS}
    )
    day_of_month = fields.Integer(required=True, allow_none=True, metadata={"description": _DAY})
    end_recurrence_date = fields.String(required=True, allow_none=True, metadata={"description": _LAST})


class TargetAnswerSchema(Schema):
    type = fields.String(required=True, metadata={"enum": [IMAP_POP]})
    id = fields.Integer(required=True)


class MaintenanceWindowSchema(Schema):
    id = fields.Integer(required=True)
    public_id = fields.UUID(required=True)
    organization_id = fields.Integer(required=True)
    customer_id = fields.Integer(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True, allow_none=True)
    start_time = Instant(required=True, metadata={"description": "Of the first time."})
    end_time = Instant(required=True)
    time_zone = fields.String(required=True)
    is_recurring = fields.Boolean(required=True)
    recurrence_pattern = fields.Nested(RecurrencePatternAnswerSchema, required=True, allow_none=True)
    is_active = fields.Boolean(required=True)
    targets = fields.List(
        fields.Nested(TargetAnswerSchema),
        required=True,
        metadata={"description": "Empty: all monitors of the customer."},
    )
    imap_pop_monitor_id = fields.Integer(
        required=True, allow_none=True, metadata={"description": "The target, if there is one alone."}
    )
    created_at = Instant(required=True)
    updated_at = Instant(required=True)


class MaintenanceWindowPageSchema(PageSchema):
    items = fields.List(fields.Nested(MaintenanceWindowSchema), required=True)


class MaintenanceWindowQueryArgsSchema(PageArgsSchema):
    organization_id = Whole(1, is_text=True, metadata={"description": OTHER_ORGANIZATION})
    customer_id = CustomerReference()
    imap_pop_monitor_id = Reference(
        metadata={"description": "Those that concern this monitor, as one of its customer's too."}
    )
    active = Choice(("true", "false"), metadata={"description": "Whether it is open now."})

    @post_load
    def plainly(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        if "active" in data:
            data["active"] = data["active"] == "true"
        return data


class MaintenanceSchema(Schema):
    """The key `maintenance` of a monitor's details (contract 3.2)."""

    in_maintenance = fields.Boolean(required=True)
    active_windows = fields.List(
        fields.Nested(MaintenanceWindowSchema),
        required=True,
        metadata={"description": "Those that are open now."},
    )
    all_windows = fields.List(
        fields.Nested(MaintenanceWindowSchema),
        required=True,
        metadata={"description": "Those that are open or to come, the newest first, 100 at most."},
    )


def window_document(window: Any) -> dict[str, Any]:
    targets = sorted(target.monitor_id for target in window.targets)
    pattern = window.recurrence_pattern
    return {
        **{name: getattr(window, name) for name in _COLUMNS},
        "recurrence_pattern": pattern and _pattern_document(pattern),
        "targets": [{"type": IMAP_POP, "id": number} for number in targets],
        "imap_pop_monitor_id": targets[0] if len(targets) == 1 else None,
    }


def _pattern_document(pattern: dict[str, Any]) -> dict[str, Any]:
    document = {name: pattern.get(str(field.data_key)) for name, field in _PATTERN_FIELDS.items()}
    return {**document, "frequency": RecurrenceFrequency(pattern["frequency"])}


def maintenance_document(shown: dict[str, Any]) -> dict[str, Any]:
    """What the service shows of a monitor's maintenance, for the schema above."""
    lists = {
        name: [window_document(row) for row in shown[name]] for name in ("active_windows", "all_windows")
    }
    return {**shown, **lists}


_COLUMNS = ("id", "public_id", "organization_id", "customer_id", *COLUMNS, "created_at", "updated_at")
_PATTERN_FIELDS = RecurrencePatternAnswerSchema().fields
