"""E-mail, handed in at a real SMTP server: what arrives there, and what becomes of each way to refuse it."""

import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from app import notifiers
from app.domain.enums import AlertEvent, Language, Security
from app.domain.notification import Delivery, Notice
from app.domain.smtp_url import split_smtp_url
from app.notifiers import Transport
from tests.fakes import faults
from tests.notifiers.stage import ENDED_AT, ID, INCIDENT_ID, NOTICE, RECOVERY, SENT_AT, notice, send
from tests.parts.http_receiver import HttpReceiver
from tests.parts.smtp_sink import SmtpSink

FROM = "Pillarbox Alerts <alerts@example.com>"
TO = "ops@example.org"
SECONDS = 0.4
AT_MOST = SECONDS + 0.5


def hand_in(
    sink: SmtpSink, message: Notice = NOTICE, to: str = TO, name: str | None = None, **more: Any
) -> Delivery:
    transport = {"smtp_url": split_smtp_url(sink.url), "mail_from": FROM, **more}
    config = {"email": to, **({"to": name} if name else {})}
    return send("email", config, message, **transport)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifiers, "SECONDS", SECONDS)


def test_a_mail_has_text_and_html_and_the_headers_of_an_automatic_one() -> None:
    with SmtpSink() as sink:
        delivery = hand_in(sink, name="Ops Team")

    assert delivery.is_sent, delivery
    (mail,) = sink.mails
    assert (mail.sender, mail.recipients) == ("alerts@example.com", (TO,))
    head = mail.message
    assert head.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in head.iter_parts()] == ["text/plain", "text/html"]
    assert mail.subject == "DOWN: Info mailbox (imap.example.com) - login refused"
    assert (str(head["From"]), str(head["To"])) == (FROM, f"Ops Team <{TO}>")
    assert head["Auto-Submitted"] == "auto-generated"
    assert head["X-Pillarbox-Message-Id"] == str(ID)
    assert head["X-Pillarbox-Event"] == "alert"
    assert parsedate_to_datetime(str(head["Date"])) == SENT_AT
    assert "What to do: Correct the user name" in mail.text
    assert "<td" in mail.html


def test_all_attempts_have_one_message_id_and_all_mails_of_an_incident_one_thread() -> None:
    with SmtpSink() as sink:
        for attempt in (1, 2):
            hand_in(sink, notice(attempt=attempt))
        hand_in(sink, notice(id=INCIDENT_ID, event=AlertEvent.RECOVERY, incident={"ended_at": ENDED_AT}))

    ids = [str(mail.message["Message-ID"]) for mail in sink.mails]
    assert ids == [f"<{ID}@example.com>"] * 2 + [f"<{INCIDENT_ID}@example.com>"]
    assert {str(mail.message["References"]) for mail in sink.mails} == {
        f"<incident.{INCIDENT_ID}@example.com>"
    }


def test_umlauts_arrive_in_subject_names_and_text() -> None:
    with SmtpSink() as sink:
        hand_in(sink, notice(monitor="Büro Köln ✉", language=Language.GERMAN), name="Jörg Müller")

    (mail,) = sink.mails
    assert mail.subject == "AUSFALL: Büro Köln ✉ (imap.example.com) - Anmeldung abgelehnt"
    assert str(mail.message["To"]) == f"Jörg Müller <{TO}>"
    assert "Das Postfach „Büro Köln ✉“ funktioniert nicht." in mail.text
    assert mail.data.isascii()


@pytest.mark.parametrize(
    "hostile",
    [
        "x\r\nBcc: thief@example.net",
        "x\nX-Evil: 1",
        "x\r\n\r\nbody",
        "x\u2028Bcc: a@b.c",
        "x\x00y",
        "\r\n.\r\n",
    ],
)
def test_no_name_or_text_begins_a_header_or_ends_the_mail(hostile: str) -> None:
    message = notice(monitor=hostile, incident={"error_message": hostile, "location_name": hostile})
    with SmtpSink() as sink:
        delivery = hand_in(sink, message, name=hostile)

    assert delivery.is_sent, delivery
    (mail,) = sink.mails
    assert mail.recipients == (TO,)
    assert mail.message["Bcc"] is None
    assert mail.message["X-Evil"] is None
    assert [address.addr_spec for address in mail.message["To"].addresses] == [TO]
    assert "Sent by Pillarbox for Example Hosting." in mail.text


def test_long_names_and_lines_stay_within_the_limits_of_smtp() -> None:
    with SmtpSink() as sink:
        delivery = hand_in(sink, notice(monitor="ä" * 255, incident={"error_message": "x" * 5000}))

    assert delivery.is_sent, delivery
    assert max(map(len, sink.mails[0].data.split(b"\r\n"))) <= 998


def test_an_address_in_a_domain_of_umlauts_is_reached() -> None:
    with SmtpSink() as sink:
        delivery = hand_in(sink, to="ops@bücher.example")

    assert delivery.is_sent, delivery
    assert sink.mails[0].recipients == ("ops@xn--bcher-kva.example",)


