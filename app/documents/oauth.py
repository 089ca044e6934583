"""The `oauth2` object of a config: where tokens come from that take the password's place."""

import re
from collections.abc import Iterator
from typing import Any

from marshmallow import INCLUDE, ValidationError, validates_schema

from app.documents.fields import Choice, Text
from app.documents.pem import PemText
from app.documents.schema import Schema
from app.domain.enums import GrantType, OAuthPreset
from app.domain.oauth import PRESETS, TokenUrlError, split_token_url

TENANT = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?"


class TokenUrl(Text):
    """An https URL, as it may be asked for a token."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        url = super()._deserialize(value, *args, **kwargs)
        try:
            split_token_url(url)
        except TokenUrlError as error:
            raise ValidationError(str(error)) from None
        return url


class Tenant(Text):
    """A directory's id or domain: it becomes a part of a path."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        text = super()._deserialize(value, *args, **kwargs)
        if not re.fullmatch(TENANT, text):
            raise ValidationError("must be the id or a domain of a tenant")
        return text


class OAuthSchema(Schema):
    """Keys that logins with a token understand. Others are kept and unused."""

    class Meta:
        unknown = INCLUDE

    preset = Choice(OAuthPreset, allow_none=True, metadata={"description": "Fills in tokenUrl and scope."})
    tenant = Tenant(1, 255, allow_none=True, metadata={"description": "With the preset `microsoft365`."})
    token_url = TokenUrl(
        1,
        2048,
        allow_none=True,
        metadata={"format": "uri", "description": "https only; redirects are refused."},
    )
    client_id = Text(1, 1024)
    client_secret = Text(1, 4096, allow_none=True, metadata={"format": "password"})
    refresh_token = Text(1, 8192, allow_none=True, metadata={"format": "password"})
    grant_type = Choice(
        GrantType,
        allow_none=True,
        metadata={"description": "Default `refresh_token` where there is one, else `client_credentials`."},
    )
    scope = Text(1, 4096, allow_none=True, metadata={"description": "Separated by spaces."})
    ca = PemText(
        allow_none=True,
        metadata={"description": "Authorities to trust instead of the system's at tokenUrl."},
    )

    @validates_schema
    def fits_together(self, data: dict[str, Any], **_: Any) -> None:
        if faults := {name: [fault] for name, fault in (*_place_faults(data), *_grant_faults(data))}:
            raise ValidationError(faults)


def _place_faults(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    url, preset, tenant = data.get("token_url"), data.get("preset"), data.get("tenant")
    takes_tenant = preset is not None and not url and PRESETS[preset].has_tenants
    if not url and not preset:
        yield "tokenUrl", "is required without preset"
    if takes_tenant and not tenant:
        yield "tenant", "is required with this preset, unless tokenUrl is given"
    if tenant and not takes_tenant:
        yield "tenant", "is of use with the preset microsoft365 alone, and without tokenUrl"


def _grant_faults(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    secret, refresh, preset = data.get("client_secret"), data.get("refresh_token"), data.get("preset")
    by_default = GrantType.REFRESH_TOKEN if refresh else GrantType.CLIENT_CREDENTIALS
    grant = data.get("grant_type") or by_default
    if not data.get("client_id"):
        yield "clientId", "is required"
    if preset and not data.get("token_url") and grant not in PRESETS[preset].scopes:
        yield "grantType", f"must be {' or '.join(PRESETS[preset].scopes)} with this preset"
    if grant is GrantType.REFRESH_TOKEN and not refresh:
        yield "refreshToken", "is required with grantType refresh_token"
    if grant is GrantType.CLIENT_CREDENTIALS and refresh:
        yield "refreshToken", "is not used with grantType client_credentials"
    if grant is GrantType.CLIENT_CREDENTIALS and not secret:
        yield "clientSecret", "is required with grantType client_credentials"
