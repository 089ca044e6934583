"""What a stored config means to a checker."""

from typing import Any

import pytest

from app.domain.enums import CheckStatus, ErrorCode, Protocol, Security
from app.domain.outcome import CheckOutcome
from app.domain.target import CheckTarget, TlsPolicy, target_from_config


@pytest.mark.parametrize(
    ("config", "port"),
    [
        ({}, 143),
        ({"tls": True}, 993),
        ({"tls": False}, 143),
        ({"startTls": True}, 143),
        ({"protocol": "imap", "tls": True}, 993),
        ({"protocol": "pop3"}, 110),
        ({"protocol": "pop3", "tls": True}, 995),
        ({"protocol": "pop3", "startTls": True}, 110),
    ],
)
def test_a_port_left_out_is_the_protocols(config: dict[str, Any], port: int) -> None:
    assert target_from_config("a.example", None, config).effective_port == port
    assert target_from_config("a.example", 1234, config).effective_port == 1234


@pytest.mark.parametrize(
    "config", [{}, {"tlsOptions": None}, {"tlsOptions": {}}, {"mailbox": None, "user": None}]
)
def test_an_empty_config_has_the_defaults_of_the_page(config: dict[str, Any]) -> None:
    assert target_from_config("a.example", None, config) == CheckTarget(
        hostname="a.example",
        protocol=Protocol.IMAP,
        security=Security.PLAIN,
        mailbox="INBOX",
        tls=TlsPolicy(verify=True),
    )


@pytest.mark.parametrize(
    ("config", "security"),
    [
        ({"tls": True}, Security.TLS),
        ({"startTls": True}, Security.STARTTLS),
        ({"tls": False}, Security.PLAIN),
    ],
)
def test_security_follows_its_two_keys(config: dict[str, Any], security: Security) -> None:
    assert target_from_config("a.example", None, config).security is security


def test_every_key_reaches_the_target() -> None:
    options = {"rejectUnauthorized": False, "ca": "PEM", "minVersion": "TLSv1.3", "servername": "b.example"}
    config = {"protocol": "pop3", "user": "u", "password": "p", "tls": True, "tlsOptions": options,
              "mailbox": "Sent", "certificateWarningDays": 0, "responseTimeWarningMs": 500}  # fmt: skip

    assert target_from_config("a.example", 995, config) == CheckTarget(
        hostname="a.example",
        protocol=Protocol.POP3,
        port=995,
        security=Security.TLS,
        tls=TlsPolicy(verify=False, ca="PEM", minimum_version="TLSv1.3"),
        tls_servername="b.example",
        user="u",
        password="p",
        mailbox="Sent",
        certificate_warning_days=0,
        response_time_warning_ms=500,
    )


@pytest.mark.parametrize(("days", "warned"), [(None, 14), (0, 0), (30, 30)])
def test_zero_days_of_warning_are_not_the_default(days: int | None, warned: int) -> None:
    assert target_from_config("a", None, {"certificateWarningDays": days}).certificate_warning_days == warned


def test_a_repr_holds_no_password() -> None:
    assert "s3cret" not in repr(target_from_config("a.example", None, {"user": "u", "password": "s3cret"}))


@pytest.mark.parametrize(
    ("status", "error", "warning"),
    [(CheckStatus.SUCCESS, None, None), (CheckStatus.WARNING, None, "m"), (CheckStatus.ERROR, "m", None)],
)
def test_an_outcomes_message_is_an_error_or_a_warning(status: CheckStatus, error: Any, warning: Any) -> None:
    outcome = CheckOutcome(status=status, duration_ms=1, code=ErrorCode.TIMEOUT, message="m")

    assert (outcome.error_message, outcome.warning_message) == (error, warning)
