"""Every setting of Pillarbox: its name, its default, what it means, and how a bad value stops the start.

`Settings` is the one list; the table in docs/settings.md is tested against it.
"""

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from dotenv import dotenv_values

from app import setting_values as values
from app.domain.http_url import HttpUrl, split_http_url
from app.domain.reference import Reference, parse_references
from app.domain.sms_url import read_sms_url
from app.domain.smtp_url import SmtpServer, split_smtp_url
from app.domain.target import TargetGuard
from app.errors import SettingError
from app.log import CONSOLE, JSON

ROOT = Path(__file__).resolve().parent.parent
MIN_JWT_KEY_BYTES = 32


def new_credentials_key() -> str:
    return base64.b64encode(secrets.token_bytes(values.CREDENTIALS_KEY_BYTES)).decode()


def _setting(
    parse: Callable[[str], Any],
    meaning: str,
    default: Any = MISSING,
    *,
    generate: Callable[[], str] | None = None,
    is_secret: bool = False,
) -> Any:
    """Describe one setting. One with `generate` is made once and kept in the instance folder."""
    return field(
        default=default,
        repr=not is_secret,
        metadata={
            "parse": parse,
            "meaning": meaning,
            "generate": generate,
            "is_secret": is_secret,
        },
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, parsed. The environment's name of each is the attribute's in capitals."""

    database_url: str = _setting(
        values.database_url,
        "`sqlite:///file.db` (relative to `instance/`) or `postgresql://…`",
        "sqlite:///pillarbox.db",
        is_secret=True,
    )
    redis_url: str | None = _setting(
        values.redis_url,
        "where rate limits are counted; without it each web process counts for itself",
        None,
        is_secret=True,
    )
    host: str = _setting(values.text, "address the web process listens on", "127.0.0.1")
    port: int = _setting(values.integer(1, 65535), "port the web process listens on", 8000)
    web_concurrency: int = _setting(values.integer(1, 64), "web processes, of 8 threads each", 1)
    trusted_proxies: int = _setting(
        values.integer(0, 10), "how many reverse proxies in front may tell the caller's address", 0
    )
    cors_origins: tuple[str, ...] = _setting(
        values.origins,
        "origins whose pages may call the API, comma-separated: `https://app.example.com`, or `*` for any",
        (),
    )
    jwt_secret_key: str = _setting(
        values.jwt_key, "signs session tokens", generate=lambda: secrets.token_urlsafe(48), is_secret=True
    )
    credentials_keys: tuple[bytes, ...] = _setting(
        values.credentials_keys,
        "base64 keys of 32 bytes, comma-separated, that encrypt mailbox secrets; the first encrypts",
        generate=new_credentials_key,
        is_secret=True,
    )
    admin_email: str = _setting(
        values.matching(values.EMAIL, "an e-mail address"), "login of the first admin", "admin@example.com"
    )
    admin_password: str = _setting(
        values.matching(
            r"[^\x00-\x1f\x7f-\x9f]{12,1024}", "of 12 to 1024 characters without control characters"
        ),
        "password of the first admin",
        generate=lambda: secrets.token_urlsafe(15),
        is_secret=True,
    )
    mask_secrets: bool = _setting(values.boolean, "hide mailbox secrets from every answer", False)
    location_code: str = _setting(
        values.matching(r"[a-z0-9][a-z0-9-]{0,31}", "a code of small letters, digits and hyphens"),
        "where this scheduler checks from",
        "local",
    )
    location_name: str = _setting(
        values.matching(r"[^\x00-\x1f\x7f]{1,255}", "a name of at most 255 characters"),
        "name of that location",
        "Local",
    )
    location_country: str | None = _setting(
        values.matching(r"[A-Z]{2}", "an ISO 3166 code of two capitals"),
        "its ISO 3166 country; without one, monitors with `allowedCheckCountryCodes` are not checked there",
        None,
    )
    check_threads: int = _setting(
        values.integer(1, 5000),
        "checks in flight at once; a quarter of them for targets that last timed out",
        500,
    )
    checks_per_host: int = _setting(
        values.integer(1, 5000), "checks in flight at once at one host and port, for each scheduler", 50
    )
    allow_private_targets: bool = _setting(
        values.boolean, "allow checks of loopback, link-local and private addresses", False
    )
    target_allow: tuple[values.Network, ...] = _setting(
        values.networks, "networks that may be checked all the same", ()
    )
    target_deny: tuple[values.Network, ...] = _setting(values.networks, "networks that are never checked", ())
    reference_targets: tuple[Reference, ...] = _setting(
        parse_references,
        "`host:port`, comma-separated; alerts are held while none of them can be reached. Without any, never",
        (),
    )
    heartbeat_url: HttpUrl | None = _setting(  # noqa: RUF009 - a field, as all the others
        split_http_url, "is asked for every minute that the scheduler is well", None, is_secret=True
    )
    operator_email: str | None = _setting(
        values.matching(values.EMAIL, "an e-mail address"),
        "is told when Pillarbox itself is in trouble",
        None,
    )
    smtp_url: SmtpServer | None = _setting(  # noqa: RUF009 - a field, as all the others
        split_smtp_url,
        "server that takes our e-mail: `smtp://user:password@host:587`, `smtps://…` or `smtp://host:25`; "
        "`?starttls=required`, `optional` or `off`",
        None,
        is_secret=True,
    )
    mail_from: str | None = _setting(
        values.sender,
        "sender of our e-mail, `alerts@example.com` or `Name <…>`; needed with `SMTP_URL`",
        None,
    )
    sms_url: str | None = _setting(
        read_sms_url,
        "service that sends SMS, as an Apprise URL with `{to}` for the number",
        None,
        is_secret=True,
    )
    public_url: str | None = _setting(
        values.public_url, "where people reach Pillarbox, for the links in messages", None
    )
    retention_days: int = _setting(
        values.integer(1, 3650), "days that check results are kept; their hourly and daily sums stay", 30
    )
    rate_limit: str = _setting(
        values.matching(
            r"off|[1-9][0-9]{0,8}/(second|minute|hour|day)", "`off` or a rate such as 100/minute"
        ),
        "requests per caller; `off` ends the counting",
        "100/minute",
    )
    metrics_token: str | None = _setting(
        values.text, "Bearer token that `/metrics` asks for; open without it", None, is_secret=True
    )
    metrics_port: int | None = _setting(
        values.integer(1, 65535),
        "port at which the scheduler serves its own `/metrics`, at `HOST`; without it, not",
        None,
    )
    log_level: str = _setting(
        values.one_of("DEBUG", "INFO", "WARNING", "ERROR"), "least level that is logged", "INFO"
    )
    log_format: str = _setting(
        values.one_of(CONSOLE, JSON), "`console`, a line for people, or `json`, an object a line", CONSOLE
    )

    @property
    def target_guard(self) -> TargetGuard:
        return TargetGuard(
            allow_private=self.allow_private_targets, allow=self.target_allow, deny=self.target_deny
        )

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")


def setting_fields() -> tuple[Field[Any], ...]:
    return fields(Settings)


def environment(path: Path = ROOT / ".env") -> dict[str, str]:
    """The process's environment, over the lines of `.env` where that file exists."""
    from_file = {name: value for name, value in dotenv_values(path).items() if value is not None}
    return {**from_file, **os.environ}


def load_settings(environ: Mapping[str, str], instance: Path) -> Settings:
    """Parse the settings; make and keep those that are generated. An empty value means "not given".

    Each setting `NAME` may be given as `NAME_FILE` instead, the path of a file that holds the value.

    Raises SettingError, in one line that names the setting, for a value that cannot work.
    """
    given = {}
    for setting in setting_fields():
        text = _given(setting, environ) or _generated(setting, instance)
        if text is not None:
            given[setting.name] = _parsed(setting, text)
    if given.get("smtp_url") and not given.get("mail_from"):
        raise SettingError("MAIL_FROM is not set, and SMTP_URL needs it")
    return Settings(**given)


def _given(setting: Field[Any], environ: Mapping[str, str]) -> str | None:
    name = setting.name.upper()
    path = environ.get(f"{name}_FILE")
    if path and environ.get(name):
        raise SettingError(f"{name} and {name}_FILE are both set: give one")
    if not path:
        return environ.get(name) or None
    try:
        return Path(path).read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{name}_FILE: cannot read {path!r}: {error}") from None


def _parsed(setting: Field[Any], text: str) -> Any:
    shown = "the value given" if setting.metadata["is_secret"] else repr(text)
    try:
        return setting.metadata["parse"](text)
    except ValueError as error:
        raise SettingError(f"{setting.name.upper()}: {shown} {error}") from None


def _generated(setting: Field[Any], instance: Path) -> str | None:
    generate = cast("Callable[[], str] | None", setting.metadata["generate"])
    if generate is None:
        return None
    path = instance / setting.name
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return _kept(setting, path, generate())
    except OSError as error:
        raise SettingError(f"{setting.name.upper()}: cannot read {path}: {error}") from None


def _kept(setting: Field[Any], path: Path, value: str) -> str:
    try:
        return _keep(path, value)
    except OSError as error:
        name = setting.name.upper()
        raise SettingError(f"{name} is not set, and {path} cannot be made to keep one: {error}") from None


def _keep(path: Path, value: str) -> str:
    """Write a new secret for its owner alone. Of two processes starting at once, one wins for both."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            return path.read_text(encoding="utf-8").strip()
        return value
    finally:
        draft.unlink(missing_ok=True)