@pytest.mark.parametrize(
    "to", ["", "nobody", "a b@example.com", "a@b@example.com\r\n", "@example.com", "a@-ü-.example"]
)
def test_an_address_that_is_none_is_final(to: str) -> None:
    with SmtpSink() as sink:
        delivery = hand_in(sink, to=to)

    assert (delivery.is_sent, delivery.is_final) == (False, True)
    assert sink.connections == 0


def test_a_name_before_the_at_that_is_not_ascii_needs_a_server_that_takes_it() -> None:
    with SmtpSink() as sink:
        delivery = hand_in(sink, to="jörg@example.org")

    assert not delivery.is_sent
    assert "internationalized email support" in str(delivery.error)


@pytest.mark.parametrize("security", Security)
def test_a_mail_is_handed_in_with_login_and_the_protection_that_is_asked_for(
    security: Security, trusted: Path
) -> None:
    with SmtpSink(security, user="u@example.com", password="p/w:ö") as sink:
        url = sink.url + ("?starttls=off" if security is Security.PLAIN else "")
        sink.password = "p/w:o"
        wrong = hand_in(sink, ca_file=trusted, smtp_url=split_smtp_url(url))
        sink.password = "p/w:x"
        url = sink.url + ("?starttls=off" if security is Security.PLAIN else "")
        delivery = hand_in(sink, ca_file=trusted, smtp_url=split_smtp_url(url))

    assert not wrong.is_sent
    assert delivery.is_sent, delivery
    (mail,) = sink.mails
    assert (mail.is_secured, mail.user) == (security is not Security.PLAIN, "u@example.com")


def test_tls_where_it_is_offered_is_used_and_where_it_is_required_it_is_needed(trusted: Path) -> None:
    with SmtpSink() as plain:
        optional = split_smtp_url(f"smtp://{plain.host}:{plain.port}?starttls=optional")
        required = split_smtp_url(f"smtp://{plain.host}:{plain.port}?starttls=required")
        assert hand_in(plain, smtp_url=optional).is_sent
        refused = hand_in(plain, smtp_url=required)
    with SmtpSink(Security.STARTTLS) as offering:
        optional = split_smtp_url(f"smtp://{offering.host}:{offering.port}?starttls=optional")
        assert hand_in(offering, smtp_url=optional, ca_file=trusted).is_sent

    assert refused.error == "The mail server cannot do it: STARTTLS extension not supported by server."
    assert len(plain.mails) == 1
    assert [mail.is_secured for mail in offering.mails] == [True]


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
@pytest.mark.parametrize(
    ("certificate", "words"),
    [("untrusted", "not trusted"), ("wrong_name", "not made out to"), ("expired", "has expired")],
)
def test_a_certificate_is_verified(security: Security, certificate: str, words: str, trusted: Path) -> None:
    with SmtpSink(security, user="u", password="hunter2", certificate=certificate) as sink:
        delivery = hand_in(sink, ca_file=trusted)

    assert (delivery.is_sent, delivery.is_final) == (False, False)
    assert words in str(delivery.error)
    assert sink.mails == []


def test_a_login_that_is_refused_may_be_mended_and_shows_no_password(trusted: Path) -> None:
    with SmtpSink(Security.TLS, user="u", password="right") as sink:
        url = split_smtp_url(sink.url.replace("right", "hunter2"))
        delivery = hand_in(sink, smtp_url=url, ca_file=trusted)

    assert (delivery.is_sent, delivery.is_final) == (False, False)
    assert str(delivery.error).startswith("The mail server refused the login: 535 ")
    assert "hunter2" not in str(delivery.error)


@pytest.mark.parametrize(
    ("answer", "is_final"), [("550 5.1.1 No such user here", True), ("451 4.7.1 Greylisted", False)]
)
def test_a_refused_recipient_is_told_in_the_servers_words(answer: str, is_final: bool) -> None:
    with SmtpSink() as sink:
        sink.refusals[TO] = answer
        delivery = hand_in(sink)

    assert (delivery.is_sent, delivery.is_final) == (False, is_final)
    assert delivery.error == f"The mail server refused the recipient: {answer}"
    assert sink.mails == []


@pytest.mark.parametrize(("answer", "is_final"), [("554 5.7.1 Spam", True), ("452 4.3.1 Full", False)])
def test_a_refused_message_is_told_in_the_servers_words(answer: str, is_final: bool) -> None:
    with SmtpSink() as sink:
        sink.answer = answer
        delivery = hand_in(sink)

    assert (delivery.is_sent, delivery.is_final) == (False, is_final)
    assert delivery.error == f"The mail server refused the message: {answer}"


def test_a_server_that_asks_for_a_login_says_so() -> None:
    with SmtpSink(user="u", password="p") as sink:
        delivery = hand_in(sink, smtp_url=split_smtp_url(f"smtp://{sink.host}:{sink.port}"))

    assert delivery.error == "The mail server refused the sender: 530 5.7.0 Authentication required"


