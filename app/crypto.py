"""Encryption of stored secrets: AES-256-GCM, bound to its row, under keys that can be rotated."""

import base64
import hashlib
import os
import re
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = "v1"
_NONCE_BYTES = 12
_STORED = re.compile(rf"{_VERSION}:(?P<key_id>[0-9a-f]{{8}}):(?P<sealed>[A-Za-z0-9+/=]+)")


class DecryptionError(Exception):
    """The stored value was made under a key we do not have, for another row, or was changed."""


class Vault:
    """Encrypts under the first key, decrypts under any.

    A stored value reads `v1:<key id>:<base64 of nonce and ciphertext>`. The key id, in the clear,
    lets a rotation find what is still under an old key. `row` is authenticated with the value, so
    one that is copied to another row does not decrypt there.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {key_id_of(key): AESGCM(key) for key in keys}
        self.key_ids = tuple(self._ciphers)
        """The one that encrypts, then the others."""
        self.key_id = self.key_ids[0]
        # Not the key itself, so that the two uses of it cannot meet.
        self._fingerprint_key = hashlib.sha256(b"fingerprint" + keys[0]).digest()

    def __repr__(self) -> str:
        return f"<Vault of {len(self._ciphers)} keys>"

    def fingerprint(self, text: str) -> str:
        """32 hex digits that tell equal texts from others; different ones under another first key."""
        return hashlib.blake2b(text.encode(), key=self._fingerprint_key, digest_size=16).hexdigest()

    def encrypt(self, plaintext: str, row: str) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self.key_id].encrypt(nonce, plaintext.encode(), row.encode())
        return f"{_VERSION}:{self.key_id}:{base64.b64encode(nonce + sealed).decode()}"

    def decrypt(self, stored: str, row: str) -> str:
        """Raises DecryptionError, which never carries the value or a key."""
        match = _STORED.fullmatch(stored)
        if match is None:
            raise DecryptionError("the stored value is not an encrypted one")
        cipher = self._ciphers.get(match["key_id"])
        if cipher is None:
            raise DecryptionError(f"no key {match['key_id']} among CREDENTIALS_KEYS")
        try:
            raw = base64.b64decode(match["sealed"], validate=True)
            return cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], row.encode()).decode()
        except (InvalidTag, ValueError):
            raise DecryptionError("the stored value does not belong to this row") from None


def key_id_in(stored: str) -> str | None:
    """The id of the key that a stored value was encrypted under; None for what is no such value."""
    match = _STORED.fullmatch(stored)
    return match and match["key_id"]


def key_id_of(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()[:8]
