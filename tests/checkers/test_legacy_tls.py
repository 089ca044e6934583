"""Servers that know no TLS but the old: refused, unless somebody says that it has to be."""

import ssl

import pytest

from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security
from app.domain.target import TlsPolicy, target_from_config
from tests.checkers.faking import check
from tests.fakes.handshakes import speak_only
from tests.parts.certificates import authority, stranger

OLD = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
LEGACY = TlsPolicy(ca=authority().pem, is_legacy=True)

old_versions = pytest.mark.parametrize("version", OLD, ids=lambda version: version.name)
every_protocol = pytest.mark.parametrize("protocol", Protocol)


@every_protocol
@old_versions
@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_legacy_mode_reaches_an_old_server(
    protocol: Protocol, version: ssl.TLSVersion, security: Security
) -> None:
    script = {"tls": speak_only(version), "starttls": [_consent(protocol), speak_only(version)]}
    outcome, _ = check(protocol, script, security, tls=LEGACY)

    assert outcome.status is CheckStatus.SUCCESS, outcome.message
    assert outcome.diagnostics["tls"]["version"] == {"TLSv1": "TLSv1", "TLSv1_1": "TLSv1.1"}[version.name]
    assert outcome.diagnostics["tls"]["verified"] is True


@every_protocol
@old_versions
def test_old_server_is_refused_otherwise(protocol: Protocol, version: ssl.TLSVersion) -> None:
    outcome, server = check(protocol, {"tls": speak_only(version)}, Security.TLS)

    assert (outcome.code, outcome.phase) == (ErrorCode.TLS_FAILURE, Phase.TLS)
    assert server.lines == []


@every_protocol
def test_legacy_mode_still_verifies(protocol: Protocol) -> None:
    script = {"tls": speak_only(ssl.TLSVersion.TLSv1)}
    outcome, _ = check(protocol, script, Security.TLS, tls=TlsPolicy(ca=stranger().pem, is_legacy=True))
    assert outcome.code is ErrorCode.CERTIFICATE_UNTRUSTED


@every_protocol
def test_legacy_mode_takes_what_is_new(protocol: Protocol) -> None:
    outcome, _ = check(protocol, None, Security.TLS, tls=LEGACY)
    assert outcome.diagnostics["tls"]["version"] == "TLSv1.3"


@pytest.mark.parametrize(
    ("options", "is_legacy"), [({"legacy": True}, True), ({"legacy": False}, False), ({}, False)]
)
def test_it_is_asked_for_in_the_config(options: dict[str, bool], is_legacy: bool) -> None:
    assert (
        target_from_config("a.example", None, {"tls": True, "tlsOptions": options}).tls.is_legacy is is_legacy
    )


def _consent(protocol: Protocol) -> str:
    return "+OK begin TLS\r\n" if protocol is Protocol.POP3 else "{tag} OK begin TLS\r\n"
