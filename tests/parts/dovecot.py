"""A real Dovecot on free loopback ports, started as an ordinary child process."""

import grp
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import ClassVar, Self

import pytest

from app.domain.enums import Protocol, Security
from tests.fakes.token_server import TokenServer
from tests.parts import require
from tests.parts.certificates import authority, server_certificate
from tests.parts.ports import free_ports

BINARY = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
REMEDY = "the packages dovecot-imapd dovecot-pop3d (apt-get install dovecot-imapd dovecot-pop3d)"
START_SECONDS = 15.0
STOP_SECONDS = 5.0
MESSAGES = 3

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
listen = {host}
protocols = imap pop3
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
first_valid_uid = {uid}
first_valid_gid = {gid}
# Many checks from one address are what these tests are about.
mail_max_userip_connections = 1000
auth_failure_delay = 0
disable_plaintext_auth = no
imap_id_log = *
ssl = yes
ssl_cert = <{folder}/server.pem
ssl_key = <{folder}/server.key
mail_location = maildir:{folder}/mail/%u
mail_plugins = quota
protocol imap {{
  mail_plugins = quota imap_quota
}}
plugin {{
  quota = maildir:User quota
  quota_rule = *:storage=10M:messages=1000
}}
auth_mechanisms = plain xoauth2 oauthbearer
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%u
}}
service anvil {{
  chroot =
  # Without this, wrong passwords slow down everybody else at the same address.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
"""

OAUTH2 = """
introspection_mode = post
introspection_url = {url}
username_attribute = username
active_attribute = active
active_value = true
tls_ca_cert_file = {folder}/ca.pem
"""


class Dovecot:
    """A running server with a few users, each with `MESSAGES` messages. Use it as a context manager."""

    host = "127.0.0.1"
    user = "monitor@example.com"
    password = "correct horse"
    odd_users: ClassVar[dict[str, str]] = {
        "quoted@example.com": 'sp ace "quoted" back\\slash',
        "umlaut@example.com": "pässwörd-€",
    }
    """Users whose passwords need care on the wire."""
    aged_users: ClassVar[dict[str, list[timedelta]]] = {
        "stale@example.com": [timedelta(days=9), timedelta(days=5)],
        "moved@example.com": [timedelta(minutes=2), timedelta(days=30)],
    }
    """How old their messages are, in the order of the mailbox; everybody else's have just arrived."""

    def __init__(self) -> None:
        self.ca_pem = authority().pem
        self.ports: dict[tuple[Protocol, Security], int] = {}
        self.tokens = TokenServer(user=self.user)
        """Grants tokens for `user`, and is asked by Dovecot whose token one is."""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.tokens.__enter__()
        self._temporary = TemporaryDirectory(prefix="dovecot-")
        self._folder = Path(self._temporary.name)
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def maildir(self) -> Path:
        """The Maildir of `user`."""
        return self._folder / "mail" / self.user

    def _start(self) -> None:
        imap, imaps, pop3, pop3s = free_ports(4)
        for security in (Security.PLAIN, Security.STARTTLS):
            self.ports[Protocol.IMAP, security] = imap
            self.ports[Protocol.POP3, security] = pop3
        self.ports[Protocol.IMAP, Security.TLS] = imaps
        self.ports[Protocol.POP3, Security.TLS] = pop3s
        self._write_files({"imap": imap, "imaps": imaps, "pop3": pop3, "pop3s": pop3s})
        self.go_up()

    def go_up(self) -> None:
        """Serve, on the same ports and with the same mail as before `go_down`."""
        with (self._folder / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                [str(BINARY), "-F", "-c", str(self._folder / "dovecot.conf")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        for port in sorted(set(self.ports.values())):
            self._await(port)

    def _write_files(self, ports: dict[str, int]) -> None:
        accounts = _accounts()
        certificate = server_certificate()
        users = {self.user: self.password, **self.odd_users, **dict.fromkeys(self.aged_users, self.password)}
        self._folder.chmod(0o755)
        (self._folder / "server.pem").write_text(certificate.pem)
        (self._folder / "server.key").write_text(certificate.key_pem)
        (self._folder / "users").write_text(
            "".join(f"{name}:{{PLAIN}}{word}\n" for name, word in users.items()), encoding="utf-8"
        )
        (self._folder / "ca.pem").write_text(self.ca_pem)
        (self._folder / "oauth2.conf").write_text(
            OAUTH2.format(folder=self._folder, url=self.tokens.introspection_url)
        )
        (self._folder / "dovecot.conf").write_text(
            CONFIGURATION.format(folder=self._folder, host=self.host, **accounts, **ports)
        )
        (self._folder / "home").mkdir()
        for name in users:
            _fill(self._folder / "mail" / name, self.aged_users.get(name, [timedelta()] * MESSAGES))
        for part in ("home", "mail"):
            _hand_over(self._folder / part, int(accounts["uid"]), int(accounts["gid"]))

    def _await(self, port: int) -> None:
        """Wait until the port answers; a Dovecot that ended instead says why."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection((self.host, port), 1).close()
            except OSError:
                if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"Dovecot does not answer:\n{self.log()}") from None
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.02)
            else:
                return

    def log(self) -> str:
        """What Dovecot has written so far: its log, and what it said before it had one."""
        paths = (self._folder / "stderr", self._folder / "dovecot.log")
        return "".join(path.read_text(errors="replace") for path in paths if path.exists())

    def go_down(self) -> None:
        """End the server as an operator would; its ports refuse connections from then on."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _stop(self) -> None:
        self.go_down()
        self._temporary.cleanup()
        self.tokens.__exit__(None, None, None)


def _accounts() -> dict[str, str]:
    """Who Dovecot runs as. Root may not own mail or serve logins; anybody else stays who they are."""
    me = pwd.getpwuid(os.geteuid())
    if os.geteuid() == 0:
        owner, internal, login = pwd.getpwnam("nobody"), "dovecot", "dovenull"
    else:
        owner, internal, login = me, me.pw_name, me.pw_name
    return {
        "uid": str(owner.pw_uid),
        "gid": str(owner.pw_gid),
        "internal_user": internal,
        "internal_group": grp.getgrgid(pwd.getpwnam(internal).pw_gid).gr_name,
        "login_user": login,
    }


def _fill(maildir: Path, ages: list[timedelta]) -> None:
    for part in ("cur", "new", "tmp", ".Archive/cur", ".Archive/new", ".Archive/tmp", ".Entw&APw-rfe/cur"):
        (maildir / part).mkdir(parents=True)
    for number, age in enumerate(ages):
        arrived = datetime.now(UTC) - age
        message = maildir / "new" / f"{1_700_000_000 + number}.M{number}P1.test"
        message.write_text(
            f"Received: from a.example by b.example;\r\n {format_datetime(arrived)}\r\n"
            f"From: a@example.com\r\nSubject: Message {number}\r\n\r\nHello.\r\n"
        )
        # Dovecot's INTERNALDATE.
        os.utime(message, (arrived.timestamp(),) * 2)


def _hand_over(folder: Path, uid: int, gid: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid)


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A Dovecot for the whole session."""
    require(BINARY is not None, "Dovecot", REMEDY)
    with Dovecot() as server:
        yield server
