"""Settings for tokens, presets filled in."""

from typing import Any

import pytest

from app.domain.enums import GrantType, OAuthPreset, Protocol
from app.domain.oauth import PRESETS, TokenUrl, TokenUrlError, oauth_from_config, split_token_url
from app.domain.target import target_from_config

CLIENT = {"clientId": "c", "clientSecret": "s"}
CONFIG: dict[str, Any] = {"user": "u", "tls": True, "authMethod": "xoauth2"}


@pytest.mark.parametrize(
    ("oauth2", "url", "grant", "scope"),
    [
        (
            {"preset": "microsoft365", "tenant": "example.com"},
            "https://login.microsoftonline.com/example.com/oauth2/v2.0/token",
            GrantType.CLIENT_CREDENTIALS,
            "https://outlook.office365.com/.default",
        ),
        (
            {"preset": "microsoft365", "tenant": "common", "refreshToken": "r"},
            "https://login.microsoftonline.com/common/oauth2/v2.0/token",
            GrantType.REFRESH_TOKEN,
            "https://outlook.office365.com/.default offline_access",
        ),
        (
            {"preset": "google", "refreshToken": "r"},
            "https://oauth2.googleapis.com/token",
            GrantType.REFRESH_TOKEN,
            "https://mail.google.com/",
        ),
        (
            {"preset": "google", "refreshToken": "r", "tokenUrl": "https://a.example/", "scope": "mine"},
            "https://a.example/",
            GrantType.REFRESH_TOKEN,
            "mine",
        ),
        (
            {"tokenUrl": "https://a.example/", "grantType": "client_credentials"},
            "https://a.example/",
            GrantType.CLIENT_CREDENTIALS,
            None,
        ),
    ],
)
def test_presets_fill_in_what_is_not_given(
    oauth2: dict[str, str], url: str, grant: GrantType, scope: str | None
) -> None:
    settings = oauth_from_config({**CLIENT, **oauth2})
    assert (settings.token_url, settings.grant_type, settings.scope) == (url, grant, scope)
    split_token_url(settings.token_url)


def test_every_preset_has_settings() -> None:
    assert PRESETS.keys() == set(OAuthPreset)
    assert [name for name, preset in PRESETS.items() if preset.has_tenants] == [OAuthPreset.MICROSOFT365]


def test_target_has_a_token_or_a_password_but_never_falls_back() -> None:
    oauth2 = {**CLIENT, "tokenUrl": "https://a.example/"}
    assert target_from_config("a.example", None, {**CONFIG, "oauth2": oauth2}).oauth is not None
    assert target_from_config("a.example", None, {**CONFIG, "authMethod": "password"}).oauth is None
    broken = target_from_config("a.example", None, CONFIG)
    assert broken.oauth is not None
    assert (broken.oauth.token_url, broken.protocol) == ("", Protocol.IMAP)


def test_secrets_are_in_no_repr() -> None:
    settings = oauth_from_config(
        {"clientId": "c", "clientSecret": "s3", "refreshToken": "r3", "tokenUrl": "https://a.example/?key=k3"}
    )
    target = target_from_config("a.example", None, CONFIG)
    assert settings.secrets == ("s3", "r3")
    assert not any(secret in repr((settings, target)) for secret in ("s3", "r3", "k3"))
    assert "k3" not in repr(split_token_url(settings.token_url))


@pytest.mark.parametrize(
    ("query", "secrets"),
    [
        ("?code=abcdef%2F12", ("abcdef%2F12", "abcdef/12")),
        ("?v=2&sig=abcdefgh&&x", ("abcdefgh",)),
        ("?abcdefgh", ("abcdefgh",)),
        ("?v=2021-1", ()),
        ("", ()),
    ],
)
def test_keys_in_the_query_of_the_token_url_are_secrets(query: str, secrets: tuple[str, ...]) -> None:
    settings = oauth_from_config({"clientId": "c", "tokenUrl": f"https://a.example/token{query}"})
    assert settings.secrets == secrets


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://a.example", TokenUrl("a.example", 443, "/")),
        ("HTTPS://A.Example:8443/x?y=z", TokenUrl("a.example", 8443, "/x?y=z")),
        ("https://bücher.example/", TokenUrl("xn--bcher-kva.example", 443, "/")),
        ("https://[2001:DB8::1]:1/", TokenUrl("2001:db8::1", 1, "/")),
    ],
)
def test_url_is_taken_apart(url: str, parts: TokenUrl) -> None:
    assert split_token_url(url) == parts


@pytest.mark.parametrize(
    "url",
    ["http://a.example/", "https://", "https://a@b.example/", "https://a.example:0/", "https://a.example/é",
     "https://a.example/#", "https://a.example/\n", "https://a\u2100.example/", "https://\uff11.1.1.1.1/"],
)  # fmt: skip
def test_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(TokenUrlError):
        split_token_url(url)
