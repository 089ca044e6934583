"""Everything that is done with secrets, by real processes, and everything that was told meanwhile."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from flask import Flask
from sqlalchemy import inspect, make_url, select, text, update

from app import create_app
from app.domain.enums import Protocol, Role, Security
from app.extensions import db
from app.models import Customer, Monitor, MonitorSchedule, Organization, User
from tests.calling import CHANNELS, CUSTOMERS, INCIDENTS, MONITORS, ORGANIZATION, FreshClient, caller_of
from tests.conftest import ENVIRON
from tests.factories import Factory
from tests.fakes.imap_server import IMAP
from tests.fakes.server import FakeServer
from tests.fakes.token_server import TokenServer, repeat_form
from tests.parts.browser import Web
from tests.parts.certificates import authority
from tests.security.canaries import (
    ALL,
    CHANGED,
    CLIENT,
    GUESSED_LOGIN,
    LOGIN,
    MAILBOX,
    METRICS_TOKEN,
    NEW_LOGIN,
    OTHER,
    REFRESH,
    REFUSED,
    SETTINGS,
    USER_LOGIN,
)
from tests.security.listeners import Listeners, introduce, listeners_up, refuse, spoil
from tests.security.parrots import echoing
from tests.security.search import Secret
from tests.worker.command import ForkedScheduler
from tests.worker.forked import STDERR, STDOUT, Forked
from tests.worker.waiting import until

ADMIN = "admin@example.com"
HOST = "127.0.0.1"
TOLD_ONCE = frozenset({"accessToken", "refreshToken", "token"})
"""What an answer hands over to whoever asked for it."""
MAY_HOLD_PASSWORDS = frozenset({"config", "imapPopConfig"})
"""What callers who may update a monitor read in the open."""
PATIENCE = 120
"""Seconds for whatever is waited for: how fast it is, is no matter here."""
EACH = 3
"""Monitors for each password and protocol, so that servers echo in so many ways; test_echo.py has all."""


@dataclass
class Story:
    """`told`: who or what told something -> all that was told there."""

    secrets: list[Secret] = field(default_factory=lambda: list(ALL))
    told: dict[str, list[str | bytes]] = field(default_factory=dict)

    def note(self, place: str, text: str | bytes) -> None:
        self.told.setdefault(place, []).append(text)

    def text(self, start: str) -> dict[str, bytes]:
        """What was told at the places whose names begin so."""
        return {
            place: b"\n".join(_as_bytes(text) for text in texts)
            for place, texts in self.told.items()
            if place.startswith(start)
        }


class Client:
    """Talks to the web process over HTTP, and notes every answer."""

    def __init__(self, address: str, story: Story) -> None:
        self.address, self.story = urlsplit(address).netloc, story

    def call(
        self, who: str, method: str, path: str, body: Any = None, token: str | None = None
    ) -> tuple[int, Any]:
        connection = HTTPConnection(self.address, timeout=PATIENCE)
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body)
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {token}"} if token else {}
        )
        connection.request(method, path, sent, headers)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        kind = response.headers.get_content_type()
        document = json.loads(answer) if kind == "application/json" else None
        if who == "admin" and response.status < 400 and document is not None:
            # Of channels nobody reads the secrets.
            open_keys = TOLD_ONCE if path.startswith(CHANNELS) else MAY_HOLD_PASSWORDS | TOLD_ONCE
            answer = json.dumps(without(document, open_keys)).encode()
        place = "exports" if kind == "text/csv" else "answers"
        self.story.note(
            f"{place} to {who}",
            f"{method} {urlsplit(path).path} {response.status} {response.headers}".encode() + answer,
        )
        return response.status, document


def without(document: Any, keys: frozenset[str]) -> Any:
    if isinstance(document, dict):
        return {key: without(item, keys) for key, item in document.items() if key not in keys}
    return [without(item, keys) for item in document] if isinstance(document, list) else document


@dataclass(frozen=True)
class Cast:
    """The servers that the scheduler meets."""

    servers: dict[tuple[Secret, Protocol], FakeServer]
    tokens: TokenServer
    mail: FakeServer
    """Where a token would be the login."""
    listeners: Listeners


@contextmanager
def servers_up() -> Iterator[Cast]:
    offer = "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 SASL-IR\r\n{tag} OK done\r\n"
    with ExitStack() as stack:
        yield Cast(
            {
                (secret, protocol): stack.enter_context(echoing(protocol, secret))
                for secret, protocol in product(MAILBOX, Protocol)
            },
            stack.enter_context(TokenServer(repeat_form)),
            stack.enter_context(FakeServer(IMAP, Security.TLS, {"capability": offer})),
            stack.enter_context(listeners_up()),
        )


class Play:
    """The acts of the story, in the order in which `all` runs them."""

    def __init__(
        self, story: Story, client: Client, app: Flask, cast: "Cast", *, is_masked_too: bool
    ) -> None:
        self.is_masked_too = is_masked_too
        self.story, self.client, self.app, self.cast = story, client, app, cast
        self.servers = cast.servers
        self.token = ""
        self.monitors: list[str] = []
        self.incidents: list[str] = []

    def all(self) -> None:
        self.log_in()
        self.meet_others()
        self.have_people_told()
        # First, because the newest is the one that is spoilt.
        self.watch_with_tokens()
        self.watch_mailboxes()
        self.send_what_is_refused()
        self.spoil_a_config()
        until(self.is_all_checked, seconds=PATIENCE)
        until(self.cast.listeners.are_told, seconds=PATIENCE)
        self.take_care_of_incidents()
        self.read_everything()
        if self.is_masked_too:
            self.read_with_masks()

    def admin(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return self.client.call("admin", method, path, body, self.token)

    def log_in(self) -> None:
        login = "/api/auth/login"
        wrong = GUESSED_LOGIN.text
        for body in (
            {"email": ADMIN, "password": wrong},
            {"email": wrong, "password": ""},
            {"email": wrong, "password": wrong},
            {"email": [wrong], "password": {"of": wrong}},
            {wrong[:3]: wrong, "email": ADMIN},
            f'{{"email": "{wrong}", }}'.encode(),
        ):
            self.client.call("nobody", "POST", login, body)
        self.client.call("nobody", "GET", f"/api/users?password={quote(wrong)}", token=wrong)
        tokens = self.keep_tokens(self.admin("POST", login, {"email": ADMIN, "password": LOGIN.text}))
        self.client.call(
            "nobody", "POST", "/api/auth/refresh", token=tokens["accessToken"][:-9] + "AAAAAAAAA"
        )
        fresh = self.client.call("admin", "POST", "/api/auth/refresh", token=tokens["refreshToken"])
        self.token = self.keep_tokens(fresh)["accessToken"]
        for current, new in ((wrong, NEW_LOGIN.text), (LOGIN.text, "short"), (LOGIN.text, NEW_LOGIN.text)):
            self.admin("POST", "/api/auth/change-password", {"currentPassword": current, "newPassword": new})
        # Spent before, so that its session ends.
        self.client.call("nobody", "POST", "/api/auth/refresh", token=tokens["refreshToken"])
        renewed = self.admin("POST", login, {"email": ADMIN, "password": NEW_LOGIN.text})
        self.token = self.keep_tokens(renewed)["accessToken"]

    def keep_tokens(self, answer: tuple[int, Any]) -> dict[str, str]:
        """Without a signature a token is worth nothing, so that is the secret of it."""
        status, body = answer
        assert status == 200, body
        for name in ("accessToken", "refreshToken"):
            self.story.secrets.append(Secret(f"{name} of a login", body[name].rpartition(".")[2]))
        return dict(body)

    def meet_others(self) -> None:
        person = {"email": "reader@example.com", "role": "readonly", "password": USER_LOGIN.text}
        status, user = self.admin("POST", "/api/users", person)
        assert status == 201, user
        self.admin("PATCH", f"/api/users/{user['id']}", {"password": USER_LOGIN.text, "firstName": "R"})
        self.admin(
            "PATCH", f"/api/users/{user['id']}", {"password": USER_LOGIN.text[:5], "role": USER_LOGIN.text}
        )
        status, token = self.admin("POST", "/api/organization/tokens", {"name": "program"})
        assert status == 201, token
        self.story.secrets.append(Secret("API token", token["token"], shown=9))
        self.client.call("program", "GET", CUSTOMERS, token=token["token"])
        self.client.call("nobody", "GET", CUSTOMERS, token=token["token"][:-4])
        with self.app.app_context():
            house = db.session.scalars(select(Organization)).one()
            make = Factory()
            reader = db.session.scalars(select(User).where(User.email == person["email"])).one()
            supporter = make.user(make.organization(), Role.GLOBAL_SUPPORTER)
            self.readers = {
                name: caller_of(self.app, make.session(user)).token
                for name, user in (("readonly", reader), ("global_supporter", supporter))
            }
            self.organization_id = house.id
            self.customer_id = db.session.scalars(select(Customer.id)).first()

    def have_people_told(self) -> None:
        """At the first failure, for one check of each mailbox is all that the story waits for."""
        status, organization = self.admin("PATCH", ORGANIZATION, {"alertConsecutiveChecks": 1})
        assert status == 200, organization
        introduce(self.cast.listeners, self.admin)
        refuse(self.admin)
        with self.app.app_context():
            spoil(self.cast.listeners, self.admin)

    def watch_mailboxes(self) -> None:
        for (secret, protocol), number in product(self.servers, range(EACH)):
            config = {
                "protocol": protocol.value,
                "user": f"{number}@example.com",
                "password": secret.text,
                "beside": [{"apiToken": OTHER.text}, [{"deep": {"keys": [OTHER.text]}}]],
            }
            name = "config" if number % 2 else "imapPopConfig"
            body = self.body(secret, protocol) | {name: config}
            status, monitor = self.admin("POST", MONITORS, body)
            assert status == 201, monitor
            self.monitors.append(monitor["publicId"])
            path = f"{MONITORS}/{monitor['publicId']}"
            if number == 0:
                self.admin("POST", f"{MONITORS}/test", body)
                self.admin("PATCH", path, {name: {**config, "note": "kept"}})
            if number == 1:
                # Disabled meanwhile: its server knows the other password, and would tell that.
                changed = {**config, "password": CHANGED.text, "extraKey": OTHER.text}
                self.admin("PATCH", path, {name: changed, "status": "disabled"})
                self.admin("PATCH", path, {name: config, "status": "active"})
            if number == 2:
                self.admin("POST", f"{path}/trigger-check")

    def watch_with_tokens(self) -> None:
        """A token endpoint that tells in its refusal all that it was sent."""
        oauth2 = {**self.cast.tokens.config, "clientSecret": CLIENT.text, "refreshToken": REFRESH.text}
        config = {
            "user": "a@example.com",
            "authMethod": "xoauth2",
            "oauth2": oauth2,
            "tls": True,
            "tlsOptions": {"ca": authority().pem},
        }
        place = {"customerId": self.customer_id, "hostname": HOST, "port": self.cast.mail.port}
        status, monitor = self.admin("POST", MONITORS, {**place, "name": "tokens", "config": config})
        assert status == 201, monitor
        self.monitors.append(monitor["publicId"])

    def body(self, secret: Secret, protocol: Protocol) -> dict[str, Any]:
        return {
            "name": f"{secret.name} over {protocol}",
            "customerId": self.customer_id,
            "hostname": HOST,
            "port": self.servers[secret, protocol].port,
            "timeoutSeconds": 5,
        }

    def send_what_is_refused(self) -> None:
        path, wrong = f"{MONITORS}/{self.monitors[0]}", REFUSED.text
        config = {"user": "a", "password": wrong}
        for body in (
            {"config": {**config, "tls": wrong}},
            {"config": {**config, "tls": True, "startTls": True}},
            {"config": {**config, "tlsOptions": {"ca": wrong, "servername": wrong}}},
            {"config": {**config, "protocol": wrong}},
            {"config": {"user": "a", "password": [wrong]}},
            {"config": {"user": "a", "password": wrong + "\x00"}},
            {"config": config, "imapPopConfig": {**config, "note": "another"}},
            {"config": wrong},
            {"imapPopConfig": [wrong]},
            {"hostname": wrong, "port": wrong, "customerId": wrong, "checkInterval": wrong, "status": wrong},
            {
                "notificationEmail": wrong,
                "notificationPhoneNumber": wrong,
                "allowedCheckCountryCodes": [wrong],
            },
            json.dumps({"config": config}).encode()[:-1],
            json.dumps({"config": config}).encode("utf-16"),
            b'{"config": {"password": "' + wrong.encode() + b'\xff"}}',
        ):
            assert self.admin("PATCH", path, body)[0] == 400
            assert self.admin("POST", MONITORS, body)[0] == 400
            self.client.call("readonly", "PATCH", path, body, self.readers["readonly"])
            self.client.call("nobody", "PATCH", path, body)
        self.client.call("nobody", "GET", f"{CUSTOMERS}?search=%00", token=f"wsm_{'x' * 43}")

    def spoil_a_config(self) -> None:
        """One that belongs to another row, so that nothing can decrypt it."""
        with self.app.app_context():
            *_, donor, spoilt = db.session.scalars(select(Monitor).order_by(Monitor.id))
            db.session.execute(
                update(Monitor)
                .where(Monitor.id == spoilt.id)
                .values(config_encrypted=donor.config_encrypted, updated_at=donor.updated_at)
            )
            db.session.execute(
                update(MonitorSchedule)
                .where(MonitorSchedule.monitor_id == spoilt.id)
                .values(next_check_at_ms=0, last_checked_at=None)
            )
            db.session.commit()

    def is_all_checked(self) -> bool:
        with self.app.app_context():
            rows = db.session.scalars(select(MonitorSchedule)).all()
            return all(row.last_checked_at and row.lease_token is None for row in rows)

    def take_care_of_incidents(self) -> None:
        """Their evidence is what the servers said of the passwords that they were sent."""
        status, answer = self.admin("GET", f"{INCIDENTS}?limit=200")
        # The one that was spoilt may still be on its way.
        assert status == 200
        assert answer["total"] >= len(self.monitors) - 1
        self.incidents = [incident["publicId"] for incident in answer["incidents"]]
        path = f"{INCIDENTS}/{self.incidents[0]}"
        assert self.admin("POST", f"{path}/acknowledge")[0] == 200
        assert self.admin("POST", f"{path}/comments", {"text": "Somebody changed the password."})[0] == 201
        for wrong in (REFUSED.text + "\x00", [REFUSED.text], REFUSED.text.ljust(4001, ".")):
            assert self.admin("POST", f"{path}/comments", {"text": wrong})[0] == 400

    def read_everything(self) -> None:
        """Every page that the OpenAPI document lists, exports among them, as everybody."""
        _, document = self.client.call("nobody", "GET", "/openapi.json")
        self.story.note("/openapi.json", json.dumps(document))
        for page in ("/metrics", "/healthz", "/readyz"):
            self.client.call("nobody", "GET", page, token=METRICS_TOKEN.text)
        for path in self.pages(document):
            self.admin("GET", path)
            for who, token in [*self.readers.items(), ("nobody", None)]:
                self.client.call(who, "GET", path, token=token)

    def pages(self, document: dict[str, Any]) -> Iterator[str]:
        for path, operations in document["paths"].items():
            if "get" in operations and "/imap-pop-monitors/{" in path:
                # Every third will do, and the spoilt one.
                for monitor in [*self.monitors[:-1:3], self.monitors[-1]]:
                    yield path.replace("{publicId}", monitor)
            elif "get" in operations and "/incidents/{" in path:
                for incident in self.incidents[::3]:
                    yield path.replace("{publicId}", incident)
            elif "get" in operations:
                yield path.replace("{publicId}", str(self.customer_id)).replace("{id}", "1")
                # For those of another organization.
                yield f"{path.partition('{')[0].rstrip('/')}?organizationId={self.organization_id}"

    def read_with_masks(self) -> None:
        """As an installation with MASK_SECRETS=true would answer its admin."""
        app = application(self.app.config["SETTINGS"].database_url, MASK_SECRETS="true")
        with app.app_context():
            admin = db.session.scalars(select(User).where(User.email == ADMIN)).one()
            caller = caller_of(app, Factory().session(admin))
            db.session.remove()
            for path in self.pages(caller.get("/openapi.json").get_json()):
                answer = caller.get(path)
                self.story.note(
                    "answers with MASK_SECRETS", f"{path} {answer.status} " + answer.get_data(as_text=True)
                )
            db.engine.dispose()


def application(url: str, **environ: str) -> Flask:
    app = create_app({**ENVIRON, **SETTINGS, "DATABASE_URL": url, **environ})
    app.test_client_class = FreshClient
    return app


def checked_by_hand(folder: Path) -> Story:
    """`flask check` of every server. It asks for no database, so there is one of these stories alone."""
    story, file = Story(), folder / "password-file"
    app = application(f"sqlite:///{folder / 'none.db'}", ALLOW_PRIVATE_TARGETS="true")
    with servers_up() as cast:
        for (secret, protocol), server in cast.servers.items():
            file.write_text(f"{secret.text}\n", encoding="utf-8")
            words = ["check", HOST, "--protocol", protocol.value, "--port", str(server.port), "--user", "a"]
            for how in (["--json"], []):
                done = app.test_cli_runner().invoke(args=[*words, "--password-file", str(file), *how])
                assert done.exit_code == 2, done.output
                story.note("flask check", done.output)
        given = ["--password-file", str(file), "--json"]
        status, output = run_command([*words, *given], folder / "check.log")
        assert status == 2, output
        story.note("flask check", output)
    return story


def run_command(words: list[str], log: Path) -> tuple[int, bytes]:
    """In a process of its own, for all that one writes besides."""
    environ = {**os.environ, **ENVIRON, "ALLOW_PRIVATE_TARGETS": "true", "LOG_LEVEL": "DEBUG"}
    process = Forked(["-m", "flask", "--app", "wsgi", *words], environ, log, (STDOUT, STDERR))
    return process.wait(PATIENCE), log.read_bytes()


def dump(app: Flask) -> Iterator[tuple[str, bytes]]:
    """The whole database: each file of SQLite's, or each table of PostgreSQL's as text."""
    url = make_url(app.config["SETTINGS"].database_url)
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        for file in path.parent.glob(f"{path.name}*"):
            # In a process of its own: closing the file in this one would drop SQLite's locks on it.
            yield file.name, subprocess.run(["cat", file], capture_output=True, check=True).stdout
        return
    with app.app_context():
        for table in inspect(db.engine).get_table_names():
            rows = db.session.scalars(text(f'SELECT t::text FROM "{table}" t')).all()  # noqa: S608 - a table's name
            yield table, "\n".join(rows).encode()


@contextmanager
def told(url: str, folder: Path, log_format: str, *, is_masked_too: bool) -> Iterator[Story]:
    """Plays the whole story on an empty database."""
    story = Story()
    environ = {
        **ENVIRON,
        **SETTINGS,
        "DATABASE_URL": url,
        "ALLOW_PRIVATE_TARGETS": "true",
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": log_format,
        "GUNICORN_CMD_ARGS": "--log-level debug",
    }
    with ExitStack() as stack:
        cast = stack.enter_context(servers_up())
        environ |= cast.listeners.settings
        address = stack.enter_context(Web(folder, **environ).running())
        scheduler = ForkedScheduler(folder / "scheduler.log", **environ)
        stack.callback(scheduler.process.wait)
        stack.callback(scheduler.process.kill)
        scheduler.ready()
        app = application(url, ALLOW_PRIVATE_TARGETS="true")
        Play(story, Client(address, story), app, cast, is_masked_too=is_masked_too).all()
        for name, content in dump(app):
            story.note(f"database: {name}", content)
        with app.app_context():
            db.engine.dispose()
        assert scheduler.end() == 0
    story.note("log of the scheduler", (folder / "scheduler.log").read_bytes())
    story.note("log of the web process", (folder / "log").read_bytes())
    for name, content in dump(app):
        story.note(f"database, at rest: {name}", content)
    with app.app_context():
        db.engine.dispose()
    yield story


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
