"""Seals passwords with a ring of AES-256-GCM keys, and opens them."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable
from enum import Enum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..core.errors import SealError
from ..core.secret import Secret

_VERSION = 1
_NONCE_BYTES = 12


class Field(str, Enum):
    """The name of a sealed value's field, to which the value is bound."""

    SMTP_PASSWORD = "smtp_password"  # noqa: S105 (a field)
    IMAP_PASSWORD = "imap_password"  # noqa: S105 (a field)
    #: All cells of a row.
    RECORD = "record"
    #: A whole file with its options.
    FILE = "file"
    #: What was typed into forms.
    DRAFT = "draft"


def new_seal_id() -> str:
    """Return a random id that binds sealed values to a row that has no primary key yet."""
    return secrets.token_hex(16)


class KeyRing:
    """Seals with the first key, opens with any (NIST SP 800-38D, random 96-bit nonces).

    A sealed value is ``version, length of the key id, key id, nonce, ciphertext and tag``. It is
    authenticated together with the workspace, the row's ``seal_id`` and the field. So a value that
    was moved or swapped inside the database does not open.
    """

    def __init__(self, keys: Iterable[tuple[str, bytes]]) -> None:
        pairs = list(keys)
        #: The id of the key that seals.
        self.first = pairs[0][0]
        first = self.first.encode("ascii")
        self._header = bytes([_VERSION, len(first)]) + first
        self._first_key = hmac.digest(pairs[0][1], b"mailbox-import fingerprint", "sha256")
        self._ciphers = {kid.encode("ascii"): AESGCM(key) for kid, key in pairs}

    def __repr__(self) -> str:
        return f"<KeyRing of {len(self._ciphers)}>"

    def seal(self, secret: Secret, *, workspace_id: str, seal_id: str, field: Field) -> bytes:
        """Return the sealed form of a secret."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        bound = _associated_data(self._header, workspace_id, seal_id, field)
        cipher = self._ciphers[self.first.encode("ascii")]
        return self._header + nonce + cipher.encrypt(nonce, secret.reveal().encode(), bound)

    def fingerprint(self, data: bytes, *, workspace_id: str) -> str:
        """Return 64 hex digits by which a workspace's file is recognised (HMAC, RFC 2104).

        With a plain hash, somebody could check guesses at the passwords in the file.
        """
        return hmac.new(self._first_key, workspace_id.encode() + b"\0" + data, "sha256").hexdigest()

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether a value is sealed with the first key."""
        return sealed.startswith(self._header)

    def open(self, sealed: bytes, *, workspace_id: str, seal_id: str, field: Field) -> Secret:
        """Return the secret.

        :raises SealError: it is damaged, was moved from another row, field or workspace, or its key
            is not in ``MAILBOX_IMPORT_ENCRYPTION_KEYS``. The message does not hold the value.
        """
        if len(sealed) < 2 or sealed[0] != _VERSION:
            raise SealError("not a sealed value")
        end = 2 + sealed[1]
        header, kid = sealed[:end], sealed[2:end]
        cipher = self._ciphers.get(kid)
        if cipher is None:
            name = kid.decode("ascii", "replace")
            words = f"sealed with key {name!r}: add it to MAILBOX_IMPORT_ENCRYPTION_KEYS"
            raise SealError(words, name)
        nonce, body = sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :]
        try:
            bound = _associated_data(header, workspace_id, seal_id, field)
            return Secret(cipher.decrypt(nonce, body, bound).decode())
        except (InvalidTag, ValueError):
            pass
        raise SealError("does not open here: damaged, or moved from another row or workspace")


def _associated_data(header: bytes, *parts: str) -> bytes:
    """Join parts with their lengths, so that no two lists of parts give the same bytes."""
    texts = [part.encode() for part in parts]
    return header + b"".join(len(text).to_bytes(4, "big") + text for text in texts)
