"""The texts of the pages; ``python tests/support/catalog.py`` writes the catalog of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2

import flask_mailbox_import
from flask_mailbox_import.core.explanations import EXPLANATIONS, MISSING_CREDENTIALS
from flask_mailbox_import.core.providers import PROVIDERS
from flask_mailbox_import.probe.verdicts import _TERMS

PACKAGE = Path(flask_mailbox_import.__file__).parent
CATALOG = PACKAGE / "web" / "translations" / "mailbox_import.pot"
#: Where sentences for the user of a page are.
MODULES = (
    *(
        "core/encodings",
        "core/errors",
        "core/explanations",
        "core/password_pitfalls",
        "core/validators",
    ),
    *("reading/reader", "reading/workbook", "reading/decoding", "reading/question"),
    *("reading/table", "reading/header", "reading/cells", "reading/validation"),
    *("reading/template", "probe/verdicts"),
    *("engine/importer", "engine/staging", "engine/limits"),
    *("web/errors", "web/uploads", "web/forms", "web/rendering"),
    *("web/import_page", "web/upload_page"),
)
#: Where parts of such sentences are.
PARTS = ("reading/workbook", "core/validators")
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
    """Yield what is said of codes: each one's sentence and hint, and the providers' own."""
    yield (MISSING_CREDENTIALS,)
    for error, hint in EXPLANATIONS.values():
        yield (error,)
        for terms in _TERMS.values():
            yield (hint.format(**terms),)
    for provider in PROVIDERS:
        for hint in provider.hints.values():
            yield (hint,)


def of_modules() -> Iterator[str]:
    """Yield what is said of files, rows and requests; a value in it is ``%(value1)s``."""
    for name in MODULES:
        tree = ast.parse((PACKAGE / f"{name}.py").read_text())
        parts = {id(each) for node in _strings(tree) for each in ast.walk(node)} - {
            id(node) for node in _strings(tree)
        }
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if id(node) in parts | documents:
                continue
            if isinstance(node, ast.JoinedStr):
                text = "".join(_part(each) for each in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = re.sub(r"\{\w+(?:!r)?\}", "{}", node.value)
            else:
                continue
            if _is_sentence(text):
                yield _numbered(text)


def of_parts() -> Iterator[str]:
    """Yield words that stand in a sentence as its values."""
    for name in PARTS:
        tree = ast.parse((PACKAGE / f"{name}.py").read_text())
        documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        joined = {id(each) for node in _strings(tree) for each in ast.walk(node)}
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) else None
            if not isinstance(text, str) or id(node) in documents | joined or _is_sentence(text):
                continue
            if re.match(r"[A-Za-z]+ [A-Za-z(]", text):
                yield text


def _numbered(text: str) -> str:
    """Return a text whose values are ``{}`` as gettext's kind, its values numbered."""
    first, *others = (text.replace("%", "%%") if "{}" in text else text).split("{}")
    return first + "".join(f"%(value{n})s{each}" for n, each in enumerate(others, 1))


def _strings(tree: ast.AST) -> list[ast.JoinedStr]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]


def _part(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else "{}"


def _is_sentence(text: str) -> bool:
    words = re.findall(r"[A-Za-z']{2,}", text.replace("{}", " "))
    is_code = re.search(r"[\\^]|\?:|``|^[a-z_]+ [a-z_]+ [a-z_ ]+$", text)
    is_short = len(words) == 2 and text.endswith(".")
    return (len(words) > 2 or is_short) and not is_code and text.lstrip()[:1].isupper()


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
    known = {one for one, *_ in texts}
    for text in dict.fromkeys([*of_modules(), *of_parts()]):
        if text not in known:
            kind = "#. with values\n#, python-format\n" if "%(value1)s" in text else ""
            entries.append(f'{kind}{_quoted("msgid", text)}msgstr ""\n')
    return "\n".join(entries)


def _quoted(name: str, text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name} "{escaped}"\n'


if __name__ == "__main__":
    CATALOG.write_text(catalog(), "utf-8")
