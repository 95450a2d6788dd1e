"""Secrets that we have to read again, encrypted at rest: AES-256-GCM (RFC 5116) with keys from a file.

What is sealed for one purpose and row cannot be opened as another's: both are bound in as associated data.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_ID, _NONCE = 4, 12


class SealBroken(Exception):
    """It was sealed with a key that is gone or for something else, or it was changed."""


class Sealer:
    """Seals with the first key and opens with any, so that a new key can be put before the old ones."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise ValueError("a sealing key has 32 bytes, and there must be one")
        self._current = _id(keys[0])
        self._keys = {_id(key): AESGCM(key) for key in keys}

    @classmethod
    def read(cls, text: str) -> "Sealer":
        """From a file's text: a key a line, in base64, the current one first; ValueError."""
        try:
            return cls([base64.b64decode(line, validate=True) for line in text.split()])
        except binascii.Error as error:
            raise ValueError(str(error)) from None

    def seal(self, secret: bytes, purpose: str) -> bytes:
        """`purpose` names the kind of secret and its row: "totp:<factor id>"."""
        nonce = os.urandom(_NONCE)
        return self._current + nonce + self._keys[self._current].encrypt(nonce, secret, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """What was sealed; SealBroken."""
        key = self._keys.get(sealed[:_ID])
        if key is None:
            raise SealBroken("no key for it")
        try:
            return key.decrypt(sealed[_ID : _ID + _NONCE], sealed[_ID + _NONCE :], purpose.encode())
        except (InvalidTag, ValueError):
            raise SealBroken("it does not open") from None


def _id(key: bytes) -> bytes:
    return hashlib.sha256(b"portico sealing key " + key).digest()[:_ID]
