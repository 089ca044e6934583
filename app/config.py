"""Every setting of Pillarbox: its name, its default, what it means, and how a bad value stops the start.

`Settings` is the one list; the table in the README is tested against it.
"""

import base64
import binascii
import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from dotenv import dotenv_values
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.domain.http_url import HttpUrl, split_http_url
from app.domain.reference import Reference, parse_references
from app.domain.sms_url import read_sms_url
from app.domain.smtp_url import SmtpServer, split_smtp_url
from app.domain.target import TargetGuard
from app.errors import SettingError

ROOT = Path(__file__).resolve().parent.parent
MIN_JWT_KEY_BYTES = 32
CREDENTIALS_KEY_BYTES = 32
Network = IPv4Network | IPv6Network
ANY_ORIGIN = "*"
_ORIGIN = re.compile(r"(https?)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
_USUAL_PORT = {"http": "80", "https": "443"}
_EMAIL = r"(?=.{3,320}$)[^@\s\x00-\x1f\x7f-\x9f]+@[^@\s\x00-\x1f\x7f-\x9f]+"


def _text(value: str) -> str:
    return value


def _boolean(value: str) -> bool:
    try:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[value.lower()]
    except KeyError:
        raise ValueError("is neither true nor false") from None


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", value) or not low <= int(value) <= high:
            raise ValueError(f"is not a whole number from {low} to {high}")
        return int(value)

    return parse


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"is none of {', '.join(choices)}")
        return value

    return parse


def _matching(pattern: str, meaning: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"is not {meaning}")
        return value

    return parse


