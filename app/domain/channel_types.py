"""The kinds of notification channels and what each is set up with: the one table of them.

Secret values are stored encrypted and read back as null; what the rest may be is in
app/domain/channel_config.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.channel_config import (
    Reader,
    apprise_url,
    choice,
    email,
    headers,
    phone,
    service_url,
    text,
    token,
    url,
    whole,
)
from app.domain.enums import ChannelCategory

EMAIL, SMS, WEBHOOK, APPRISE = "email", "sms", "webhook", "apprise"

MAX_TIMEOUT_SECONDS = 30
DEFAULT_METHOD, DEFAULT_TIMEOUT_SECONDS = "POST", 10
"""Of a webhook that leaves them out."""
MIN_SIGNING_KEY = 8
"""Characters; what is shorter is guessed from one signature."""

HAS_SECRET = "hasSecret"  # noqa: S105 - the name of a key
"""In a config that is read: secrets are stored. Sent back, it says that those which read null are kept."""

Config = Mapping[str, Any]


class ConfigError(ValueError):
    """A config that cannot be used; `faults` has path -> texts, such as `config.url`."""

    def __init__(self, faults: Mapping[str, list[str]]) -> None:
        super().__init__(", ".join(faults))
        self.faults = dict(faults)


@dataclass(frozen=True)
class ConfigKey:
    """One key of a config."""

    name: str
    read: Reader
    is_required: bool = False
    is_secret: bool = False
    alias: str | None = None
    """Another name that the key has in bodies."""
    about: str = ""


def _nothing_more(_: Config) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class ChannelType:
    """`places`: keys that say where secrets go. `together`: faults of keys that do not fit together."""

    name: str
    keys: tuple[ConfigKey, ...]
    places: tuple[str, ...] = ()
    together: Callable[[Config], dict[str, str]] = _nothing_more
    category: ChannelCategory = ChannelCategory.INTEGRATION

    @property
    def secret_names(self) -> frozenset[str]:
        return frozenset(key.name for key in self.keys if key.is_secret)

    def named(self, config: Config) -> dict[str, Any]:
        """The config with aliases replaced. Raises ConfigError when a key comes under both its names."""
        aliases = {key.alias: key.name for key in self.keys if key.alias}
        if both := [alias for alias, name in aliases.items() if alias in config and name in config]:
            raise ConfigError({f"config.{alias}": [f"is the same as {aliases[alias]}"] for alias in both})
        return {aliases.get(name, name): value for name, value in config.items()}

    def read(self, config: Config) -> dict[str, Any]:
        """The config as it is stored, without the keys that are null. Raises ConfigError.

        No text has a value in it: some are secrets.
        """
        known = {key.name: key for key in self.keys}
        faults = {name: "is not a key of this type" for name in config if name not in known}
        whole_config: dict[str, Any] = {}
        for key in self.keys:
            value = config.get(key.name)
            if value is None:
                if key.is_required:
                    faults[key.name] = "must not be null" if key.name in config else "is required"
                continue
            try:
                whole_config[key.name] = key.read(value)
            except ValueError as error:
                faults[key.name] = str(error)
        faults = faults or self.together(whole_config)
        if faults:
            raise ConfigError({f"config.{name}": [fault] for name, fault in faults.items()})
        return whole_config


def _secret(name: str, read: Reader, *, is_required: bool = True, alias: str | None = None) -> ConfigKey:
    return ConfigKey(name, read, is_required=is_required, is_secret=True, alias=alias)


def _given_url(hosts: tuple[str, ...], path: str, what: str, alias: str | None = None) -> ConfigKey:
    return _secret("url", service_url(hosts, path, f"must be {what}"), alias=alias)


def _matrix_sign_in(config: Config) -> dict[str, str]:
    if "token" in config:
        return {"password": "is of use without token alone"} if "password" in config else {}
    needed = [name for name in ("user", "password") if name not in config]
    return dict.fromkeys(needed, "is required without token")


_SERVER = url(has_query=False)
_TYPES = (
    ChannelType(
        EMAIL,
        (ConfigKey("email", email, is_required=True), ConfigKey("to", text(), about="The recipient's name.")),
        category=ChannelCategory.DIRECT,
    ),
    ChannelType(SMS, (ConfigKey("phoneNumber", phone, is_required=True),), category=ChannelCategory.DIRECT),
    ChannelType(
        WEBHOOK,
        (
            ConfigKey("url", url(), is_required=True),
            ConfigKey("method", choice(DEFAULT_METHOD, "PUT"), about=f"Default {DEFAULT_METHOD}."),
            _secret("headers", headers, is_required=False),
            _secret("secret", text(MIN_SIGNING_KEY, 1024), is_required=False),
            ConfigKey(
                "timeoutSeconds", whole(1, MAX_TIMEOUT_SECONDS), about=f"Default {DEFAULT_TIMEOUT_SECONDS}."
            ),
        ),
        places=("url",),
        category=ChannelCategory.DIRECT,
    ),
    ChannelType(
        "slack",
        (
            _given_url(
                ("hooks.slack.com", "hooks.slack-gov.com"),
                r"/(services/\w+/\w+/\w+|workflows/[\w/-]+|triggers/[\w/-]+)/?",
                "a webhook's URL from Slack, such as https://hooks.slack.com/services/…",
                alias="secret",
            ),
        ),
    ),
    ChannelType(
        "discord",
        (
            _given_url(
                ("discord.com", "discordapp.com"),
                r"/api/webhooks/[0-9]+/[\w-]+/?",
                "a webhook's URL from Discord, such as https://discord.com/api/webhooks/…",
                alias="secret",
            ),
        ),
    ),
    ChannelType(
        "teams",
        (
            _given_url(
                (".logic.azure.com", ".api.powerplatform.com"),
                r"(/powerautomate/automations/direct(/cu/[0-9]+)?)?"
                r"/workflows/[\w-]+/triggers/manual/paths/invoke/?\?.+",
                "the URL of a workflow of Teams, at logic.azure.com or api.powerplatform.com",
                alias="secret",
            ),
        ),
    ),
    ChannelType(
        "mattermost",
        (_given_url((), r"/(.+/)?hooks/[\w-]+/?", "a webhook's URL, ending with /hooks/…", alias="secret"),),
    ),
    ChannelType(
        "googlechat",
        (
            _given_url(
                ("chat.googleapis.com",),
                r"/v1/spaces/[\w-]+/messages\?.+",
                "a webhook's URL from Google Chat, such as https://chat.googleapis.com/v1/spaces/…",
                alias="secret",
            ),
        ),
    ),
    ChannelType(
        "rocketchat",
        (
            _given_url(
                (), r"/(.+/)?hooks/\w+/\w+/?", "a webhook's URL, ending with /hooks/…/…", alias="secret"
            ),
        ),
    ),
    ChannelType(
        "telegram",
        (
            _secret("botToken", token(r"[0-9]{3,20}:[\w-]{20,100}", "must be a bot's token: 123:ABC…")),
            ConfigKey(
                "chatId",
                token(r"-?[0-9]{1,20}|@[A-Za-z]\w{3,31}", "must be a chat's number, as a text, or @channel"),
                is_required=True,
            ),
        ),
    ),
    ChannelType("pagerduty", (_secret("routingKey", token(r"[\w-]+", "must be letters and digits", 64)),)),
    ChannelType(
        "opsgenie",
        (
            _secret("apiKey", token(r"[\w-]+", "must be letters, digits and hyphens", 64)),
            ConfigKey("region", choice("us", "eu"), about="Default us."),
        ),
    ),
    ChannelType(
        "pushover",
        (
            _secret("userKey", token(r"[A-Za-z0-9]+", "must be letters and digits", 64)),
            _secret("apiToken", token(r"[A-Za-z0-9]+", "must be letters and digits", 64)),
        ),
    ),
    ChannelType(
        "ntfy",
        (
            _secret("topic", token(r"[\w-]+", "must be letters, digits, hyphens and underscores", 64)),
            ConfigKey("server", _SERVER, about="Default https://ntfy.sh."),
            _secret("token", token(), is_required=False),
        ),
        places=("server",),
    ),
    ChannelType(
        "gotify",
        (ConfigKey("url", _SERVER, is_required=True), _secret("token", token())),
        places=("url",),
    ),
    ChannelType(
        "matrix",
        (
            ConfigKey("server", _SERVER, is_required=True),
            ConfigKey(
                "room",
                token(
                    r"[!#][\w.=+~-]{1,200}(:[A-Za-z0-9.:-]{1,250})?",
                    "must be a room such as #ops:example.com",
                ),
                is_required=True,
            ),
            ConfigKey("user", token()),
            _secret("password", text(), is_required=False),
            _secret("token", token(high=1024), is_required=False),
        ),
        places=("server",),
        together=_matrix_sign_in,
    ),
    ChannelType(APPRISE, (_secret("url", apprise_url),)),
)

CHANNEL_TYPES: Mapping[str, ChannelType] = {kind.name: kind for kind in _TYPES}
