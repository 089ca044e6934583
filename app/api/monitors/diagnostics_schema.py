"""The `diagnostics` of a check (contract 3.3): what callers are told of it. It goes out as it was stored."""

from marshmallow import INCLUDE, fields

from app.documents.fields import Instant
from app.documents.schema import Schema
from app.domain.enums import ErrorCode, Phase, WarningCode

CODES = (*ErrorCode, *WarningCode)
_MILLISECONDS = {"description": "Milliseconds by rung, of the last attempt."}


class EvidenceOfCheckSchema(Schema):
    """What was not seen is absent; later versions may add keys."""

    class Meta:
        unknown = INCLUDE


class CertificateSchema(EvidenceOfCheckSchema):
    subject = fields.String()
    issuer = fields.String()
    not_before = Instant()
    not_after = Instant()
    days_remaining = fields.Integer(metadata={"description": "Rounded down; negative once it has expired."})
    fingerprint_sha256 = fields.String()


class SeenTlsSchema(EvidenceOfCheckSchema):
    version = fields.String(allow_none=True)
    cipher = fields.String(allow_none=True)
    verified = fields.Boolean()
    certificate = fields.Nested(CertificateSchema)


class SeenServerSchema(EvidenceOfCheckSchema):
    greeting = fields.String()
    capabilities = fields.List(fields.String())


class SeenMailboxSchema(EvidenceOfCheckSchema):
    name = fields.String()
    messages = fields.Integer(allow_none=True)
    newest_message_at = Instant()


class DiagnosticsSchema(EvidenceOfCheckSchema):
    error_code = fields.String(allow_none=True, metadata={"enum": [*CODES, None]})
    phase = fields.String(
        allow_none=True, metadata={"enum": [*Phase, None], "description": "The rung that decided."}
    )
    address = fields.String()
    timings = fields.Dict(keys=fields.String(), values=fields.Integer(), metadata=_MILLISECONDS)
    tls = fields.Nested(SeenTlsSchema)
    server = fields.Nested(SeenServerSchema)
    mailbox = fields.Nested(SeenMailboxSchema)
    warnings = fields.List(fields.Enum(WarningCode, by_value=True))
    attempts = fields.Integer()
    transcript = fields.List(fields.String(), metadata={"description": "Of a failed check only."})
