"""Targets that are forbidden, lead astray, fail or never come to an end, for every kind that speaks HTTP."""

import time
from ipaddress import ip_network
from threading import get_ident

import pytest

from app import notifiers
from app.domain.target import TargetGuard
from app.net import resolve
from app.notifiers import webhook
from tests.fakes import faults
from tests.notifiers.stage import Online, internet, send
from tests.notifiers.types import KINDS, NAMES, Kind
from tests.parts.http_receiver import (
    Act,
    HttpReceiver,
    close,
    drip_body,
    drip_head,
    flood_body,
    flood_head,
    garbage,
    hang,
    redirect,
    reply,
    reset,
)

SECONDS = 0.3
AT_MOST = SECONDS + 3
"""None of what is met here would end by itself, so a machine that is busy may take its time."""
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
FREE = [kind for kind in KINDS if kind.is_free]
every_free_kind = pytest.mark.parametrize("kind", FREE, ids=lambda kind: kind.name)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliveries get little time."""
    monkeypatch.setattr(notifiers, "SECONDS", SECONDS)
    monkeypatch.setattr(webhook, "SECONDS", SECONDS)


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """For how long whoever sends has slept, each time."""
    noted: list[float] = []
    sleep, sender = time.sleep, get_ident()

    def note(seconds: float) -> None:
        if get_ident() == sender:
            noted.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", note)
    return noted


@every_kind
@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "64:ff9b::7f00:1", "::ffff:127.0.0.1"],
)
def test_a_name_that_leads_inside_is_refused(
    kind: Kind, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpReceiver(names=NAMES) as receiver, internet(receiver, monkeypatch, address):
        delivery = send(kind.name, kind.config, guard=TargetGuard())

    assert receiver.connections == 0
    assert (delivery.is_sent, delivery.is_final) == (False, True)
    assert str(delivery.error).endswith(
        "leads to addresses that may not be reached (internal, reserved or denied)."
    )


@every_free_kind
@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost", "169.254.169.254"]
)
def test_an_address_inside_that_a_user_enters_is_refused(kind: Kind, host: str) -> None:
    with HttpReceiver() as receiver:
        config = {
            key: value.replace(f"https://{kind.host}", f"http://{host}:{receiver.port}")
            if key in {"url", "server"}
            else value
            for key, value in kind.config.items()
        }
        delivery = send(kind.name, config, guard=TargetGuard())

    assert receiver.connections == 0
    assert (delivery.is_sent, delivery.is_final) == (False, True)


@every_kind
def test_a_denied_network_is_refused_though_all_others_are_open(kind: Kind, online: Online) -> None:
    guard = TargetGuard(allow_private=True, deny=(ip_network("127.0.0.0/8"),))

    assert online.send(kind.name, kind.config, guard=guard).is_final
    assert online.receiver.connections == 0


@every_kind
def test_the_address_that_was_judged_is_the_one_that_is_dialled(
    kind: Kind, online: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads outside when it is judged, and inside a moment later, is asked for once."""
    lookups: list[str] = []

    def rebind(name: str) -> list[str]:
        lookups.append(name)
        return ["127.0.0.1"] if len(lookups) == 1 else ["10.0.0.1"]

    monkeypatch.setattr(resolve, "lookup", rebind)
    online.receiver.answer = reply(500)

    online.send(kind.name, kind.config)

    assert set(lookups) == {kind.host}
    # Where a service is asked for more, each request is judged anew.
    assert online.receiver.connections == 1


