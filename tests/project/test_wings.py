"""The wings, one way down: which wing may import which, and which third parties each may import."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import example_app
import flask_mailbox_import

PACKAGE = Path(flask_mailbox_import.__file__).parent
EXAMPLE_APP = Path(example_app.__file__).parent

#: What each wing, and each module at the top, may import of ours beside itself.
OURS: dict[str, set[str]] = {
    "core": set(),
    "signals": set(),
    "config": {"core"},
    "reading": {"core", "config"},
    "probe": {"core", "config"},
    "storage": {"core", "signals"},
    "engine": {"core", "config", "signals", "reading", "probe", "storage"},
    "web": {"core", "config", "signals", "engine"},
    "testing": {"core"},
    "cli": {"core", "engine"},
    "extension": {"core", "config", "engine", "probe", "storage", "web", "cli"},
    "__init__": {"core", "engine", "extension", "storage"},
    "__main__": {"core"},
}
#: What web may import from below the engine.
WEB_ALSO = {"reading.pasted", "reading.template", "reading.workbook", "storage.api_keys"}

#: The third parties that each may import.
THEIRS: dict[str, set[str]] = {
    "core": {"idna", "email_validator"},
    "signals": {"blinker", "flask"},
    "config": set(),
    "reading": {"python_calamine"},
    "probe": {"dns", "gevent"},
    "storage": {"cryptography", "flask", "flask_sqlalchemy", "sqlalchemy"},
    "engine": {"flask", "flask_sqlalchemy"},
    "web": {"flask", "flask_babel", "flask_wtf", "jinja2", "markupsafe", "werkzeug", "wtforms"},
    "testing": {"trustme"},
    "cli": {"click", "flask"},
    "extension": {"flask", "flask_sqlalchemy", "sqlalchemy"},
    "__init__": set(),
    "__main__": set(),
}
#: Imported under ``TYPE_CHECKING`` alone.
FOR_TYPE_CHECKERS = {"typing_extensions"}

MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")
)


def imports_of(path: Path, root: Path) -> tuple[set[str], set[str]]:
    """Return the modules below ``root`` and the packages elsewhere that a module imports."""
    ours, others = set(), set()
    package = path.relative_to(root).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            others |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            others.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level + 1], node.module or ""])
            for each in node.names:
                name = f"{base}.{each.name}".strip(".")
                is_module = (root / name.replace(".", "/")).with_suffix(".py").exists()
                ours.add(name if is_module else base.strip("."))
    return ours, others


def wing_of(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_wing_may(module):
    wing = wing_of(module)
    ours, others = imports_of(PACKAGE / f"{module.replace('.', '/')}.py", PACKAGE)
    named = WEB_ALSO if wing == "web" else set()
    assert {wing_of(each) for each in ours - named} <= OURS[wing] | {wing}
    assert others - sys.stdlib_module_names - FOR_TYPE_CHECKERS <= THEIRS[wing]


@pytest.mark.parametrize("root", [PACKAGE, EXAMPLE_APP], ids=lambda root: root.name)
def test_no_module_imports_itself_by_way_of_others(root):
    graph = {
        ".".join(path.relative_to(root).with_suffix("").parts): imports_of(path, root)[0]
        for path in root.rglob("*.py")
    }
    # The door of a package names what is in it; nobody inside imports from there.
    TopologicalSorter({name: graph[name] - {"__init__", ""} for name in graph}).prepare()


#: Modules that a host app may import from, beside the package itself.
PUBLIC = {"flask_mailbox_import", "flask_mailbox_import.signals", "flask_mailbox_import.testing"}


@pytest.mark.parametrize("path", sorted(EXAMPLE_APP.rglob("*.py")), ids=lambda path: path.name)
def test_the_example_app_imports_only_public_names(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
            if names == ["flask_mailbox_import"]:
                assert {each.name for each in node.names} <= set(flask_mailbox_import.__all__)
        ours = {each for each in names if each.split(".")[0] == "flask_mailbox_import"}
        assert ours <= PUBLIC


def test_secrets_are_revealed_in_few_places():
    counts = {
        module: (PACKAGE / f"{module.replace('.', '/')}.py").read_text().count(".reveal()")
        for module in MODULES
    }
    assert {module: count for module, count in counts.items() if count} == {
        "core.password_pitfalls": 1,
        "reading.validation": 1,
        "probe.replies": 1,
        "probe.sasl": 3,
        "probe.imap": 1,
        "storage.sealing": 1,
        "storage.models": 2,
        "storage.conversion": 3,
        "storage.drafts": 2,
    }


@pytest.mark.parametrize("module", MODULES)
def test_a_module_patches_nothing_and_says_what_it_is(module):
    text = (PACKAGE / f"{module.replace('.', '/')}.py").read_text()
    assert "monkey.patch" not in text
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.slow
def test_importing_the_package_loads_no_optional_package():
    code = (
        "import sys, flask_mailbox_import\n"
        "from gevent import monkey\n"
        "assert not monkey.saved, monkey.saved\n"
        "extra = {'celery', 'python_calamine'} & set(sys.modules)\n"
        "assert not extra, extra\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
