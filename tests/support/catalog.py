"""The texts of the pages; ``python tests/support/catalog.py`` writes the catalog of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2

import flask_mailbox_import
from flask_mailbox_import.core.explanations import EXPLANATIONS, VARIANTS
from flask_mailbox_import.core.providers import PROVIDERS
from flask_mailbox_import.core.remarks import REMARKS, WARNINGS
from flask_mailbox_import.core.remedies import TITLES

PACKAGE = Path(flask_mailbox_import.__file__).parent
CATALOG = PACKAGE / "web" / "translations" / "mailbox_import.pot"
_HEADER = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n'
)


def of_templates() -> Iterator[tuple[str, ...]]:
    """Yield what the templates say: one text, or two where it is counted."""
    environment = jinja2.Environment(autoescape=True)
    for path in sorted((PACKAGE / "web" / "templates").rglob("*.html")):
        for call in environment.parse(path.read_text()).find_all(jinja2.nodes.Call):
            name = getattr(call.node, "name", "")
            texts = [each.value for each in call.args if isinstance(each, jinja2.nodes.Const)]
            if name == "mbi_n":
                yield tuple(texts[:2])
            elif name == "mbi_t" and texts:
                yield (texts[0],)


def of_rows() -> Iterator[tuple[str, ...]]:
    """Yield what is said of rows: the codes' and the providers' sentences, remarks, warnings."""
    for words in (*EXPLANATIONS.values(), *(each[1:] for each in VARIANTS.values())):
        for text in words:
            yield (text,)
    for remark in REMARKS.values():
        yield remark if isinstance(remark, tuple) else (remark,)
    for text in (*WARNINGS.values(), *TITLES.values()):
        yield (text,)
    for provider in PROVIDERS:
        for hint in provider.hints.values():
            yield (hint,)


def of_modules() -> Iterator[tuple[str, ...]]:
    """Yield what is said of files and requests: the templates of each ``say()``."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say":
                plural = [each.value for each in node.keywords if each.arg == "plural"]
                yield tuple(ast.literal_eval(each) for each in (node.args[0], *plural))


def catalog() -> str:
    """Return the catalog (gettext's PO format, without translations)."""
    entries = [_HEADER]
    texts = dict.fromkeys([*of_templates(), *of_rows(), *of_modules()])
    for one, *many in texts:
        if many:
            quoted = f"{_quoted('msgid', one)}{_quoted('msgid_plural', many[0])}"
            entries.append(f'{_kind(one)}{quoted}msgstr[0] ""\nmsgstr[1] ""\n')
        elif one:
            entries.append(f'{_kind(one)}{_quoted("msgid", one)}msgstr ""\n')
    return "\n".join(entries)


def _kind(text: str) -> str:
    return "#, python-format\n" if re.search(r"%\(\w+\)[sd]", text) else ""


def _quoted(name: str, text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name} "{escaped}"\n'


if __name__ == "__main__":
    CATALOG.write_text(catalog(), "utf-8")
