"""The `imapPopConfig` object: which keys are understood, and how it is returned as it was sent."""

from typing import Any

from cryptography.x509 import load_pem_x509_certificates
from marshmallow import INCLUDE, ValidationError, fields, validates_schema

from app.api.base import Schema
from app.api.fields import Choice, Flag, Hostname, Text, Whole, unstorable
from app.domain.enums import Protocol

TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")
MAX_CA = 48 * 1024
MULTILINE = frozenset({"tlsOptions.ca"})
NOT_YET = ("oauth2", "maxMessageAgeMinutes")
"""Keys of the contract that this version does not honour: refused, never ignored in silence."""
NOT_SUPPORTED = "is not supported by this version"


class PemText(fields.String):
    """One or more certificates in PEM form; the only text here that has lines."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text: str = super()._deserialize(value, *args, **kwargs)
        if len(text) > MAX_CA:
            raise ValidationError(f"must have at most {MAX_CA} characters")
        try:
            load_pem_x509_certificates(text.encode())
        except ValueError:
            raise ValidationError("must be one or more certificates in PEM form") from None
        return text


class TlsOptionsSchema(Schema):
    class Meta:
        unknown = INCLUDE

    reject_unauthorized = Flag(metadata={"description": "Default true. Honoured for IMAP and POP3."})
    servername = Hostname(allow_none=True, metadata={"description": "Name to ask for and to verify."})
    min_version = Choice(TLS_VERSIONS, allow_none=True)
    ca = PemText(allow_none=True, metadata={"description": "Authorities to trust instead of the system's."})


class ImapPopConfigSchema(Schema):
    """Keys that the checks understand. Others are kept and unused."""

    class Meta:
        unknown = INCLUDE

    protocol = Choice(Protocol, metadata={"description": "Default `imap`."})
    user = Text(1, 1024, allow_none=True)
    password = Text(1, 1024, allow_none=True, metadata={"format": "password"})
    tls = Flag(metadata={"description": "TLS from the first byte. Default false."})
    start_tls = Flag(metadata={"description": "Upgrade on the plain port, required and never skipped."})
    tls_options = fields.Nested(TlsOptionsSchema, allow_none=True)
    auth_method = Choice(["password"])
    mailbox = Text(1, 255, allow_none=True, metadata={"description": "IMAP folder. Default `INBOX`."})
    certificate_warning_days = Whole(
        0,
        3650,
        allow_none=True,
        metadata={"description": "Days before expiry. Default 14; 0: never."},
    )
    response_time_warning_ms = Whole(
        1, 60_000, allow_none=True, metadata={"description": "Warn when a check takes longer."}
    )

    @validates_schema(skip_on_field_errors=False)
    def fits_together(self, data: dict[str, Any], **_: Any) -> None:
        faults = {name: [NOT_SUPPORTED] for name in NOT_YET if name in data}
        if data.get("tls") and data.get("start_tls"):
            faults["startTls"] = ["excludes tls: a connection is either TLS from the start or upgraded"]
        if data.get("user") is not None and data.get("password") is None:
            faults["password"] = ["is required with user"]
        if faults:
            raise ValidationError(faults)


class ConfigField(fields.Nested):
    """Validates the object and returns it as it was sent: no defaults, unknown keys kept."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(ImapPopConfigSchema, allow_none=True, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, dict):
            raise ValidationError("must be an object")
        faults = unstorable(value, MULTILINE)
        try:
            super()._deserialize(value, *args, **kwargs)
        except ValidationError as error:
            faults = {**error.messages_dict, **faults}
        if faults:
            raise ValidationError(faults)
        return value
