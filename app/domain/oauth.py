"""Where a monitor's OAuth 2.0 tokens come from: its `oauth2` object, read with the presets (contract 3.1)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from app.domain.enums import GrantType, OAuthPreset
from app.domain.http_url import USUAL_PORTS, HttpUrlError, split_http_url

HTTPS_PORT = USUAL_PORTS["https"]
SHORTEST_KEY = 8
"""What is shorter in a URL's query is no key, but a version, say."""


class TokenUrlError(ValueError):
    """The text is no https URL that a token could be asked for at; it says why."""


@dataclass(frozen=True)
class TokenUrl:
    """The parts of a token endpoint's URL: an A-label or IP literal, a port, and path with query."""

    hostname: str
    port: int
    path: str = field(repr=False)


@dataclass(frozen=True)
class Preset:
    """What is known of a provider. `token_url` has a place for the tenant where the provider has tenants."""

    token_url: str
    scopes: Mapping[GrantType, str]
    """Grants that the provider knows, and the scope that mail takes."""

    @property
    def has_tenants(self) -> bool:
        return "{tenant}" in self.token_url


PRESETS = {
    OAuthPreset.MICROSOFT365: Preset(
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
        {
            GrantType.CLIENT_CREDENTIALS: "https://outlook.office365.com/.default",
            # offline_access, so that the answer has the refresh token that takes this one's place.
            GrantType.REFRESH_TOKEN: "https://outlook.office365.com/.default offline_access",
        },
    ),
    OAuthPreset.GOOGLE: Preset(
        "https://oauth2.googleapis.com/token", {GrantType.REFRESH_TOKEN: "https://mail.google.com/"}
    ),
}


@dataclass(frozen=True)
class OAuthSettings:
    """All that a token depends on, presets filled in."""

    token_url: str = field(repr=False)
    """May carry keys of its own in its query, so it is shown by its host name only."""
    grant_type: GrantType
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    scope: str | None = None
    ca: str | None = None
    """PEM text of the authorities that the token endpoint's certificate must come from, for one in-house."""

    @property
    def secrets(self) -> tuple[str, ...]:
        kept = (self.client_secret, self.refresh_token, *_values_in_query(self.token_url))
        return tuple(secret for secret in kept if secret)


def _values_in_query(url: str) -> Iterator[str]:
    """As they are written and as they are meant, but for those too short to be a key."""
    for item in url.partition("?")[2].split("&"):
        name, _, value = item.partition("=")
        written = value or name
        yield from (
            form for form in dict.fromkeys((written, unquote_plus(written))) if len(form) >= SHORTEST_KEY
        )


def oauth_from_config(oauth2: Mapping[str, Any]) -> OAuthSettings:
    """Read a stored, validated `oauth2` object."""
    grant_type = grant_type_of(oauth2)
    preset = preset_of(oauth2)
    return OAuthSettings(
        token_url=token_url_of(oauth2) or "",
        grant_type=grant_type,
        client_id=oauth2.get("clientId") or "",
        client_secret=oauth2.get("clientSecret"),
        refresh_token=oauth2.get("refreshToken"),
        scope=oauth2.get("scope") or (preset.scopes.get(grant_type) if preset else None),
        ca=oauth2.get("ca"),
    )


def grant_type_of(oauth2: Mapping[str, Any]) -> GrantType:
    """As it is set; else what there is to show for it."""
    default = GrantType.REFRESH_TOKEN if oauth2.get("refreshToken") else GrantType.CLIENT_CREDENTIALS
    return GrantType(oauth2.get("grantType") or default)


def preset_of(oauth2: Mapping[str, Any]) -> Preset | None:
    name = oauth2.get("preset")
    return PRESETS[OAuthPreset(name)] if name else None


def token_url_of(oauth2: Mapping[str, Any]) -> str | None:
    """The URL that is given, else the preset's."""
    preset = preset_of(oauth2)
    if oauth2.get("tokenUrl") or preset is None:
        return oauth2.get("tokenUrl")
    return preset.token_url.format(tenant=oauth2.get("tenant"))


def split_token_url(url: str) -> TokenUrl:
    """Take a token endpoint's URL apart. Raises TokenUrlError."""
    try:
        parts = split_http_url(url, only_https=True)
    except HttpUrlError as error:
        raise TokenUrlError(str(error)) from None
    return TokenUrl(parts.hostname, parts.port, parts.path)
