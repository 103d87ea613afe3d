"""What the extension tells of an import: its signals, and lines of the log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from flask_mailbox_import import signals


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """Collect all that is logged meanwhile."""
    text = io.StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


#: Every signal that there is.
SIGNALS = [each for each in vars(signals).values() if isinstance(each, signals.NamedSignal)]


def parsed(line: str) -> dict[str, object]:
    """Read a line as whoever collects logs does: name=value, a value with anything odd is JSON."""
    found, rest = {}, line
    while rest:
        name, _, rest = rest.partition("=")
        assert name.isidentifier()
        assert name not in found
        if rest.startswith('"'):
            value, end = json.JSONDecoder().raw_decode(rest)
        else:
            end = len(rest.split(" ", 1)[0])
            value = rest[:end]
        assert rest[end : end + 1] in ("", " ")
        found[name], rest = value, rest[end + 1 :]
    return found
