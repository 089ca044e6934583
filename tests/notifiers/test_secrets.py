"""No outcome tells a secret, however a target echoes it, and no log line does either."""

import base64
import json
import logging
from urllib.parse import quote

import pytest

from app.domain.notification import Destination
from app.domain.smtp_url import split_smtp_url
from app.notifiers.secrets import cleaner_for
from app.notifiers.transport import Transport
from tests.fakes.server import Act, Conversation
from tests.notifiers.stage import NOTICE, Online, send
from tests.notifiers.types import KINDS, SECRET, Kind
from tests.parts.http_receiver import HttpReceiver, redirect, reply
from tests.parts.smtp_sink import SmtpSink

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)

SPELLINGS = {
    "plain": str,
    "upper": str.upper,
    "percent": lambda secret: quote(secret, safe=""),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "json": json.dumps,
    "reversed": lambda secret: secret[::-1],
    "half": lambda secret: secret[: len(secret) // 2],
}


@every_kind
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_that_the_target_echoes_is_masked(kind: Kind, spelling: str, online: Online) -> None:
    echo = SPELLINGS[spelling](kind.secret)
    online.receiver.answer = reply(400, {"message": f"no: {echo}"})

    delivery = online.send(kind.name, kind.config)

    assert not delivery.is_sent
    assert echo not in str(delivery.error)
    assert kind.secret not in str(delivery.error)


@every_kind
def test_all_that_was_sent_may_be_echoed(kind: Kind, online: Online) -> None:
    def echo(conversation: Conversation) -> None:
        reply(418, online.receiver.requests[-1].text[:2000])(conversation)

    online.receiver.answer = echo

    error = str(online.send(kind.name, kind.config).error)

    assert kind.secret not in error
    assert base64.b64encode(kind.secret.encode()).decode()[:20] not in error


@every_kind
@pytest.mark.parametrize("act", [reply(500, "broken"), redirect("https://elsewhere.example/")])
def test_nothing_is_logged(
    kind: Kind, act: Act, online: Online, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    online.receiver.answer = act
    with caplog.at_level(logging.DEBUG):
        online.send(kind.name, kind.config)

    assert [
        record for record in caplog.records if record.name.startswith(("apprise", "app", "urllib3"))
    ] == []
    assert capfd.readouterr() == ("", "")


def test_apprise_says_nothing_to_the_logs_of_the_process(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("apprise").error("https://hooks.example/%s", SECRET)
        logging.getLogger("apprise.plugins").error("https://hooks.example/%s", SECRET)

    assert caplog.records == []


def test_a_signing_secret_and_headers_of_a_webhook_are_masked() -> None:
    config = {"secret": "signing-key-1", "headers": {"Authorization": "Bearer abcdef123", "X-Key": "k9"}}
    with HttpReceiver(reply(401, "signing-key-1 / abcdef123 / Bearer abcdef123 / k9")) as receiver:
        error = send("webhook", {"url": receiver.url, **config}).error

    assert error == "The target answered with status 401: ******** / ******** / ******** / ********"


def test_keys_in_the_path_and_query_of_a_webhook_are_masked_and_its_host_is_not() -> None:
    with HttpReceiver(reply(404, "nothing at /in/abcdef12 with zyxwvu98 here")) as receiver:
        error = send("webhook", {"url": f"{receiver.url}/in/abcdef12?key=zyxwvu98"}).error

    assert error == "The target answered with status 404: nothing at /in/******** with ******** here"


def test_a_word_in_the_path_of_a_webhook_spoils_no_sentence() -> None:
    with HttpReceiver(reply(404, "no message here")) as receiver:
        error = send("webhook", {"url": f"{receiver.url}/status/message/target"}).error

    assert error == "The target answered with status 404: no message here"


def test_the_password_of_the_mail_server_is_masked() -> None:
    with SmtpSink(user="u", password="hunter2-long") as sink:
        url = split_smtp_url(f"smtp://u:hunter3-long@{sink.host}:{sink.port}?starttls=off")
        sink.refusals["ops@example.com"] = "550 hunter3-long"
        transport = Transport(smtp_url=url, mail_from="a@example.com")
        clean = cleaner_for(None, transport)

    assert clean("535 hunter3-long is wrong") == "535 ******** is wrong"
    assert "hunter3" not in repr(transport)


def test_the_keys_of_the_sms_service_are_masked() -> None:
    transport = Transport(sms_url="jsons://user:hunter4-long@gateway.example/send?to={to}&key=abcdef12")

    told = cleaner_for(None, transport)("hunter4-long at gateway.example: abcdef12")

    assert told == "******** at gateway.example: ********"
    assert "hunter4" not in repr(transport)


@every_kind
def test_no_repr_shows_a_secret(kind: Kind) -> None:
    shown = repr(Destination(type=kind.name, name="Ops", config=kind.config)) + repr(NOTICE)

    assert kind.secret not in shown
