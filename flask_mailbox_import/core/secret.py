"""A password that no log, repr or traceback shows, and the keys that seal passwords."""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from typing import NoReturn

#: AES-256-GCM.
KEY_BYTES = 32


def generate_encryption_key() -> str:
    """Return a fresh random key in the form that ``MAILBOX_IMPORT_ENCRYPTION_KEYS`` lists."""
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode("ascii")
    return f"k{secrets.token_hex(3)}:{key}"


class Secret:
    """A password on its way from the file to the socket. However it is shown, it shows ``***``.

    It cannot be pickled, hashed or compared with ``==``. Only :meth:`reveal` returns the text.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the clear text. A test lists the few places that call this."""
        return self.__value

    def same_as(self, other: Secret) -> bool:
        """Compare two secrets in constant time."""
        return hmac.compare_digest(self.__value.encode(), other.__value.encode())

    def fits(self, form: re.Pattern[str]) -> bool:
        """Tell whether the whole text has a form, in small letters and without its spaces."""
        return form.fullmatch("".join(self.__value.lower().split())) is not None

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = None  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled: seal it")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: seal it")
