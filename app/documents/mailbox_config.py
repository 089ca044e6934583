"""The `imapPopConfig` object: which keys are understood, and how it is returned as it was sent."""

from typing import Any

from marshmallow import INCLUDE, ValidationError, fields, validates_schema

from app.documents.fields import Choice, Flag, Hostname, Text, Whole, unstorable
from app.documents.oauth import OAuthSchema
from app.documents.pem import PemText
from app.documents.schema import Schema
from app.domain.enums import AuthMethod, Protocol

TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")
MAX_AGE_MINUTES = 366 * 24 * 60
MULTILINE = frozenset({"tlsOptions.ca", "oauth2.ca"})


class TlsOptionsSchema(Schema):
    class Meta:
        unknown = INCLUDE

    reject_unauthorized = Flag(metadata={"description": "Default true. Honoured for IMAP and POP3."})
    servername = Hostname(allow_none=True, metadata={"description": "Name to ask for and to verify."})
    min_version = Choice(TLS_VERSIONS, allow_none=True)
    legacy = Flag(
        metadata={"description": "Also TLS 1.0 and 1.1 and weak ciphers, for servers that know no better."}
    )
    ca = PemText(allow_none=True, metadata={"description": "Authorities to trust instead of the system's."})

    @validates_schema(skip_on_field_errors=False)
    def fits_together(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("legacy") and data.get("min_version"):
            raise ValidationError({"legacy": ["excludes minVersion: it is there to allow older ones"]})


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
    auth_method = Choice(AuthMethod, metadata={"description": "Default `password`."})
    oauth2 = fields.Nested(
        OAuthSchema, allow_none=True, metadata={"description": "With authMethod `xoauth2`, and needed there."}
    )
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
    max_message_age_minutes = Whole(
        1, MAX_AGE_MINUTES, allow_none=True, metadata={"description": "Warn when no newer message is there."}
    )

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def fits_together(self, data: dict[str, Any], sent: dict[str, Any], **_: Any) -> None:
        is_xoauth2 = data.get("auth_method") == AuthMethod.XOAUTH2
        faults = _xoauth2_faults(sent) if is_xoauth2 else {}
        if sent.get("oauth2") is not None and not is_xoauth2:
            faults["oauth2"] = ["is of use with authMethod xoauth2 alone"]
        if data.get("tls") and data.get("start_tls"):
            faults["startTls"] = ["excludes tls: a connection is either TLS from the start or upgraded"]
        if data.get("user") is not None and data.get("password") is None and not is_xoauth2:
            faults["password"] = ["is required with user"]
        if faults:
            raise ValidationError(faults)


def _xoauth2_faults(sent: dict[str, Any]) -> dict[str, list[str]]:
    faults = {
        name: ["is required with authMethod xoauth2"] for name in ("user", "oauth2") if sent.get(name) is None
    }
    if not sent.get("tls") and not sent.get("startTls"):
        faults["authMethod"] = ["xoauth2 needs tls or startTls: a token is never sent in the clear"]
    return faults


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
