"""The parts that other tests rely on do what they are told."""

import smtplib
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import pytest

from app.domain.enums import Security
from tests.parts.certificates import authority
from tests.parts.http_receiver import HttpReceiver, close, garbage, hang, redirect, reply, reset
from tests.parts.smtp_sink import SmtpSink

LETTER = "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nHello\r\n"
SHORT = 0.3


def trust() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authority().pem)


def send_all(client: smtplib.SMTP) -> None:
    client.ehlo()
    client.login("u", "p")
    client.sendmail("from@example.com", ["to@example.com"], LETTER)


def test_a_mail_is_kept_with_what_was_told_around_it() -> None:
    with SmtpSink() as sink, smtplib.SMTP(sink.host, sink.port, timeout=5) as client:
        client.sendmail("from@example.com", ["to@example.com"], LETTER)

    (mail,) = sink.mails
    assert (mail.sender, mail.recipients) == ("from@example.com", ("to@example.com",))
    assert (mail.subject, mail.text.strip(), mail.html) == ("Grüße", "Hello", "")
    assert (mail.is_secured, mail.user) == (False, None)


def test_a_sink_with_starttls_and_login_takes_nothing_without_them() -> None:
    with (
        SmtpSink(Security.STARTTLS, user="u", password="p@ss") as sink,
        smtplib.SMTP(sink.host, sink.port, timeout=5) as client,
    ):
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("from@example.com", ["to@example.com"], LETTER)
        client.starttls(context=trust())
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("from@example.com", ["to@example.com"], LETTER)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("u", "wrong")
        client.login("u", "p@ss")
        client.sendmail("from@example.com", ["to@example.com"], LETTER)

        assert sink.url == f"smtp://u:p%40ss@127.0.0.1:{sink.port}?starttls=required"
    (mail,) = sink.mails
    assert (mail.is_secured, mail.user) == (True, "u")


def test_a_sink_speaks_tls_from_the_first_byte() -> None:
    with (
        SmtpSink(Security.TLS, user="u", password="p") as sink,
        smtplib.SMTP_SSL(sink.host, sink.port, timeout=5, context=trust()) as client,
    ):
        client.login("u", "p")
        client.sendmail("from@example.com", ["to@example.com"], LETTER)

    assert [(mail.is_secured, mail.user) for mail in sink.mails] == [(True, "u")]


def test_a_sink_refuses_what_it_is_told_to() -> None:
    with SmtpSink() as sink, smtplib.SMTP(sink.host, sink.port, timeout=5) as client:
        sink.refusals["gone@example.com"] = "550 5.1.1 No such user here"
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("from@example.com", ["gone@example.com"], LETTER)
        sink.answer = "451 4.3.0 Later"
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail("from@example.com", ["to@example.com"], LETTER)

    assert sink.mails == []


@pytest.mark.parametrize("command", ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"])
def test_a_sink_hangs_where_it_is_told_to_and_stops_all_the_same(command: str) -> None:
    with SmtpSink(user="u", password="p") as sink:
        sink.hangs_at = command
        with (
            smtplib.SMTP(sink.host, sink.port, timeout=SHORT) as client,
            pytest.raises(smtplib.SMTPServerDisconnected),
        ):
            send_all(client)


def test_a_request_is_kept_as_it_came() -> None:
    with HttpReceiver(reply(201, {"ok": True})) as receiver:
        client = HTTPConnection(receiver.url.removeprefix("http://"), timeout=5)
        client.request("PUT", "/path?a=b", b'{"x": 1}', {"X-Some": "thing"})
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (201, b'{"ok": true}')
        client.close()

    (request,) = receiver.requests
    assert (request.method, request.target, request.json) == ("PUT", "/path?a=b", {"x": 1})
    assert (request.headers["x-some"], request.is_secured) == ("thing", False)
    assert "X-Some: thing".lower() in request.text


def test_a_receiver_has_a_certificate_for_the_names_it_is_given() -> None:
    with HttpReceiver(names=("127.0.0.1", "hooks.example")) as receiver:
        client = HTTPSConnection(receiver.url.removeprefix("https://"), timeout=5, context=trust())
        client.request("GET", "/")
        assert client.getresponse().status == 200
        client.close()

    assert receiver.requests[0].is_secured


def test_answers_come_one_by_one_and_the_last_for_ever() -> None:
    statuses = []
    with HttpReceiver(reply(204)) as receiver:
        receiver.once += [reply(500), redirect("http://elsewhere.example/")]
        for _ in range(4):
            client = HTTPConnection(receiver.url.removeprefix("http://"), timeout=5)
            client.request("GET", "/")
            statuses.append(client.getresponse().status)
            client.close()

    assert statuses == [500, 307, 204, 204]


@pytest.mark.parametrize("act", [hang, close, reset, garbage])
def test_a_receiver_misbehaves_and_stops_all_the_same(act: object) -> None:
    with HttpReceiver(act) as receiver:
        client = HTTPConnection(receiver.url.removeprefix("http://"), timeout=SHORT)
        client.request("GET", "/")
        with pytest.raises((OSError, HTTPException)):
            client.getresponse()
        client.close()
