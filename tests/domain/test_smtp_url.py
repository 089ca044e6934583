"""SMTP_URL and SMS_URL taken apart."""

import pytest

from app.domain.sms_url import GATEWAY_SCHEMES, read_sms_url
from app.domain.smtp_url import SmtpSecurity, SmtpServer, SmtpUrlError, split_smtp_url
from app.notifiers.plugins import GATEWAYS

REQUIRED, OPTIONAL, OFF, TLS = (
    SmtpSecurity.REQUIRED,
    SmtpSecurity.OPTIONAL,
    SmtpSecurity.OFF,
    SmtpSecurity.TLS,
)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://localhost", SmtpServer("localhost", 25, OFF)),
        ("smtp://Mail.Example:2525/", SmtpServer("mail.example", 2525, OFF)),
        ("smtp://u:p@mail.example", SmtpServer("mail.example", 587, REQUIRED, "u", "p")),
        ("smtp://mail.example?starttls=required", SmtpServer("mail.example", 587, REQUIRED)),
        ("smtp://mail.example:25?starttls=optional", SmtpServer("mail.example", 25, OPTIONAL)),
        ("smtp://u:p@mail.example?starttls=off", SmtpServer("mail.example", 25, OFF, "u", "p")),
        ("smtps://u%40x.y:a%2Fb%3Ac@[2001:db8::1]", SmtpServer("2001:db8::1", 465, TLS, "u@x.y", "a/b:c")),
        ("smtps://bücher.example:4650", SmtpServer("xn--bcher-kva.example", 4650, TLS)),
    ],
)
def test_a_url_says_where_and_how_mail_is_handed_in(url: str, server: SmtpServer) -> None:
    assert split_smtp_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:25",
        "http://mail.example",
        "smtp://",
        "smtp://:25",
        "smtp://mail.example:0",
        "smtp://mail.example:x",
        "smtp://mail.example/queue",
        "smtp://mail.example#x",
        "smtp://secret@mail.example",
        "smtp://:secret@mail.example",
        "smtp://secret:@mail.example",
        "smtp://mail.example?starttls=yes",
        "smtp://mail.example?starttls=",
        "smtp://mail.example?timeout=5",
        "smtps://mail.example?starttls=off",
    ],
)
def test_what_cannot_work_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(SmtpUrlError) as refusal:
        split_smtp_url(url)

    assert "secret" not in str(refusal.value)


def test_no_repr_shows_the_password() -> None:
    assert "hunter2" not in repr(split_smtp_url("smtp://u:hunter2@mail.example"))


@pytest.mark.parametrize("url", ["twilio://a:b@+1555/{to}", "JSONS://gateway.example/send?to={to}"])
def test_sms_go_over_a_service_or_the_operators_gateway(url: str) -> None:
    assert read_sms_url(url) == url


@pytest.mark.parametrize(
    "url", ["twilio://a:b@+1555/+1556", "mailto://{to}", "file:///{to}", "twilio://a b/{to}", "{to}", ""]
)
def test_an_sms_url_needs_a_known_service_and_a_place_for_the_number(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(is no URL of|has no \{to\})"):
        read_sms_url(url)


def test_the_gateways_of_the_setting_are_those_of_the_notifiers() -> None:
    assert GATEWAYS.keys() == GATEWAY_SCHEMES
