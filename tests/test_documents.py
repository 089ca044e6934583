"""What the documents say is what the code does."""

import configparser
import re
from pathlib import Path
from typing import Any

from flask import Flask

from app.api.csv_file import EXPORTS_AT_ONCE
from app.api.limits import ACCOUNT_RATE, CHANNEL_TEST_RATE, GUESS_RATE, LOGIN_RATE
from app.api.parser import MAX_BODY_BYTES
from app.config import setting_fields
from app.domain.channel_types import CHANNEL_TYPES
from app.domain.enums import ErrorCode, Role, WarningCode
from app.extensions import db
from app.services.api_tokens import MAX_TOKENS
from app.services.auth import ACCESS_TOKEN_LIFE, SESSION_LIFE
from app.services.notification_channels import MAX_CHANNELS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
FAILURES = (ROOT / "docs" / "failures.md").read_text(encoding="utf-8")
GENERATED = "made once, kept in `instance/`"


def shown_default(setting: Any) -> str:
    if setting.metadata["generate"]:
        return GENERATED
    if setting.default in {None, ()}:
        return ""
    value = str(setting.default).lower() if isinstance(setting.default, bool) else setting.default
    return f"`{value}`"


def test_settings_page_lists_every_setting_with_its_default_and_meaning() -> None:
    rows = [
        f"| `{setting.name.upper()}` | {shown_default(setting)} | {setting.metadata['meaning']} |"
        for setting in setting_fields()
    ]
    listed = re.findall(r"^\| `[A-Z_]+` \|.*\|$", SETTINGS, flags=re.MULTILINE)
    assert listed == rows


def test_api_page_lists_every_endpoint(app: Flask) -> None:
    listed = set(re.findall(r"`(GET|POST|PATCH|DELETE) (/[^`]*)`", API))
    served = {
        (method, re.sub(r"<string:(\w+)>", r":\1", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/docs/")
    }
    assert listed == served


def test_api_page_has_the_config_of_every_kind_of_channel() -> None:
    rows = re.findall(
        r"^\| ((?:`[a-z]+`(?:, )?)+) \| (.*) \|$", _section(API, "Notification channels"), flags=re.MULTILINE
    )
    listed = {
        name: {key: bool(mark) for key, mark in re.findall(r"`(\w+)`\??(\\\*)?", _without_asides(keys))}
        for names, keys in rows
        for name in re.findall(r"`(\w+)`", names)
    }
    assert listed == {
        name: {key.name: key.is_secret for key in kind.keys} for name, kind in CHANNEL_TYPES.items()
    }


def _section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _without_asides(text: str) -> str:
    """Without values in brackets, and without the other name of a key."""
    return re.sub(r"\([^)]*\)", "", text).partition(", or the same")[0]


def test_failures_page_lists_every_code() -> None:
    listed = re.findall(r"^\| `([a-z_]+)` \|", FAILURES, flags=re.MULTILINE)
    assert listed == [*ErrorCode, *WarningCode]


def test_architecture_page_has_every_table() -> None:
    listed = re.findall(r"^\| `([a-z_]+)` \|", _section(ARCHITECTURE, "Tables"), flags=re.MULTILINE)
    assert sorted(listed) == sorted(db.metadata.tables)


def test_architecture_page_has_every_layer_that_is_held() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    held = re.findall(r"app\.\w+", config["importlinter:contract:layers"]["layers"])
    listed = re.findall(r"`(app/\w+)(?:\.py)?`", _section(ARCHITECTURE, "Layers").partition("\nWhy")[0])
    assert [name.replace("/", ".") for name in listed] == held


def test_readme_shows_the_request_of_the_api_page() -> None:
    assert '"customerId": "11111111-1111-4111-8111-111111111111"' in README


def test_security_page_names_tests_that_exist() -> None:
    promises = [line for line in SECURITY.splitlines() if line.startswith("|") and "`tests/" in line]
    named = re.findall(r"`(tests/[^`]+)`", SECURITY)

    assert len(promises) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_security_page_has_the_roles_of_the_code() -> None:
    (header,) = [line for line in SECURITY.splitlines() if line.startswith("| | `")]

    assert re.findall(r"`(\w+)`", header) == [*Role]


def test_security_page_has_the_figures_of_the_code() -> None:
    per_minute = [rate.removesuffix("/minute") for rate in (LOGIN_RATE, ACCOUNT_RATE, GUESS_RATE)]
    (rate,) = [setting.default for setting in setting_fields() if setting.name == "rate_limit"]

    for promise in (
        "{} logins a minute for each address, {} for each account, {} changes".format(*per_minute),
        f"{rate.removesuffix('/minute')} requests a minute per user",
        f"bodies of {MAX_BODY_BYTES // 1024} KiB",
        f"{MAX_TOKENS} tokens per customer",
        f"{MAX_CHANNELS} notification channels of each level",
        f"{CHANNEL_TEST_RATE.removesuffix('/minute')} tests of channels a minute",
        f"{EXPORTS_AT_ONCE} exports at once in each web process",
        f"an access token of {ACCESS_TOKEN_LIFE.total_seconds() / 60:g} minutes",
        f"a refresh token of {SESSION_LIFE.days} days",
    ):
        assert promise in SECURITY