def _networks(value: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise ValueError(f"is not a comma-separated list of networks ({error})") from None


def _origins(value: str) -> tuple[str, ...]:
    return (ANY_ORIGIN,) if value == ANY_ORIGIN else tuple(_origin(part.strip()) for part in value.split(","))


def _origin(text: str) -> str:
    """As browsers write it: in small letters, and without the port that goes without saying."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None or int(match[3] or 0) > 65535:
        raise ValueError(f"is neither `*` nor a list of origins like https://app.example.com: see {text!r}")
    scheme, host, port = match.groups()
    return f"{scheme}://{host}" if port in {None, _USUAL_PORT[scheme]} else f"{scheme}://{host}:{port}"


def _database_url(value: str) -> str:
    if value.startswith(("postgresql://", "postgres://")):
        value = "postgresql+psycopg://" + value.split("://", 1)[1]
    elif not value.startswith(("postgresql+psycopg://", "sqlite://")):
        raise ValueError("is neither an sqlite: nor a postgresql: URL")
    try:
        make_url(value)
    except (ArgumentError, ValueError):
        # Its own text may quote the password.
        raise ValueError("is not a URL that can be read") from None
    return value


def _redis_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_url = parts.scheme in {"redis", "rediss", "redis+unix"} and bool(parts.netloc or parts.path)
        is_url = is_url and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise ValueError("is not a redis URL")
    return value


def _sender(value: str) -> str:
    address = parseaddr(value)[1]
    if not re.fullmatch(_EMAIL, address) or not re.fullmatch(r"[^\x00-\x1f\x7f-\x9f]+", value):
        raise ValueError("is neither an e-mail address nor a name with one in angle brackets")
    return value


def _public_url(value: str) -> str:
    split_http_url(value)
    return value.rstrip("/")


def _jwt_key(value: str) -> str:
    if len(value.encode()) < MIN_JWT_KEY_BYTES:
        raise ValueError(f"has fewer than {MIN_JWT_KEY_BYTES} bytes")
    return value


def _credentials_keys(value: str) -> tuple[bytes, ...]:
    keys = tuple(_decode_key(part.strip()) for part in value.split(",") if part.strip())
    if not keys or any(len(key) != CREDENTIALS_KEY_BYTES for key in keys):
        raise ValueError(f"is not a comma-separated list of base64 keys of {CREDENTIALS_KEY_BYTES} bytes")
    return keys


def _decode_key(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        return b""


def _new_credentials_key() -> str:
    return base64.b64encode(secrets.token_bytes(CREDENTIALS_KEY_BYTES)).decode()


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
        _database_url,
        "`sqlite:///file.db` (relative to `instance/`) or `postgresql://…`",
        "sqlite:///pillarbox.db",
        is_secret=True,
    )
    redis_url: str | None = _setting(
        _redis_url,
        "where rate limits are counted; without it each web process counts for itself",
        None,
        is_secret=True,
    )
    host: str = _setting(_text, "address the web process listens on", "127.0.0.1")
    port: int = _setting(_integer(1, 65535), "port the web process listens on", 8000)
    web_concurrency: int = _setting(_integer(1, 64), "web processes, of 8 threads each", 1)
    trusted_proxies: int = _setting(
        _integer(0, 10), "how many reverse proxies in front may tell the caller's address", 0
    )
    cors_origins: tuple[str, ...] = _setting(
        _origins,
        "origins whose pages may call the API, comma-separated: `https://app.example.com`, or `*` for any",
        (),
    )
    jwt_secret_key: str = _setting(
        _jwt_key, "signs session tokens", generate=lambda: secrets.token_urlsafe(48), is_secret=True
    )
    credentials_keys: tuple[bytes, ...] = _setting(
        _credentials_keys,
        "base64 keys of 32 bytes, comma-separated, that encrypt mailbox secrets; the first encrypts",
        generate=_new_credentials_key,
        is_secret=True,
    )
    admin_email: str = _setting(
        _matching(_EMAIL, "an e-mail address"), "login of the first admin", "admin@example.com"
    )
    admin_password: str = _setting(
        _matching(r"[^\x00-\x1f\x7f-\x9f]{12,1024}", "of 12 to 1024 characters without control characters"),
        "password of the first admin",
        generate=lambda: secrets.token_urlsafe(15),
        is_secret=True,
    )
    mask_secrets: bool = _setting(_boolean, "hide mailbox secrets from every answer", False)
    location_code: str = _setting(
        _matching(r"[a-z0-9][a-z0-9-]{0,31}", "a code of small letters, digits and hyphens"),
        "where this scheduler checks from",
        "local",
    )
    location_name: str = _setting(
        _matching(r"[^\x00-\x1f\x7f]{1,255}", "a name of at most 255 characters"),
        "name of that location",
        "Local",
    )
    location_country: str | None = _setting(
        _matching(r"[A-Z]{2}", "an ISO 3166 code of two capitals"),
        "its ISO 3166 country; without one, monitors with `allowedCheckCountryCodes` are not checked there",
        None,
    )
    check_threads: int = _setting(
        _integer(1, 5000), "checks in flight at once; a quarter of them for targets that last timed out", 500
    )
    checks_per_host: int = _setting(
        _integer(1, 5000), "checks in flight at once at one host and port, for each scheduler", 50
    )
    allow_private_targets: bool = _setting(
        _boolean, "allow checks of loopback, link-local and private addresses", False
    )
    target_allow: tuple[Network, ...] = _setting(_networks, "networks that may be checked all the same", ())
    target_deny: tuple[Network, ...] = _setting(_networks, "networks that are never checked", ())
    reference_targets: tuple[Reference, ...] = _setting(
        parse_references,
        "`host:port`, comma-separated; alerts are held while none of them can be reached. Without any, never",
        (),
    )
    heartbeat_url: HttpUrl | None = _setting(  # noqa: RUF009 - a field, as all the others
        split_http_url, "is asked for every minute that the scheduler is well", None, is_secret=True
    )
    operator_email: str | None = _setting(
        _matching(_EMAIL, "an e-mail address"), "is told when Pillarbox itself is in trouble", None
    )
    smtp_url: SmtpServer | None = _setting(  # noqa: RUF009 - a field, as all the others
        split_smtp_url,
        "server that takes our e-mail: `smtp://user:password@host:587`, `smtps://…` or `smtp://host:25`; "
        "`?starttls=required`, `optional` or `off`",
        None,
        is_secret=True,
    )
    mail_from: str | None = _setting(
        _sender, "sender of our e-mail, `alerts@example.com` or `Name <…>`; needed with `SMTP_URL`", None
    )
    sms_url: str | None = _setting(
        read_sms_url,
        "service that sends SMS, as an Apprise URL with `{to}` for the number",
        None,
        is_secret=True,
    )
    public_url: str | None = _setting(
        _public_url, "where people reach Pillarbox, for the links in messages", None
    )
    retention_days: int = _setting(
        _integer(1, 3650), "days that check results are kept; their hourly and daily sums stay", 30
    )
    rate_limit: str = _setting(
        _matching(r"off|[1-9][0-9]{0,8}/(second|minute|hour|day)", "`off` or a rate such as 100/minute"),
        "requests per caller; `off` ends the counting",
        "100/minute",
    )
    metrics_token: str | None = _setting(
        _text, "Bearer token that `/metrics` asks for; open without it", None, is_secret=True
    )
    log_level: str = _setting(
        _one_of("DEBUG", "INFO", "WARNING", "ERROR"), "least level that is logged", "INFO"
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
    values = {}
    for setting in setting_fields():
        text = _given(setting, environ) or _generated(setting, instance)
        if text is not None:
            values[setting.name] = _parsed(setting, text)
    if values.get("smtp_url") and not values.get("mail_from"):
        raise SettingError("MAIL_FROM is not set, and SMTP_URL needs it")
    return Settings(**values)


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
