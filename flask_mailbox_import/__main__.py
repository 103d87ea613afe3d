"""``python -m flask_mailbox_import generate-encryption-key``: needs no app."""

from __future__ import annotations

import sys

from .core.secret import generate_encryption_key

if sys.argv[1:] != ["generate-encryption-key"]:
    sys.exit("usage: python -m flask_mailbox_import generate-encryption-key")
print(generate_encryption_key())
