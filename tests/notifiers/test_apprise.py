"""Channels of the type `apprise`: every service that a URL may name, driven to a real receiver."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import apprise
import pytest

from app.config import ROOT
from app.domain.channel_config import APPRISE_SCHEMES, apprise_url
from app.notifiers.errand import GUARDED, GuardedRequests
from app.notifiers.plugins import GATEWAYS, OWN_TYPES, SCHEMES, plugin
from app.notifiers.services import SHORT_TEXTS, suits_service
from tests.notifiers.stage import internet, send
from tests.parts.http_receiver import HttpReceiver, redirect, reply

KEY = "5ecre7" + "0a1b2c3d" * 4
"""A secret that is found again wherever it went."""
HEX = "5ec0e7" + "0a1b2c3d" * 4
UUID = "5ec0e700-1111-4222-8333-444444444444"
PHONE, TO = "+15551230000", "+15551231111"

SAMPLES = {
    "46elks": f"46elks://user:{KEY}@{PHONE}/{TO}",
    "brevo": f"brevo://{KEY}:from@example.com/to@example.com",
    "bulksms": f"bulksms://token:{KEY}@{TO}",
    "clickatell": f"clickatell://{KEY}/{TO}",
    "clicksend": f"clicksend://user:{KEY}@{TO}",
    "cm": f"cm://{UUID}/{TO}",
    "d7sms": f"d7sms://{KEY}@{TO}",
    "dingtalk": f"dingtalk://{KEY}/",
    "elks": f"elks://user:{KEY}@{PHONE}/{TO}",
    "feishu": f"feishu://{KEY}",
    "firehydrant": f"firehydrant://{KEY}",
    "flock": f"flock://{KEY}",
    "github": f"github://{KEY}@owner/repo",
    "groupme": f"groupme://{KEY}",
    "ifttt": f"ifttt://{KEY}/event",
    "ilert": f"ilert://{KEY}",
    "incidentio": f"incidentio://01HSOURCE/{KEY}",
    "join": f"join://{HEX[:32]}/{'b' * 32}",
    "lark": f"lark://{KEY}",
    "line": f"line://{KEY}/user",
    "mailersend": f"mailersend://{KEY}:from@example.com/to@example.com",
    "msgbird": f"msgbird://{KEY[:25]}/{PHONE}/{TO}",
    "nexmo": f"nexmo://key:{KEY}@{PHONE}/{TO}",
    "onesignal": f"onesignal://app@{KEY}/@user",
    "pagertree": f"pagertree://int_{KEY[:10]}",
    "pbul": f"pbul://{KEY}",
    "plivo": f"plivo://{'a' * 25}@{KEY}/{PHONE}/{TO}",
    "postmark": f"postmark://{KEY}:from@example.com/to@example.com",
    "prowl": f"prowl://{(KEY * 2)[:40]}",
    "psafers": f"psafers://{KEY}",
    "push": f"push://{UUID}",
    "pushy": f"pushy://{KEY}/@device",
    "resend": f"resend://{KEY}:from@example.com/to@example.com",
    "revolt": f"revolt://{KEY}/channel",
    "sendgrid": f"sendgrid://{KEY}:from@example.com/to@example.com",
    "seven": f"seven://{KEY}/{TO}",
    "signl4": f"signl4://{KEY}",
    "simplepush": f"simplepush://{KEY}",
    "sinch": f"sinch://abc123:{HEX}@{PHONE}/{TO}",
    "spike": f"spike://{HEX[:32]}",
    "splunk": f"splunk://route@{KEY}",
    "spush": f"spush://{KEY}",
    "squadcast": f"squadcast://{KEY}",
    "telnyx": f"telnyx://{KEY}@{PHONE}/{TO}",
    "threema": f"threema://*GATEWAY@{KEY}/{TO}",
    "twilio": f"twilio://AC{'a' * 32}:{KEY}@{PHONE}/{TO}",
    "victorops": f"victorops://route@{KEY}",
    "vonage": f"vonage://key:{KEY}@{PHONE}/{TO}",
    "webex": f"webex://{(KEY * 4)[:100]}",
    "wecombot": f"wecombot://{KEY}",
    "whatsapp": f"whatsapp://{KEY}@123456/{TO}",
    "wxteams": f"wxteams://{(KEY * 4)[:100]}",
}
SMS = {
    "46elks",
    "bulksms",
    "clickatell",
    "clicksend",
    "cm",
    "d7sms",
    "elks",
    "msgbird",
    "nexmo",
    "plivo",
    "seven",
}
SMS |= {"sinch", "telnyx", "twilio", "vonage"}

ANSWERS = {
    "clickatell": {"messages": [{"accepted": True}], "error": None},
    "msgbird": {"recipients": {}},
    "psafers": {"status": 1, "success": "message transmitted"},
    "pushy": {"success": True},
    "simplepush": {"status": "OK"},
    "spush": {"status": "OK"},
}
"""Where a service says in the body that all is well."""

EVERYWHERE = tuple(
    f"{star}{name}"
    for name in (
        "46elks.com", "alert.victorops.com", "api.sms.sinch.com", "appspot.com", "brevo.com", "bulksms.com",
        "ciscospark.com", "clickatell.com", "clicksend.com", "cm.com", "cmtelecom.com",
        "connect.signl4.com", "d7networks.com", "dingtalk.com", "facebook.com", "feishu.cn",
        "firehydrant.io", "flock.com", "github.com", "groupme.com", "gw.cmtelecom.com",
        "ifttt.com", "ilert.com", "incident.io", "integrations.splunk.com", "joaoapps.com",
        "joinjoaomgcd.appspot.com", "larksuite.com", "line.me", "mailersend.com", "messagebird.com",
        "messaging.cm.com", "nexmo.com", "onesignal.com", "pagertree.com", "plivo.com", "postmarkapp.com",
        "prowlapp.com", "pushbullet.com", "pushsafer.com", "pushy.me", "resend.com", "revolt.chat",
        "sendgrid.com", "seven.io", "signals.firehydrant.com", "signl4.com", "simplepu.sh", "simplepush.io",
        "sinch.com", "sms.api.sinch.com", "spike.sh", "squadcast.com", "stoat.chat", "techulus.com",
        "telnyx.com", "threema.ch", "twilio.com", "us.api.sinch.com", "victorops.com", "webexapis.com",
        "weixin.qq.com",
    )
    for star in ("", "*.")
)  # fmt: skip


def test_every_service_that_a_url_may_name_is_known() -> None:
    assert SCHEMES.keys() == APPRISE_SCHEMES == SAMPLES.keys()


@pytest.mark.parametrize("scheme", SAMPLES)
def test_a_url_that_its_service_takes_is_known_unasked(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpReceiver(names=EVERYWHERE) as receiver, internet(receiver, monkeypatch):
        assert suits_service(SAMPLES[scheme])
    assert receiver.connections == 0


@pytest.mark.parametrize("url", ["twilio://x", "line://nobody", "nothing://x", "twilio", "", "join://[::1"])
def test_a_url_that_no_service_takes_is_known_unasked(url: str) -> None:
    assert not suits_service(url)


@pytest.mark.parametrize("scheme", SAMPLES)
def test_a_service_is_told(scheme: str, trusted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = apprise_url(SAMPLES[scheme])
    answer = reply(200, ANSWERS.get(scheme, {"status": "success", "id": "1", "data": {}, "code": 0}))
    with HttpReceiver(answer, names=EVERYWHERE) as receiver, internet(receiver, monkeypatch):
        delivery = send("apprise", {"url": url}, ca_file=trusted)

    assert delivery.is_sent, delivery
    told = re.sub(r"\+|%20|&nbsp;", " ", receiver.requests[-1].text)
    assert receiver.requests[-1].headers["user-agent"].startswith("Pillarbox/")
    assert "Info" in told
    assert ("What to do" in told) == (scheme not in SHORT_TEXTS)


@pytest.mark.parametrize("scheme", SAMPLES)
def test_a_redirect_is_not_followed_and_no_secret_is_told(
    scheme: str, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        HttpReceiver(names=EVERYWHERE) as elsewhere,
        HttpReceiver(redirect(f"{elsewhere.url}/"), names=EVERYWHERE) as receiver,
        internet(receiver, monkeypatch),
    ):
        delivery = send("apprise", {"url": SAMPLES[scheme]}, ca_file=trusted)

    assert not delivery.is_sent
    assert "redirect" in str(delivery.error)
    assert elsewhere.connections == 0
    assert not any(secret in str(delivery.error) for secret in (KEY[:20], HEX[:20], UUID))


@pytest.mark.parametrize("scheme", SAMPLES)
def test_addresses_that_are_forbidden_are_not_dialled(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpReceiver(names=EVERYWHERE) as receiver, internet(receiver, monkeypatch, "10.0.0.1"):
        delivery = send("apprise", {"url": SAMPLES[scheme]})

    assert delivery.is_final
    assert "may not be reached" in str(delivery.error)
    assert receiver.connections == 0


WAYS_OUT = {
    "socket",
    "ssl",
    "smtplib",
    "http",
    "asyncio",
    "urllib.request",
    "subprocess",
    "ftplib",
    "requests_oauthlib",
}


@cache
def _read(file: str) -> tuple[set[str | None], set[str]]:
    """What a module imports, and what it takes from `requests`. Most plugins have ancestors in common."""
    nodes = list(ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))))
    imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names} | {
        node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level
    }
    taken = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "requests"
    }
    return imported, taken


@pytest.mark.parametrize("place", sorted({*SCHEMES.values(), *OWN_TYPES.values(), *GATEWAYS.values()}))
def test_a_plugin_has_no_other_way_out(place: str) -> None:
    """Of the plugin's module and of those above it: what they import, and what they take from `requests`."""
    for ancestor in plugin(place).__mro__:
        module = sys.modules[ancestor.__module__]
        if not module.__name__.startswith("apprise."):
            continue
        imported, taken = _read(str(module.__file__))

        assert not {name for name in imported if name in WAYS_OUT or str(name).startswith("requests.")} - (
            # The base class offers coroutines, which nobody calls here.
            {"asyncio"} if module.__name__ == "apprise.plugins.base" else set()
        )
        if "requests" in imported:
            assert module.requests is GUARDED
            for name in taken:
                getattr(GUARDED, name)


