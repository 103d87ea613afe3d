"""``python -m flask_mailbox_import generate-encryption-key``: needs no app."""

from __future__ import annotations

import sys

from .sealing import generate_key

if sys.argv[1:] != ["generate-encryption-key"]:
    sys.exit("usage: python -m flask_mailbox_import generate-encryption-key")
print(generate_key())
