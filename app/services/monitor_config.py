"""A monitor's config: stored encrypted for its row, shown masked to those who may not read its secrets."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.crypto import DecryptionError, Vault
from app.domain.json_value import canonical, is_same
from app.domain.secrets import OAUTH_KEYS, TLS_KEYS, MaskError, has_secrets, kept_secrets, mask, unmask
from app.domain.target import CheckTarget, target_from_config
from app.errors import InvalidError
from app.log import get_logger
from app.models import Monitor
from app.services.access import Actor

log = get_logger(__name__)

ALIASES = ("imap_pop_config", "config")
"""The two names under which a body may carry the config."""
SENT_AGAIN = "must be sent again with this change"


@dataclass(frozen=True)
class ConfigStore:
    """Reads and writes encrypted configs. `mask_all` is the setting MASK_SECRETS."""

    vault: Vault
    mask_all: bool = False

    def seal(self, public_id: UUID, config: Mapping[str, Any]) -> str:
        return self.vault.encrypt(json.dumps(config), _row(public_id))

    def unseal(self, public_id: UUID, sealed: str) -> dict[str, Any]:
        """Raises crypto.DecryptionError when the key is gone or the value is another row's."""
        config: dict[str, Any] = json.loads(self.vault.decrypt(sealed, _row(public_id)))
        return config

    def read(self, monitor: Monitor) -> dict[str, Any] | None:
        """The config, or None when it cannot be decrypted: one such row must not take the list with it."""
        try:
            return self.unseal(monitor.public_id, monitor.config_encrypted)
        except DecryptionError as error:
            log.warning("config_undecryptable", monitor=monitor.public_id, error=str(error))
            return None

    def mailbox(self, hostname: str, port: int | None, config: Mapping[str, Any]) -> tuple[str, str]:
        """The server, as host name and port that are dialled, and a key of the mailbox there.

        The key is the same for all monitors of one mailbox: server and user. It tells neither.
        """
        target = target_from_config(hostname, port, config)
        server = f"{target.hostname}:{target.effective_port}"
        return server, self.mailbox_key_of(target)

    def mailbox_key_of(self, target: CheckTarget) -> str:
        """The same for all monitors of one mailbox: host name, port that is dialled, user."""
        return self.vault.fingerprint(f"{target.hostname}|{target.effective_port}|{target.user or ''}")

    def shown(self, actor: Actor, monitor: Monitor) -> dict[str, Any]:
        """The config as this caller may see it; empty when it cannot be decrypted, as its checks say."""
        config = self.read(monitor) or {}
        if self.mask_all or not actor.may_read_secrets:
            return {key: mask(value, key) for key, value in config.items()}
        return config


def _row(public_id: UUID) -> str:
    return f"monitors.config:{public_id}"


def chosen_config(sent: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any] | None:
    """The config that a body asks for under either name, masks replaced by the stored secrets.

    None when it names neither. If both are sent, the one that differs from the stored value wins.
    Raises InvalidError when both differ and are not the same, or when a mask stands for nothing.
    """
    wanted = [_with_secrets(sent[name] or {}, stored) for name in ALIASES if name in sent]
    changed = [config for config in wanted if not is_same(config, stored)]
    if len({canonical(config) for config in changed}) > 1:
        raise InvalidError(
            message="config and imapPopConfig are the same thing, and two different values were sent.",
            faults={"config": ["differs from imapPopConfig"]},
        )
    return next(iter(changed or wanted), None)


def require_secrets_again(
    sent: Mapping[str, Any], stored: Mapping[str, Any] | None, wanted: Mapping[str, Any], *, is_moved: bool
) -> None:
    """Refuse to send a stored secret to another server by a caller who cannot read it (contract 3.1).

    `stored` None could not be decrypted, and may hold secrets. `is_moved` says that host name or port
    change. Raises InvalidError.
    """
    before = stored or {}
    is_moved = is_moved or any(before.get(key) != wanted.get(key) for key in TLS_KEYS)
    configs = [sent[name] or {} for name in ALIASES if name in sent]
    if stored is None:
        # Nothing but a config that replaces it gets rid of what it holds.
        is_kept = not wanted
    else:
        is_kept = any(any(kept_secrets(config)) for config in configs) if configs else has_secrets(stored)
    if is_moved and is_kept:
        raise InvalidError(
            message="Where the mailbox is or how it is protected changes, so its secrets must be sent again.",
            faults={"imapPopConfig.password": [SENT_AGAIN]},
        )
    if kept := [path for config in configs for path in _diverted(config, before, wanted)]:
        raise InvalidError(
            message="Where the token comes from changes, so the secrets of oauth2 must be sent again.",
            faults={path: [SENT_AGAIN] for path in kept},
        )


def _diverted(sent: Mapping[str, Any], before: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """Paths of the secrets that are kept by a mask while the token endpoint they are sent to changes."""
    old, new = before.get("oauth2") or {}, wanted.get("oauth2") or {}
    if any(old.get(key) != new.get(key) for key in OAUTH_KEYS):
        yield from kept_secrets(sent.get("oauth2"), "imapPopConfig.oauth2")


def _with_secrets(config: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {
            key: unmask(value, stored.get(key), f"imapPopConfig.{key}", key) for key, value in config.items()
        }
    except MaskError as error:
        raise InvalidError(
            message=f"{error.path} is the mask, and no secret is stored that it could stand for.",
            faults={error.path: ["is the mask of a secret, and none is stored"]},
        ) from None
