"""A channel's config: what is no secret in the open, the secrets as one value encrypted for the row."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.crypto import DecryptionError, Vault
from app.domain.channel_types import APPRISE, HAS_SECRET, ChannelType, ConfigError
from app.domain.secrets import MASK
from app.errors import InvalidError
from app.log import get_logger
from app.models import NotificationChannel
from app.notifiers import suits_service
from app.services.audit import Changes, changes_of

log = get_logger(__name__)

SENT_AGAIN = "must be sent again with this change"
UNSUITABLE = "does not suit its service: something is missing, or is not of the form that the service needs"
LOST = "cannot be decrypted any more, and must be sent again"


@dataclass(frozen=True)
class SplitConfig:
    """`shown` is stored in the open, and has each secret that is set as null."""

    shown: dict[str, Any]
    secrets: dict[str, Any] = field(repr=False)

    @property
    def whole(self) -> dict[str, Any]:
        return {**_set(self.shown), **self.secrets}


def seal(vault: Vault, public_id: UUID, secrets: Mapping[str, Any]) -> str | None:
    """None for no secrets."""
    return vault.encrypt(json.dumps(secrets), _row(public_id)) if secrets else None


def unseal(vault: Vault, channel: NotificationChannel) -> dict[str, Any]:
    """Raises crypto.DecryptionError when the key is gone or the value is another row's."""
    if channel.secrets_encrypted is None:
        return {}
    secrets: dict[str, Any] = json.loads(vault.decrypt(channel.secrets_encrypted, _row(channel.public_id)))
    return secrets


def whole_config(vault: Vault, channel: NotificationChannel) -> dict[str, Any] | None:
    """With its secrets, to send with; None when they cannot be decrypted.

    Without them a webhook would go out unsigned, and its errors uncleaned.
    """
    try:
        return {**_set(channel.config), **unseal(vault, channel)}
    except DecryptionError as error:
        log.warning("channel_undecryptable", channel=channel.public_id, error=str(error))
        return None


def shown_config(channel: NotificationChannel) -> dict[str, Any]:
    """As answers have it: secrets read as null, and `hasSecret` says that there are some."""
    return {**channel.config, HAS_SECRET: True} if channel.secrets_encrypted else dict(channel.config)


def new_config(kind: ChannelType, sent: Mapping[str, Any]) -> SplitConfig:
    """The config that a body asks for. Raises InvalidError, with the faults by path."""
    return _split(kind, _as_meant(kind, sent))


def changed_config(
    kind: ChannelType, sent: Mapping[str, Any], channel: NotificationChannel, vault: Vault
) -> SplitConfig:
    """The stored config with the keys that are sent in their places; null clears what is optional.

    Raises InvalidError when it would send a stored secret to another place: nobody may point one at a
    server of their own.
    """
    meant = _as_meant(kind, sent)
    stored = channel.config
    kept = [name for name in stored if name in kind.secret_names and name not in meant]
    if any(name in meant and meant[name] != stored.get(name) for name in kind.places):
        _require_none(kept, SENT_AGAIN, "Where messages go changes, so the secrets must be sent again.")
    try:
        secrets = unseal(vault, channel)
    except DecryptionError:
        secrets = {}
        _require_none(kept, LOST, "The secrets cannot be decrypted any more, and must be sent again.")
    return _split(kind, {**_set(stored), **secrets, **meant})


def config_changes(before: SplitConfig | None, after: SplitConfig) -> Changes:
    """For the audit trail: of secrets it tells that they changed and not what they are."""
    old_shown, old_secrets = ({}, {}) if before is None else (before.shown, before.secrets)
    changes = changes_of(_paths(_set(old_shown)), _paths(_set(after.shown)))
    for name in {**old_secrets, **after.secrets}:
        old, new = old_secrets.get(name), after.secrets.get(name)
        if old != new:
            changes[f"config.{name}"] = {"before": old and MASK, "after": new and MASK}
    return changes


def stored_config(vault: Vault, channel: NotificationChannel) -> SplitConfig:
    """As far as it can be decrypted."""
    try:
        return SplitConfig(channel.config, unseal(vault, channel))
    except DecryptionError:
        return SplitConfig(channel.config, {})


def _as_meant(kind: ChannelType, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The keys under their names. What was read can be sent back, so `hasSecret` makes nulls mean: kept."""
    try:
        meant = kind.named(sent)
    except ConfigError as error:
        raise _invalid(error) from None
    has_secret = meant.pop(HAS_SECRET, False)
    if not isinstance(has_secret, bool):
        raise _invalid(ConfigError({f"config.{HAS_SECRET}": ["must be true or false"]}))
    if has_secret:
        return {name: v for name, v in meant.items() if name not in kind.secret_names or v is not None}
    return meant


def _split(kind: ChannelType, config: Mapping[str, Any]) -> SplitConfig:
    try:
        whole = kind.read(config)
    except ConfigError as error:
        raise _invalid(error) from None
    if kind.name == APPRISE and not suits_service(whole["url"]):
        raise _invalid(ConfigError({"config.url": [UNSUITABLE]}))
    secrets = {name: value for name, value in whole.items() if name in kind.secret_names}
    return SplitConfig({**whole, **dict.fromkeys(secrets)}, secrets)


def _require_none(names: Iterable[str], fault: str, message: str) -> None:
    if faults := {f"config.{name}": [fault] for name in names}:
        raise InvalidError(message=message, faults=faults)


def _invalid(error: ConfigError) -> InvalidError:
    sentence = "; ".join(f"{path} {text}" for path, texts in error.faults.items() for text in texts)
    return InvalidError(message=sentence, faults=error.faults)


def _set(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if value is not None}


def _paths(config: Mapping[str, Any]) -> dict[str, Any]:
    return {f"config.{name}": value for name, value in config.items()}


def _row(public_id: UUID) -> str:
    return f"notification_channels.secrets:{public_id}"
