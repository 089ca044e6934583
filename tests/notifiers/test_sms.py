"""SMS, over the operator's service; and how much of a message fits into one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import ErrorCode, Language, WarningCode
from app.notifiers.messages import compose
from app.notifiers.sms_text import ALPHABET, EXTENDED, fits, fitted, spelled
from tests.notifiers.stage import ENDED_AT, RECOVERY, internet, notice, send
from tests.parts.http_receiver import HttpReceiver, redirect, reply

TWILIO = f"twilio://AC{'a' * 32}:{'b' * 32}@+15551230000/{{to}}"
NUMBER = {"phoneNumber": "+4915112345678"}


def test_an_sms_goes_to_the_number_over_the_operators_service(
    trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpReceiver(reply(201, {}), names=("api.twilio.com",)) as receiver, internet(receiver, monkeypatch):
        delivery = send("sms", NUMBER, sms_url=TWILIO, ca_file=trusted)

    assert delivery.is_sent, delivery
    (request,) = receiver.requests
    assert b"To=%2B4915112345678" in request.body
    assert b"Body=DOWN%3A+Info+mailbox%2C+imap.example.com%3A993+%28IMAP%29%3A+login+refused" in request.body


def test_a_gateway_in_house_is_reached_though_it_is_private() -> None:
    with HttpReceiver() as receiver:
        place = receiver.url.removeprefix("http://")
        delivery = send("sms", NUMBER, sms_url=f"json://user:pw@{place}/send?:to={{to}}&format=text")

    assert delivery.is_sent, delivery
    (request,) = receiver.requests
    assert request.json["to"] == "+4915112345678"
    assert request.json["message"].startswith("DOWN: Info mailbox, imap.example.com:993")


def test_a_gateway_that_leads_elsewhere_is_not_followed() -> None:
    with HttpReceiver() as elsewhere, HttpReceiver(redirect(elsewhere.url)) as receiver:
        url = f"json://{receiver.url.removeprefix('http://')}/{{to}}?redirect=yes&verify=no"
        delivery = send("sms", NUMBER, sms_url=url)

    assert not delivery.is_sent
    assert elsewhere.connections == 0


def test_without_a_service_no_sms_is_sent() -> None:
    delivery = send("sms", NUMBER)

    assert (delivery.is_final, delivery.error) == (True, "SMS_URL is not set, so no SMS is sent.")


@pytest.mark.parametrize("url", ["twilio://short/{to}", "mailto://a:b@example.com/{to}", "nonsense"])
def test_a_service_that_cannot_be_used_says_so_without_its_keys(url: str) -> None:
    delivery = send("sms", NUMBER, sms_url=url)

    assert delivery.is_final
    assert "short" not in str(delivery.error)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("code", [*ErrorCode, *WarningCode])
def test_every_code_fits_with_a_name_of_usual_length(code: str, language: Language) -> None:
    usual = notice(monitor="Postfach Buchhaltung", language=language, incident={"type": code})

    short = compose(usual).short

    assert fits(short)
    assert not short.endswith("...")
    assert "Postfach Buchhaltung" in short
    assert "imap.example.com" in short


def test_a_recovery_says_how_long_it_took() -> None:
    assert compose(RECOVERY).short == (
        "UP AGAIN: Info mailbox, imap.example.com:993 (IMAP): login refused, after 2 hours 5 minutes"
    )


def test_what_does_not_fit_loses_the_least_important_first() -> None:
    long = notice(monitor="A very long name of a mailbox, " * 4, incident={"ended_at": ENDED_AT})

    short = compose(long).short

    assert short.startswith("DOWN: A very long name of a mailbox")
    assert "imap.example.com" in short
    assert "login refused" in short


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Büro \u2013 „Köln“ …", 'Büro - "Köln" ...'),
        ("naïve Ångström façade", "naive Ångström facade"),
        ("Łódź", "Łodz"),
        ("почта", "почта"),
        ("50 € {x}", "50 € {x}"),
        ("e\u0301", "é"),
    ],
)
def test_letters_are_those_of_the_sms_alphabet_where_that_leaves_them_legible(
    text: str, expected: str
) -> None:
    assert spelled(text) == expected


def test_letters_of_the_extension_count_twice() -> None:
    assert fits("€" * 80)
    assert not fits("€" * 81)
    assert fits("a" * 160)
    assert not fits("a" * 161)
    assert fits("я" * 70)
    assert not fits("я" * 71)
    assert not fits("😀" * 36)


@pytest.mark.parametrize(("text", "cut"), [("x" * 400, "x" * 157 + "..."), ("я" * 400, "я" * 67 + "...")])
def test_what_fits_in_no_form_is_cut(text: str, cut: str) -> None:
    assert fitted(["y" * 500, text]) == cut


@given(st.lists(st.text(max_size=400), min_size=1, max_size=4))
def test_whatever_is_said_fits(forms: list[str]) -> None:
    result = fitted(forms)

    assert fits(result)
    if fits(spelled(forms[0])):
        assert result == spelled(forms[0])


@given(
    st.text(min_size=1, max_size=200), st.sampled_from([*ErrorCode, *WarningCode]), st.sampled_from(Language)
)
def test_every_notice_fits_into_one_sms(name: str, code: str, language: Language) -> None:
    short = compose(notice(monitor=name, language=language, incident={"type": code})).short

    assert fits(short)
    assert short.split(":")[0] in {"DOWN", "WARNING", "AUSFALL", "WARNUNG"}


def test_the_alphabet_is_the_one_of_the_standard() -> None:
    assert len(ALPHABET) == 127  # and the escape to the extension
    assert len(EXTENDED) == 9  # and the form feed