@every_kind
@pytest.mark.parametrize("status", [302, 307, 308])
def test_no_redirect_is_followed(
    kind: Kind, status: int, online: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpReceiver() as elsewhere:
        online.receiver.answer = redirect(f"{elsewhere.url}/inside", status)
        delivery = online.send(kind.name, kind.config)

    assert elsewhere.connections == 0
    assert (delivery.is_sent, delivery.is_final) == (False, False)
    assert delivery.error == f"The target answered with a redirect (status {status}), and none is followed."


@every_kind
def test_proxies_and_netrc_of_the_environment_are_not_used(
    kind: Kind, online: Online, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    online.receiver.answer = kind.answer
    with HttpReceiver() as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        (tmp_path / "netrc").write_text(f"machine {kind.host} login thief password loot\n")  # type: ignore[operator]
        monkeypatch.setenv("NETRC", f"{tmp_path}/netrc")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
        delivery = online.send(kind.name, kind.config)

    assert delivery.is_sent, delivery
    assert proxy.connections == 0
    assert "Basic dGhpZWY" not in online.receiver.requests[-1].text


@every_kind
def test_a_certificate_that_nobody_vouches_for_is_refused(kind: Kind, online: Online) -> None:
    delivery = online.send(kind.name, kind.config, ca_file=None)

    assert online.receiver.requests == []
    assert (delivery.is_sent, delivery.is_final) == (False, False)
    assert "certificate is not trusted" in str(delivery.error)


@every_kind
def test_a_certificate_for_somebody_else_is_refused(
    kind: Kind, online: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpReceiver(names=("elsewhere.example",)) as other, internet(other, monkeypatch):
        delivery = online.send(kind.name, kind.config)

    assert other.requests == []
    assert "certificate is not made out to" in str(delivery.error)


@every_kind
@pytest.mark.parametrize(
    ("status", "is_final"),
    [
        *((status, True) for status in (400, 401, 403, 404, 410, 422)),
        *((status, False) for status in (408, 425, 429, 500, 503, 599)),
    ],
)
def test_only_what_cannot_be_mended_is_final(
    kind: Kind, status: int, is_final: bool, online: Online, sleeps: list[float]
) -> None:
    online.receiver.answer = reply(status, {"message": "no\r\nsuch thing"})

    delivery = online.send(kind.name, kind.config)

    assert (delivery.is_sent, delivery.is_final, delivery.status_code) == (False, is_final, status)
    assert delivery.error == f"The target answered with status {status}: no such thing"
    assert sleeps == [], "a plugin waited for the service"


@every_kind
@pytest.mark.parametrize(
    "wait", [{"Retry-After": "3600"}, {"X-RateLimit-Reset": "99999999999", "X-RateLimit-Remaining": "0"}]
)
def test_no_service_makes_us_wait(
    kind: Kind, wait: dict[str, str], online: Online, short: None, sleeps: list[float]
) -> None:
    online.receiver.answer = reply(429, {"retry_after": 3600, "retry_after_ms": 3_600_000}, **wait)
    started = time.monotonic()

    delivery = online.send(kind.name, kind.config)

    assert (delivery.is_sent, delivery.is_final) == (False, False)
    assert time.monotonic() - started < AT_MOST
    assert sleeps == []
    assert len(online.receiver.requests) <= 10


FAULTS: dict[str, Act] = {
    "hang": hang,
    "close": close,
    "reset": reset,
    "drip_head": drip_head,
    "drip_body": drip_body,
    "flood_head": flood_head,
    "flood_body": flood_body,
    "garbage": garbage,
    "endless_continue": faults.flood(b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@every_kind
@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_ends_by_the_deadline(kind: Kind, fault: str, online: Online, short: None) -> None:
    online.receiver.answer = FAULTS[fault]
    started = time.monotonic()

    delivery = online.send(kind.name, kind.config)

    assert time.monotonic() - started < AT_MOST
    assert delivery.duration_ms < AT_MOST * 1000
    # Whoever says 200 to a webhook has it. Of a service's answer as much is read as one may need.
    if kind.name == "webhook" or fault != "flood_body":
        assert delivery.is_sent == (kind.name == "webhook" and fault in {"drip_body", "flood_body"})
    assert delivery.is_sent or (delivery.error and not delivery.is_final)


@pytest.mark.parametrize("act", ["silent", "refusing"])
@every_kind
def test_a_server_that_is_not_there_ends_by_the_deadline(
    kind: Kind, act: str, online: Online, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = faults.unanswering_port() if act == "silent" else faults.refusing_port()
    started = time.monotonic()
    with port as number:
        online.receiver.port = number
        delivery = online.send(kind.name, kind.config)

    assert time.monotonic() - started < AT_MOST
    assert (delivery.is_sent, delivery.is_final) == (False, False)


def test_a_handshake_that_hangs_ends_by_the_deadline(short: None) -> None:
    with HttpReceiver(hang) as receiver:
        receiver.script = {**receiver.script, "greeting": hang}
        started = time.monotonic()
        delivery = send("webhook", {"url": f"https://127.0.0.1:{receiver.port}/"})

    assert time.monotonic() - started < AT_MOST
    assert delivery.error == "The time limit of 0.3 s is over."


def test_a_name_that_is_not_found_ends_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> list[str]:
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(resolve, "lookup", fail)

    delivery = send("webhook", {"url": "https://hooks.example.com/"})

    assert (delivery.is_sent, delivery.is_final) == (False, False)
    assert delivery.error == "The name hooks.example.com was not found: Name or service not known."


def test_a_webhook_has_the_time_that_its_channel_says() -> None:
    with HttpReceiver(hang) as receiver:
        started = time.monotonic()
        delivery = send("webhook", {"url": receiver.url, "timeoutSeconds": 1})

    assert 0.9 < time.monotonic() - started < 1 + 3
    assert delivery.error == "The time limit of 1 s is over."


def test_all_requests_of_a_delivery_share_one_deadline(online: Online, short: None) -> None:
    """Signing in and joining the room take half of it each, so there is none left to tell it."""
    (matrix,) = [kind for kind in KINDS if kind.name == "matrix"]

    def slowly(conversation: object) -> None:
        conversation.server.stopping.wait(SECONDS * 0.6)  # type: ignore[attr-defined]
        matrix.answer(conversation)  # type: ignore[arg-type]

    online.receiver.answer = slowly
    started = time.monotonic()

    delivery = online.send("matrix", matrix.config)

    assert time.monotonic() - started < AT_MOST
    assert "time limit" in str(delivery.error)


def test_whatever_breaks_inside_is_an_outcome(online: Online) -> None:
    class Broken(dict[str, str]):
        def __getitem__(self, key: str) -> str:
            raise RuntimeError("a secret may be in here")

    delivery = online.send("webhook", Broken(url="x"))

    assert not delivery.is_sent
    assert str(delivery.error).startswith("The delivery itself failed: RuntimeError in ")
    assert "secret" not in str(delivery.error)


def test_a_type_of_a_version_to_come_is_an_outcome() -> None:
    assert not send("pigeon", {"loft": "north"}).is_sent


def test_a_file_of_authorities_that_is_gone_is_an_outcome(online: Online) -> None:
    delivery = online.send("webhook", {"url": "https://hooks.example.com/"}, ca_file=online.trusted / "gone")

    assert delivery.error == "The file of trusted authorities cannot be read."
