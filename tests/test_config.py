"""Settings: how each is read, and how a bad one stops the start in one line that names it."""

import os
import stat
from ipaddress import ip_network
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from app import create_app
from app.config import Settings, environment, load_settings, setting_fields
from app.domain.http_url import HttpUrl
from app.domain.reference import Reference
from app.domain.smtp_url import SmtpSecurity, SmtpServer
from app.errors import SettingError
from tests.conftest import ENVIRON

KEY = ENVIRON["CREDENTIALS_KEYS"]
OTHER_KEY = "-_-_" * 10 + "-_8="
GIVEN = {"JWT_SECRET_KEY": "x" * 32, "CREDENTIALS_KEYS": KEY, "ADMIN_PASSWORD": "correct horse battery"}
SENDER = {"MAIL_FROM": "alerts@example.com"}
TWILIO = "twilio://AC1:hunter2@+15551230000/{to}"

GOOD: list[tuple[str, str, Any]] = [
    ("DATABASE_URL", "sqlite:///other.db", "sqlite:///other.db"),
    ("DATABASE_URL", "postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
    ("DATABASE_URL", "postgres://u:p@h/d?sslmode=require", "postgresql+psycopg://u:p@h/d?sslmode=require"),
    ("DATABASE_URL", "postgresql+psycopg://h:5433/d", "postgresql+psycopg://h:5433/d"),
    ("REDIS_URL", "redis://127.0.0.1:6379/1", "redis://127.0.0.1:6379/1"),
    ("REDIS_URL", "rediss://:pw@h", "rediss://:pw@h"),
    ("HOST", "0.0.0.0", "0.0.0.0"),  # noqa: S104 - parsed, not bound
    ("PORT", "65535", 65535),
    ("WEB_CONCURRENCY", "4", 4),
    ("TRUSTED_PROXIES", "2", 2),
    ("CORS_ORIGINS", "*", ("*",)),
    (
        "CORS_ORIGINS",
        "https://App.example.com, http://localhost:3000,http://[::1]:65535",
        ("https://app.example.com", "http://localhost:3000", "http://[::1]:65535"),
    ),
    (
        "CORS_ORIGINS",
        "https://a.example:443,http://b.example:80,https://c.example:80",
        ("https://a.example", "http://b.example", "https://c.example:80"),
    ),
    ("JWT_SECRET_KEY", "ä" * 16, "ä" * 16),
    (
        "CREDENTIALS_KEYS",
        f"{KEY}, {OTHER_KEY}",
        (b"01234567890123456789012345678901", b"\xfb\xff\xbf" * 10 + b"\xfb\xff"),
    ),
    ("ADMIN_EMAIL", "root@localhost", "root@localhost"),
    ("ADMIN_PASSWORD", "twelve chars", "twelve chars"),
    ("MASK_SECRETS", "TRUE", True),
    ("MASK_SECRETS", "0", False),
    ("LOCATION_CODE", "de-nbg", "de-nbg"),
    ("LOCATION_NAME", "Nürnberg", "Nürnberg"),
    ("LOCATION_COUNTRY", "DE", "DE"),
    ("CHECK_THREADS", "5000", 5000),
    ("CHECKS_PER_HOST", "1", 1),
    ("ALLOW_PRIVATE_TARGETS", "yes", True),
    ("TARGET_ALLOW", "10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1"))),
    ("TARGET_DENY", "192.0.2.1,", (ip_network("192.0.2.1"),)),
    (
        "REFERENCE_TARGETS",
        "192.0.2.1:53, [2001:db8::1]:443",
        (Reference("192.0.2.1", 53), Reference("2001:db8::1", 443)),
    ),
    ("HEARTBEAT_URL", "http://ping.example:81/k?a=b", HttpUrl("http", "ping.example", 81, "/k?a=b")),
    ("OPERATOR_EMAIL", "on-call@example.com", "on-call@example.com"),
    (
        "SMTP_URL",
        "smtp://u%40x:p%2Fw@mail.example",
        SmtpServer("mail.example", 587, SmtpSecurity.REQUIRED, "u@x", "p/w"),
    ),
    ("MAIL_FROM", "Pillarbox <alerts@example.com>", "Pillarbox <alerts@example.com>"),
    ("SMS_URL", TWILIO, TWILIO),
    ("PUBLIC_URL", "https://pillarbox.example/", "https://pillarbox.example"),
    ("RETENTION_DAYS", "3650", 3650),
    ("RATE_LIMIT", "off", "off"),
    ("RATE_LIMIT", "5/second", "5/second"),
    ("METRICS_TOKEN", "scrape", "scrape"),
    ("METRICS_PORT", "9464", 9464),
    ("LOG_LEVEL", "DEBUG", "DEBUG"),
    ("LOG_FORMAT", "json", "json"),
]
BAD = [
    ("DATABASE_URL", "mysql://h/d"),
    ("DATABASE_URL", "pillarbox.db"),
    ("DATABASE_URL", "postgresql://u:hunter2@h:port/d"),
    ("REDIS_URL", "http://h"),
    ("REDIS_URL", "redis://"),
    ("REDIS_URL", "redis://u:hunter2@h:port"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("METRICS_PORT", "0"),
    ("PORT", "80 80"),
    ("PORT", "\uff18\uff10"),
    ("WEB_CONCURRENCY", "many"),
    ("TRUSTED_PROXIES", "-1"),
    ("CORS_ORIGINS", "app.example.com"),
    ("CORS_ORIGINS", "https://app.example.com/"),
    ("CORS_ORIGINS", "https://app.example.com/page"),
    ("CORS_ORIGINS", "https://app.example.com?a"),
    ("CORS_ORIGINS", "ftp://app.example.com"),
    ("CORS_ORIGINS", "https://user:password@app.example.com"),
    ("CORS_ORIGINS", "https://app.example.com:0"),
    ("CORS_ORIGINS", "https://app.example.com:65536"),
    ("CORS_ORIGINS", "https://app.example.com:"),
    ("CORS_ORIGINS", "https://*.example.com"),
    ("CORS_ORIGINS", "https://bücher.example"),
    ("CORS_ORIGINS", "https://app.example.com,*"),
    ("CORS_ORIGINS", "https://app.example.com,"),
    ("CORS_ORIGINS", "https://a.example https://b.example"),
    ("CORS_ORIGINS", "null"),
    ("JWT_SECRET_KEY", "hunter2"),
    ("CREDENTIALS_KEYS", "hunter2"),
    ("CREDENTIALS_KEYS", "aHVudGVyMg=="),
    ("CREDENTIALS_KEYS", f"{KEY},hunter2"),
    ("CREDENTIALS_KEYS", ","),
    ("ADMIN_EMAIL", "nobody"),
    ("ADMIN_PASSWORD", "hunter2"),
    ("MASK_SECRETS", "maybe"),
    ("LOCATION_CODE", "DE NBG"),
    ("LOCATION_CODE", "x" * 33),
    ("LOCATION_NAME", "x" * 256),
    ("LOCATION_COUNTRY", "Germany"),
    ("CHECK_THREADS", "0"),
    ("CHECKS_PER_HOST", "0"),
    ("ALLOW_PRIVATE_TARGETS", "2"),
    ("TARGET_ALLOW", "10.0.0.1/8"),
    ("TARGET_DENY", "example.com"),
    ("REFERENCE_TARGETS", "192.0.2.1"),
    ("REFERENCE_TARGETS", "2001:db8::1:443"),
    ("HEARTBEAT_URL", "ping.example/hunter2"),
    ("HEARTBEAT_URL", "ftp://ping.example/hunter2"),
    ("HEARTBEAT_URL", "https://u:hunter2@ping.example/"),
    ("OPERATOR_EMAIL", "on-call"),
    ("OPERATOR_EMAIL", "a@example.com, b@example.com"),
    ("SMTP_URL", "mail.example:25"),
    ("SMTP_URL", "smtp://u:hunter2@"),
    ("MAIL_FROM", "nobody"),
    ("MAIL_FROM", "Pillarbox <alerts>"),
    ("SMS_URL", TWILIO.replace("{to}", "+15551231111")),
    ("SMS_URL", "mailto://u:hunter2@example.com/{to}"),
    ("PUBLIC_URL", "pillarbox.example"),
    ("RETENTION_DAYS", "0"),
    ("RATE_LIMIT", "100"),
    ("RATE_LIMIT", "0/minute"),
    ("RATE_LIMIT", "5/fortnight"),
    ("LOG_LEVEL", "LOUD"),
    ("LOG_FORMAT", "xml"),
]


def load(folder: Path, **environ: str) -> Settings:
    return load_settings({**GIVEN, **SENDER, **environ}, folder)


@pytest.mark.parametrize(("name", "text", "value"), GOOD)
def test_a_setting_is_parsed(tmp_path: Path, name: str, text: str, value: Any) -> None:
    assert getattr(load(tmp_path, **{name: text}), name.lower()) == value


def test_every_setting_is_parsed_and_refused_here() -> None:
    names = {field.name.upper() for field in setting_fields()}

    assert {name for name, *_ in GOOD} >= names
    assert {name for name, *_ in BAD} >= names - {"HOST", "METRICS_TOKEN"}


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_refused_in_one_line_that_names_it(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(SettingError) as refusal:
        load(tmp_path, **{name: text})

    line = str(refusal.value)
    assert line.startswith(name)
    assert "\n" not in line
    assert "hunter2" not in line


def test_defaults_are_those_of_the_documentation(tmp_path: Path) -> None:
    settings = load(tmp_path)

    assert (settings.database_url, settings.redis_url) == ("sqlite:///pillarbox.db", None)
    assert (settings.host, settings.port, settings.web_concurrency) == ("127.0.0.1", 8000, 1)
    assert (settings.trusted_proxies, settings.mask_secrets, settings.rate_limit) == (0, False, "100/minute")
    assert (settings.location_code, settings.location_country, settings.check_threads) == ("local", None, 500)
    assert not settings.allow_private_targets
    assert settings.is_sqlite


def test_mail_has_a_sender(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^MAIL_FROM is not set, and SMTP_URL needs it$"):
        load(tmp_path, SMTP_URL="smtp://mail.example", MAIL_FROM="")


def test_an_empty_value_means_not_given(tmp_path: Path) -> None:
    assert load(tmp_path, PORT="", REDIS_URL="", TARGET_ALLOW="") == load(tmp_path)


def test_the_guard_holds_the_three_settings_of_targets(tmp_path: Path) -> None:
    guard = load(
        tmp_path, ALLOW_PRIVATE_TARGETS="true", TARGET_ALLOW="::1", TARGET_DENY="10.0.0.0/8"
    ).target_guard

    assert guard.allow_private
    assert (guard.allow, guard.deny) == ((ip_network("::1"),), (ip_network("10.0.0.0/8"),))


class TestFiles:
    @pytest.mark.parametrize(("name", "text", "value"), GOOD)
    def test_every_setting_may_stand_in_a_file(
        self, tmp_path: Path, name: str, text: str, value: Any
    ) -> None:
        (tmp_path / "given").write_text(f"{text}\n", encoding="utf-8")
        environ = {key: given for key, given in {**GIVEN, **SENDER}.items() if key != name}

        settings = load_settings({**environ, f"{name}_FILE": str(tmp_path / "given")}, tmp_path)

        assert getattr(settings, name.lower()) == value

    def test_a_value_and_a_file_are_one_too_many(self, tmp_path: Path) -> None:
        with pytest.raises(SettingError, match=r"^PORT and PORT_FILE are both set"):
            load(tmp_path, PORT="80", PORT_FILE=str(tmp_path / "port"))

    @pytest.mark.parametrize("content", [None, b"\xff\xfe"])
    def test_a_file_that_cannot_be_read_is_named(self, tmp_path: Path, content: bytes | None) -> None:
        path = tmp_path / "port"
        if content:
            path.write_bytes(content)
        with pytest.raises(SettingError, match=r"^PORT_FILE: cannot read"):
            load(tmp_path, PORT_FILE=str(path))


class TestGenerated:
    """Keys that are not given are made once and kept."""

    NAMES = ("jwt_secret_key", "credentials_keys", "admin_password")

    def test_they_are_kept_for_their_owner_alone(self, tmp_path: Path) -> None:
        folder = tmp_path / "instance"
        first = load_settings({}, folder)

        assert first == load_settings({}, folder)
        assert sorted(path.name for path in folder.iterdir()) == sorted(self.NAMES)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}

    def test_they_differ_from_one_installation_to_the_next(self, tmp_path: Path) -> None:
        one, other = load_settings({}, tmp_path / "a"), load_settings({}, tmp_path / "b")

        for name in self.NAMES:
            assert getattr(one, name) != getattr(other, name)

    def test_a_given_one_is_not_kept(self, tmp_path: Path) -> None:
        load(tmp_path / "instance")

        assert not (tmp_path / "instance").exists()

    def test_starts_at_the_same_moment_agree(self, tmp_path: Path) -> None:
        count = 8
        together, seen = Barrier(count, timeout=20), []

        def start() -> None:
            together.wait()
            seen.append(load_settings({}, tmp_path / "instance"))

        threads = [Thread(target=start) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

        assert len(seen) == count
        assert all(settings == seen[0] for settings in seen)
        assert len(list((tmp_path / "instance").iterdir())) == len(self.NAMES)

    def test_a_kept_one_that_has_been_spoilt_is_refused(self, tmp_path: Path) -> None:
        for content in ("", "short"):
            (tmp_path / "jwt_secret_key").write_text(content)
            with pytest.raises(SettingError, match=r"^JWT_SECRET_KEY"):
                load_settings({}, tmp_path)

    def test_a_kept_one_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "jwt_secret_key").mkdir()

        with pytest.raises(SettingError, match=r"^JWT_SECRET_KEY: cannot read"):
            load_settings({}, tmp_path)


def test_the_environment_wins_over_the_dot_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=1234\nHOST='192.0.2.1'\n# LOG_LEVEL=LOUD\nREDIS_URL\n")
    monkeypatch.setenv("PORT", "4321")

    values = environment(tmp_path / ".env")

    assert (values["PORT"], values["HOST"]) == ("4321", "192.0.2.1")
    assert values.get("LOG_LEVEL") == os.environ.get("LOG_LEVEL")


def test_without_a_dot_env_file_there_is_the_environment(tmp_path: Path) -> None:
    assert environment(tmp_path / ".env") == dict(os.environ)


def test_a_repr_holds_no_secret(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        DATABASE_URL="postgresql://u:hunter2@h/d",
        METRICS_TOKEN="hunter2",
        HEARTBEAT_URL="https://ping.example/hunter2",
    )

    for secret in ("hunter2", *GIVEN.values(), "0123456789012345"):
        assert secret not in repr(settings)


def test_a_bad_setting_stops_the_application() -> None:
    with pytest.raises(SettingError, match=r"^PORT"):
        create_app({**ENVIRON, "PORT": "none"})
