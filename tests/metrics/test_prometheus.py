"""What deploy/ has for Prometheus and Grafana, held to a real Prometheus that has scraped real processes."""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from app.config import ROOT
from app.domain.enums import Protocol, Security
from tests.conftest import ENVIRON
from tests.parts import prometheus
from tests.parts.browser import Web
from tests.parts.dovecot import Dovecot, dovecot
from tests.parts.ports import free_port
from tests.parts.prometheus import FOLDER, PROMTOOL, Prometheus, require_prometheus
from tests.parts.smtp_sink import SmtpSink
from tests.worker.command import Scheduler
from tests.worker.waiting import until

__all__ = ["dovecot"]

RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "pillarbox.rules.yml").read_text())["groups"][0][
    "rules"
]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "pillarbox.json").read_text())
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
MAY_BE_EMPTY = {"Days that the first certificate has left"}
"""Panels without data while all is well."""
TOKEN = "scrape"
SECONDS = 120.0


@dataclass(frozen=True)
class Service:
    """What scrapes all that runs, and the names of what it has scraped."""

    address: str
    """Of the web processes."""
    prometheus: Prometheus
    names: set[str]


@pytest.mark.parametrize("words", [("check", "config", "--syntax-only", "prometheus.yml"),
                                   ("check", "rules", "pillarbox.rules.yml"),
                                   ("test", "rules", "pillarbox.rules.test.yml")])  # fmt: skip
def test_promtool_is_content(words: tuple[str, ...]) -> None:
    require_prometheus()
    said = subprocess.run([str(PROMTOOL), *words], cwd=FOLDER, capture_output=True, text=True, check=False)

    assert said.returncode == 0, said.stdout + said.stderr


def test_every_alarm_is_tested_and_has_its_section() -> None:
    tests = yaml.safe_load((FOLDER / "pillarbox.rules.test.yml").read_text())["tests"]
    names = [rule["alert"] for rule in RULES]

    assert [test["name"] for test in tests] == [
        *names,
        "All is well",
        "One failure alone",
        "The web process alone is away",
    ]
    assert re.findall(r"^### (Pillarbox\w+)$", PAGE, flags=re.MULTILINE) == names
    for rule in RULES:
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"].endswith(f"See docs/metrics.md#{rule['alert'].lower()}.")
        assert rule["labels"]["severity"] in {"critical", "warning"}