@pytest.mark.parametrize("name", ["Session", "session", "sessions", "api", "adapters", "sys", "packages"])
def test_plugins_get_nothing_of_requests_that_could_get_out(name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(GuardedRequests(), name)


def test_outside_of_a_delivery_no_plugin_gets_out() -> None:
    with HttpReceiver() as receiver:
        with pytest.raises(LookupError):
            GUARDED.post(receiver.url)
        with pytest.raises(LookupError):
            plugin("slack.NotifySlack")(token_a="A1", token_b="B1", token_c="c1").notify(body="x")

    assert receiver.connections == 0


def test_no_other_plugin_is_loaded() -> None:
    """One that speaks SMTP, say, or reads files. In a process of its own: other tests load them all."""
    program = (
        "import sys\n"
        "from app.notifiers.plugins import SCHEMES, plugin\n"
        "from app.notifiers.services import _from_url\n"
        "[plugin(place) for place in SCHEMES.values()]\n"
        "_from_url('pbul://token', SCHEMES)\n"
        "print(*(name for name in sys.modules if name.startswith('apprise.plugins.')))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    loaded = {name.removeprefix("apprise.plugins.") for name in done.stdout.split()}
    assert loaded == {place.rpartition(".")[0] for place in SCHEMES.values()} | {"base"}


@pytest.mark.parametrize(
    "url",
    [
        "json://192.0.2.1/",
        "mailto://a:b@example.com",
        "syslog://",
        "twilio://",
        "prowl://short",
        "nonsense",
        "",
    ],
)
def test_a_url_that_suits_no_service_is_not_set_up(url: str) -> None:
    delivery = send("apprise", {"url": url})

    assert (delivery.is_sent, delivery.is_final) == (False, True)
    assert not url or url not in str(delivery.error)


def test_apprise_is_the_version_that_was_read() -> None:
    """Whoever takes another one looks at its plugins again: what they import, and what files they read."""
    assert apprise.__version__ == "2.2.0"
