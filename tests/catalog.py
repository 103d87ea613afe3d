"""The texts of the pages: ``python tests/catalog.py`` writes the catalog that hosts translate."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2

import flask_mailbox_import
from flask_mailbox_import.providers import PROVIDERS
from flask_mailbox_import.reasons import _TERMS
from flask_mailbox_import.words import MISSING_CREDENTIALS, WORDS

PACKAGE = Path(flask_mailbox_import.__file__).parent
CATALOG = PACKAGE / "translations" / "mailbox_import.pot"
_HEADER = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
)


def of_templates() -> Iterator[tuple[str, ...]]:
    """Yield what the templates say: one text, or two where it is counted."""
    environment = jinja2.Environment(autoescape=True)
    for path in sorted((PACKAGE / "templates").rglob("*.html")):
        for call in environment.parse(path.read_text()).find_all(jinja2.nodes.Call):
            name = getattr(call.node, "name", "")
            texts = [each.value for each in call.args if isinstance(each, jinja2.nodes.Const)]
            if name == "mbi_n":
                yield tuple(texts[:2])
            elif name == "mbi_t" and texts:
                yield (texts[0],)


def of_rows() -> Iterator[tuple[str, ...]]:
    """Yield what is said of rows, but for what holds a value of the row or a setting."""
    yield (MISSING_CREDENTIALS,)
    for path in sorted(PACKAGE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            says = isinstance(node, ast.keyword) and node.arg in ("error", "hint")
            if says and isinstance(node.value, ast.Constant) and node.value.value:
                yield (node.value.value,)
    for error, hint in WORDS.values():
        yield (error,)
        for terms in _TERMS.values():
            yield (hint.format(**terms),)
    for provider in PROVIDERS:
        for hint in provider.hints.values():
            yield (hint,)


def catalog() -> str:
    """Return the catalog (gettext's PO format, without translations)."""
    texts = dict.fromkeys([*of_templates(), *of_rows()])
    entries = [_HEADER]
    for one, *many in texts:
        kind = "#, python-format\n" if re.search(r"%\(\w+\)[sd]", one) else ""
        if many:
            quoted = f"{_quoted('msgid', one)}{_quoted('msgid_plural', many[0])}"
            entries.append(f'{kind}{quoted}msgstr[0] ""\nmsgstr[1] ""\n')
        elif one:
            entries.append(f'{kind}{_quoted("msgid", one)}msgstr ""\n')
    return "\n".join(entries)


def _quoted(name: str, text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name} "{escaped}"\n'


if __name__ == "__main__":
    CATALOG.write_text(catalog(), "utf-8")