@pytest.fixture(scope="module")
def service(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    require_prometheus()
    folder = tmp_path_factory.mktemp("prometheus")
    metrics_port, own_port = free_port(), free_port()
    with SmtpSink() as smtp:
        settings = {
            **ENVIRON,
            "DATABASE_URL": f"sqlite:///{folder / 'web.db'}",
            "METRICS_TOKEN": TOKEN,
            "ALLOW_PRIVATE_TARGETS": "true",
            "SMTP_URL": smtp.url,
            "MAIL_FROM": "alerts@example.com",
        }
        with Web(folder, **settings, WEB_CONCURRENCY="2").running() as address:
            scheduler = Scheduler(folder / "scheduler.log", **settings, METRICS_PORT=str(metrics_port))
            targets = {
                "pillarbox-web": address.removeprefix("http://"),
                "pillarbox-scheduler": f"127.0.0.1:{metrics_port}",
            }
            try:
                with prometheus.running(folder, own_port, targets, TOKEN) as running:
                    until(lambda: running.ask("sum(up)") == [2], SECONDS)
                    work(address, dovecot)
                    until(lambda: has_seen(running), SECONDS)
                    yield Service(address, running, names_of(running))
                    # Asked all the time, it ends in order all the same.
                    assert scheduler.end() == 0
            finally:
                scheduler.process.kill()
                scheduler.process.wait()


def names_of(running: Prometheus) -> set[str]:
    """Those also that have no series at the moment."""
    return {*running.get("label/__name__/values"), *running.get("metadata")}


def work(address: str, dovecot: Dovecot) -> None:
    """A mailbox that works, one that does not, and somebody to be told of it."""
    credentials = {"email": "admin@example.com", "password": ENVIRON["ADMIN_PASSWORD"]}
    token = call(address, "POST", "/api/auth/login", credentials)["accessToken"]
    call(address, "PATCH", "/api/organization", {"alertConsecutiveChecks": 1}, token)
    customer = call(address, "POST", "/api/customers", {"name": "Customer"}, token)
    ports = {"works": dovecot.ports[Protocol.IMAP, Security.PLAIN], "fails": free_port()}
    for name, port in ports.items():
        body = {
            "customerId": customer["publicId"],
            "name": name,
            "hostname": dovecot.host,
            "port": port,
            "notificationEmail": "operator@example.com",
            "imapPopConfig": {
                "protocol": "imap",
                "user": dovecot.user,
                "password": dovecot.password,
                "tls": False,
            },
        }
        call(address, "POST", "/api/imap-pop-monitors", body, token)


def call(address: str, method: str, path: str, body: Any, token: str = "") -> Any:
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = Request(address + path, json.dumps(body).encode(), headers, method=method)  # noqa: S310 - ours
    with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - ours
        return json.load(answer)


def has_seen(running: Prometheus) -> bool:
    """Twice at least, or there would be no rates."""
    return all(
        running.ask(expression)
        for expression in (
            'sum(rate(pillarbox_checks_total{status="success"}[1m])) > 0',
            'sum(rate(pillarbox_checks_total{status="error"}[1m])) > 0',
            'sum(rate(pillarbox_alerts_total{outcome="sent"}[1m])) > 0',
            "sum(rate(pillarbox_http_requests_total[1m])) > 0",
            "max(pillarbox_incidents_open) > 0",
        )
    )


def test_each_web_process_answers_for_all(service: Service) -> None:
    """Each request below makes a connection of its own, which either of the two may take."""

    def asked() -> float:
        request = Request(f"{service.address}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310 - ours
        with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - ours
            text = answer.read().decode()
        found = re.search(r'^pillarbox_http_requests_total{.*route="/healthz".*} (.*)$', text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    for _ in range(10):
        before = asked()
        urlopen(f"{service.address}/healthz", timeout=SECONDS).close()  # noqa: S310 - ours
        assert asked() == before + 1


def test_every_panel_has_data(service: Service) -> None:
    def data(panel: dict[str, Any]) -> list[list[float]]:
        return [service.prometheus.ask(substituted(target["expr"])) for target in panel["targets"]]

    empty = {
        panel["title"]
        for panel in PANELS
        if any(not values or all(map(isnan, values)) for values in data(panel))
    }
    assert empty <= MAY_BE_EMPTY


def test_every_alarm_can_be_asked_for(service: Service) -> None:
    for rule in RULES:
        service.prometheus.ask(rule["expr"])
    (group,) = service.prometheus.get("rules")["groups"]

    assert {rule["name"]: rule["health"] for rule in group["rules"]} == {
        rule["alert"]: "ok" for rule in RULES
    }


def test_what_is_asked_for_is_there(service: Service) -> None:
    texts = [rule["expr"] for rule in RULES]
    texts += [target["expr"] for panel in PANELS for target in panel["targets"]]
    named = {name for text in texts for name in re.findall(r"\b(?:pillarbox|process)_[a-z_]+", text)}

    assert named <= service.names


def test_the_page_lists_what_is_there(service: Service) -> None:
    """With the labels that Pillarbox gives; `le` and Prometheus' own say nothing."""
    metadata = service.prometheus.get("metadata")
    listed = re.findall(r"^\| `(pillarbox_\w+)` \| (\w+) \| (.*?) \| .+ \|$", PAGE, flags=re.MULTILINE)
    there = {name: said[0]["type"] for name, said in metadata.items() if name.startswith("pillarbox_")}

    assert {name: kind for name, kind, _ in listed} == there
    for name, kind, labels in listed:
        suffix = "_count" if kind == "histogram" else ""
        series = service.prometheus.get("series", **{"match[]": name + suffix})
        own = {key for one in series for key in one} - {"__name__", "job", "instance"}
        if series:
            assert sorted(own) == sorted(re.findall(r"`(\w+)`", labels)), name


def substituted(expression: str) -> str:
    return expression.replace("$__rate_interval", "1m").replace("$location", ".*")


def test_the_dashboard_asks_for_its_own_source_alone() -> None:
    sources = {json.dumps(panel["datasource"]) for panel in PANELS}
    variables = [variable["name"] for variable in DASHBOARD["templating"]["list"]]

    assert (sources, variables) == (
        {'{"type": "prometheus", "uid": "${datasource}"}'},
        ["datasource", "location"],
    )
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