@pytest.mark.parametrize("command", ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"])
def test_a_server_that_hangs_ends_by_the_deadline(command: str, short: None) -> None:
    with SmtpSink(user="u", password="p") as sink:
        sink.hangs_at = command
        started = time.monotonic()
        delivery = hand_in(sink, smtp_url=split_smtp_url(f"{sink.url}?starttls=off"))

        assert time.monotonic() - started < AT_MOST
    assert (delivery.is_sent, delivery.is_final) == (False, False)
    assert delivery.error == "The time limit of 0.4 s is over."


@pytest.mark.parametrize(
    "greeting",
    [
        faults.silence,
        faults.close,
        faults.reset,
        faults.drip(b"220-"),
        faults.trickle(b"220-and another thing\r\n"),
        faults.flood(b"220-and another thing\r\n"),
        faults.flood(b"x"),
        b"554 5.3.2 Closed for the night\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff\xfe\r\n",
    ],
)
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_does_not_speak_smtp_ends_by_the_deadline(
    greeting: Any, scheme: str, short: None
) -> None:
    with HttpReceiver() as server:
        server.script = {**server.script, "greeting": greeting}
        started = time.monotonic()
        delivery = send(
            "email",
            {"email": TO},
            smtp_url=split_smtp_url(f"{scheme}://127.0.0.1:{server.port}"),
            mail_from=FROM,
        )

        assert time.monotonic() - started < AT_MOST
    assert not delivery.is_sent
    assert delivery.error


def test_what_a_server_says_before_tls_counts_for_nothing(trusted: Path) -> None:
    """CVE-2011-0411: an answer that somebody put behind the consent to TLS."""
    with HttpReceiver() as server:
        server.script = {
            **server.script,
            "greeting": b"220 ready\r\n",
            "request": lambda conversation: conversation.send(
                b"220 go ahead\r\n250 forged\r\n"
                if b"STARTTLS" in conversation.line
                else b"250-x\r\n250 STARTTLS\r\n"
            ),
        }
        url = split_smtp_url(f"smtp://u:hunter2@127.0.0.1:{server.port}")
        delivery = send("email", {"email": TO}, smtp_url=url, mail_from=FROM, ca_file=trusted)

    assert delivery.error == "The server sent unprotected data behind its consent to start TLS."


def test_a_server_that_hangs_behind_the_message_changes_nothing() -> None:
    """QUIT is not waited for longer than a second, and the mail is taken whatever it answers."""
    with HttpReceiver() as server:
        answers = {
            b"EHLO": b"250 hi\r\n",
            b"MAIL": b"250 ok\r\n",
            b"RCPT": b"250 ok\r\n",
            b"DATA": b"354 go\r\n",
            b".": b"250 taken\r\n",
        }

        def answer(conversation: Any) -> None:
            conversation.send(answers.get(conversation.line.split(b" ")[0].upper(), b""))

        server.script = {**server.script, "greeting": b"220 ready\r\n", "request": answer}
        started = time.monotonic()
        delivery = send(
            "email", {"email": TO}, smtp_url=split_smtp_url(f"smtp://127.0.0.1:{server.port}"), mail_from=FROM
        )

    assert delivery.is_sent, delivery
    assert time.monotonic() - started < 2


def test_without_a_server_or_a_sender_no_mail_is_sent() -> None:
    assert send("email", {"email": TO}, mail_from=FROM).error == "SMTP_URL is not set, so no e-mail is sent."
    with SmtpSink() as sink:
        missing = hand_in(sink, mail_from=None)
    assert missing.error == "MAIL_FROM is not set, so no e-mail can be sent."
    assert missing.is_final


def test_the_operator_gets_plain_mail() -> None:
    with SmtpSink() as sink:
        transport = Transport(smtp_url=split_smtp_url(sink.url), mail_from=FROM)
        delivery = notifiers.mail("boss@example.com", "Late\r\nBcc: x@y.z", "Checks are läte.", transport)

    assert delivery.is_sent, delivery
    (mail,) = sink.mails
    assert mail.recipients == ("boss@example.com",)
    assert mail.message["Bcc"] is None
    assert mail.subject.startswith("Late")
    assert mail.text.strip() == "Checks are läte."
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert str(mail.message["Message-ID"]).endswith("@example.com>")


def test_a_mail_to_the_operator_never_raises() -> None:
    assert not notifiers.mail("boss@example.com", "s", "t", Transport()).is_sent
    assert not notifiers.mail("boss", "s", "t", Transport(mail_from=FROM)).is_sent


def test_a_recovery_says_how_long_it_took() -> None:
    with SmtpSink() as sink:
        hand_in(sink, RECOVERY)

    (mail,) = sink.mails
    assert mail.subject == "UP AGAIN: Info mailbox (imap.example.com) - login refused"
    assert "works again, after 2 hours 5 minutes." in mail.text
