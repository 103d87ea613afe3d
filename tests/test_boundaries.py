"""Imports go one way: a module imports only from those above it, and few from third parties."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import flask_mailbox_import

PACKAGE = Path(flask_mailbox_import.__file__).parent

#: Top to bottom, each with the third-party packages that it may import.
LAYERS: dict[str, set[str]] = {
    "codes": set(),
    "secret": set(),
    "records": set(),
    "results": set(),
    "errors": set(),
    "shield": set(),
    "providers": set(),
    "causes": set(),
    "words": set(),
    "reasons": set(),
    "labels": set(),
    "hostnames": {"idna"},
    "addresses": {"email_validator"},
    "policy": set(),
    "config": set(),
    "names": set(),
    "kinds": set(),
    "decoding": set(),
    "guesses": set(),
    "table": set(),
    "calamine_child": {"python_calamine"},
    "workbook": set(),
    "columns": set(),
    "cells": set(),
    "pitfalls": set(),
    "template": set(),
    "choices": set(),
    "rows": set(),
    "check": set(),
    "probe.pool": {"gevent"},
    "probe.guard": {"gevent"},
    "probe.faults": set(),
    "probe.sockets": {"gevent"},
    "probe.smtp_auth": set(),
    "probe.smtp": set(),
    "probe.imap": set(),
    "probe.replies": set(),
    "probe.wordings": set(),
    "probe.tls_faults": set(),
    "probe.diagnosis": set(),
    "probe.attempt": {"gevent"},
    "probe.job": set(),
    "probe.pace": set(),
    "probe.servers": set(),
    "probe.verdicts": set(),
    "probe.retries": set(),
    "probe.turns": set(),
    "probe.schedule": {"gevent"},
    "probe.prober": {"gevent"},
    "staged": set(),
    "sealing": {"cryptography"},
    "session": {"flask", "flask_sqlalchemy", "sqlalchemy"},
    "signals": {"blinker", "flask"},
    "models": {"flask", "flask_sqlalchemy", "sqlalchemy"},
    "senders": set(),
    "mapping": set(),
    "liveness": {"sqlalchemy"},
    "outcomes": set(),
    "batch": {"sqlalchemy"},
    "report": set(),
    "summaries": {"sqlalchemy"},
    "queries": {"flask_sqlalchemy", "sqlalchemy"},
    "listing": {"flask_sqlalchemy", "sqlalchemy"},
    "store": {"flask_sqlalchemy", "sqlalchemy"},
    "runs": {"flask_sqlalchemy", "sqlalchemy"},
    "erasure": {"flask_sqlalchemy", "sqlalchemy"},
    "rotation": {"flask_sqlalchemy", "sqlalchemy"},
    "staging": set(),
    "execution": set(),
    "runners": {"flask", "flask_sqlalchemy"},
    "importer": set(),
    "retrying": set(),
    "jobs": set(),
    "auth": {"flask", "flask_sqlalchemy", "sqlalchemy"},
    "state": {"flask"},
    "fields": {"flask", "werkzeug"},
    "corrections": {"flask"},
    "answers": {"flask", "werkzeug"},
    "bodies": set(),
    "api": {"flask"},
    "resources": {"flask"},
    "forms": {"flask", "flask_wtf", "werkzeug", "wtforms"},
    "texts": {"flask", "flask_babel"},
    "frame": {"flask", "flask_wtf", "jinja2", "markupsafe", "werkzeug", "wtforms"},
    "import_pages": {"flask", "werkzeug"},
    "steering": {"flask"},
    "pages": {"flask", "flask_wtf", "werkzeug"},
    "cli": {"click", "flask"},
    "extension": {"flask", "flask_sqlalchemy", "sqlalchemy"},
}
FREE = {"__init__", "__main__", "probe.__init__"}
ORDER = list(LAYERS)
THIRD_PARTY = {each for allowed in LAYERS.values() for each in allowed} | {"celery"}
NETWORK = {each for each in LAYERS if each.startswith("probe.")}
DATABASE = {"sealing", "models", "mapping", "batch", "session", "store", "queries", "erasure"}
READER = {
    *("names", "kinds", "decoding", "guesses", "table", "calamine_child", "workbook", "columns"),
    *("cells", "pitfalls", "template", "choices", "rows", "check"),
}


def path_of(module: str) -> Path:
    return PACKAGE / (module.replace(".", "/") + ".py")


def imports_of(module: str) -> tuple[set[str], set[str]]:
    """Return the modules of ours and the third-party packages that a module imports."""
    ours, others = set(), set()
    package = module.split(".")[:-1]
    for node in ast.walk(ast.parse(path_of(module).read_text())):
        if isinstance(node, ast.Import):
            others |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            others.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            if node.module:
                ours.add(".".join([*base, node.module]))
            else:
                ours |= {".".join([*base, each.name]) for each in node.names}
    return ours, others & THIRD_PARTY


def test_every_module_has_its_place():
    found = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")
    }
    assert found == set(LAYERS) | FREE


@pytest.mark.parametrize("module", LAYERS)
def test_imports_go_upwards_only(module):
    ours, others = imports_of(module)
    assert ours <= set(ORDER[: ORDER.index(module)])
    assert others <= LAYERS[module]


@pytest.mark.parametrize("module", sorted(NETWORK))
def test_the_network_knows_neither_the_reader_nor_the_database(module):
    assert not imports_of(module)[0] & (READER | DATABASE)


@pytest.mark.parametrize("module", sorted(READER))
def test_the_reader_knows_neither_the_network_nor_the_database(module):
    assert not imports_of(module)[0] & (NETWORK | DATABASE)


def test_secrets_are_revealed_in_few_places():
    places = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path.read_text().count(
            ".reveal()"
        )
        for path in PACKAGE.rglob("*.py")
    }
    assert {module: count for module, count in places.items() if count} == {
        "pitfalls": 1,
        "rows": 1,
        "probe.replies": 1,
        "probe.smtp_auth": 3,
        "probe.imap": 2,
        "sealing": 1,
        "models": 2,
        "mapping": 3,
    }


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_a_module_patches_nothing_says_what_it_is_and_stays_short(path):
    text = path.read_text()
    assert "monkey.patch" not in text
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 260
