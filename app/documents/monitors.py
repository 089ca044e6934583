"""What people say of a monitor: the bodies of `POST` and `PATCH` (contract 3.1)."""

from app.documents.fields import (
    CUSTOMER_FAULT,
    Choice,
    CountryCodes,
    CustomerReference,
    Email,
    Hostname,
    Number,
    Phone,
    Text,
    Whole,
)
from app.documents.mailbox_config import ConfigField
from app.documents.schema import OTHER_ORGANIZATION, BodySchema
from app.domain.enums import MonitorStatus

STATUS_ALIASES = {"paused": "disabled", "inactive": "disabled"}
CUSTOMER_ID = "The numeric id or the public UUID of a customer."
MINUTES = "Minutes."
SECONDS = "Seconds for the whole check, name resolution to logout."
NULL_PORT = "Null: 993 or 143 for IMAP with or without `tls`, 995 or 110 for POP3."
SAME = "The same as `imapPopConfig`."


class MonitorPatchSchema(BodySchema):
    """The keys that may be changed; a missing one is kept."""

    READ_ONLY = frozenset(
        {
            "id",
            "publicId",
            "organizationId",
            "customerPublicId",
            "customerName",
            "customer",
            "lastCheckedAt",
            "nextCheckAt",
            "health",
            "lastStatus",
            "lastErrorMessage",
            "createdAt",
            "updatedAt",
        }
    )

    customer_id = CustomerReference(metadata={"description": CUSTOMER_ID})
    name = Text(1, 255, trim=True)
    hostname = Hostname()
    port = Whole(1, 65535, allow_none=True, metadata={"description": NULL_PORT})
    status = Choice(MonitorStatus, STATUS_ALIASES)
    check_interval = Number(0.5, 1440, metadata={"description": MINUTES})
    timeout_seconds = Whole(1, 60, metadata={"description": SECONDS})
    notification_email = Email(allow_none=True)
    notification_phone_number = Phone(allow_none=True)
    allowed_check_country_codes = CountryCodes()
    imap_pop_config = ConfigField()
    config = ConfigField(metadata={"description": SAME})


class MonitorCreateSchema(MonitorPatchSchema):
    READ_ONLY = MonitorPatchSchema.READ_ONLY - {"organizationId"}

    organization_id = Whole(1, metadata={"description": OTHER_ORGANIZATION})
    customer_id = CustomerReference(
        required=True, error_messages={"required": CUSTOMER_FAULT}, metadata={"description": CUSTOMER_ID}
    )
    name = Text(1, 255, trim=True, required=True)
    hostname = Hostname(required=True)
    status = Choice(MonitorStatus, STATUS_ALIASES, load_default=MonitorStatus.ACTIVE)
    check_interval = Number(0.5, 1440, load_default=5.0, metadata={"description": MINUTES})
    timeout_seconds = Whole(1, 60, load_default=30, metadata={"description": SECONDS})
