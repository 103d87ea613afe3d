"""The READMEs: their form, their links, and every table beside the code that it tells of."""

from __future__ import annotations

import ast
import csv
import dataclasses
import io
import logging
import re

import pytest
from flask_sqlalchemy import SQLAlchemy
from mailbox_files import Header
from readmes import (
    PACKAGE,
    PATHS,
    ROOT,
    TEXTS,
    WINGS,
    anchors,
    named,
    names_in,
    paragraph,
    prose,
    table,
)
from werkzeug.exceptions import TooManyRequests

import flask_mailbox_import
from flask_mailbox_import import Code, ConfigError, FileError, cli, signals
from flask_mailbox_import.config import PREFIX, Config
from flask_mailbox_import.core import rows
from flask_mailbox_import.core.codes import REFUSED_LOGIN, RETRIED, RETRYABLE
from flask_mailbox_import.core.encodings import LABELS
from flask_mailbox_import.core.errors import (
    ImportNotRunnable,
    TooManyRefusedLogins,
    TooManyRunning,
    TooManyWaiting,
)
from flask_mailbox_import.core.explanations import EXPLANATIONS, VARIANTS
from flask_mailbox_import.core.host_columns import ColumnKind, HostColumn
from flask_mailbox_import.core.imports import ImportOptions, ImportStatus
from flask_mailbox_import.core.mailboxes import Login, MailboxStatus, Protocol, Security, Stage
from flask_mailbox_import.core.providers import PROVIDERS
from flask_mailbox_import.core.remarks import WARNINGS
from flask_mailbox_import.core.secret import Secret, generate_encryption_key
from flask_mailbox_import.probe.advice import failure_of_test
from flask_mailbox_import.probe.diagnosis import Finding
from flask_mailbox_import.reading.reader import read_file
from flask_mailbox_import.reading.table import MAX_HEADER_LENGTH
from flask_mailbox_import.reading.validation import MAX_LENGTHS
from flask_mailbox_import.storage.models import MailboxMixin, models_for
from flask_mailbox_import.testing import settings
from flask_mailbox_import.web.errors import refusal_of
from flask_mailbox_import.web.forms import FIELDS
from flask_mailbox_import.web.openapi import document
from flask_mailbox_import.web.responses import refused
from flask_mailbox_import.web.routes import ROUTES

CONFIG = {f"{PREFIX}ENCRYPTION_KEYS": [generate_encryption_key()]}


# The form.


def test_every_wing_has_a_readme():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(WINGS)


def test_the_top_readme_is_short():
    lines = TEXTS["top"].splitlines()
    assert len(lines) < 200
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("name", WINGS)
def test_the_lines_of_a_wings_prose_are_short(name):
    lines = [each for each in prose(name).splitlines() if not each.startswith("|")]
    assert [each for each in lines if len(each) > 100] == []


@pytest.mark.parametrize("name", WINGS)
def test_a_wings_readme_begins_with_four_sentences(name):
    first = " ".join(TEXTS[name].split("\n\n")[1].split())
    sentences = re.split(r"(?<=\.) ", first)
    assert len(sentences) == 4, sentences
    beginnings = ("This wing ", ("It has ", "Its door"), "It may import ", "It never ")
    for sentence, beginning in zip(sentences, beginnings, strict=True):
        assert sentence.startswith(beginning)


def rules_of_the_wings() -> dict[str, dict[str, set[str]]]:
    """Return the tables of tests/.../test_wings.py: what each wing may import."""
    (path,) = (ROOT / "tests").rglob("test_wings.py")
    found = {}
    for node in ast.parse(path.read_text()).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if getattr(target, "id", "") in ("OURS", "THEIRS", "WEB_ALSO"):
            text = ast.unparse(node.value).replace("set()", "[]")
            found[target.id] = ast.literal_eval(text)
    return found


@pytest.mark.parametrize("name", WINGS)
def test_a_wings_readme_says_what_it_may_import(name):
    first = " ".join(TEXTS[name].split("\n\n")[1].split())
    rules = rules_of_the_wings()
    allowed = {*rules["OURS"][name], *rules["THEIRS"][name]}
    allowed |= rules["WEB_ALSO"] if name == "web" else set()
    assert set(named(first.partition("It may import ")[2].partition(" It never ")[0])) == allowed


@pytest.mark.parametrize("name", WINGS)
def test_a_wings_readme_leads_to_each_of_its_files(name):
    there = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (PACKAGE / name).iterdir()
        if path.name not in ("README.md", "__pycache__")
    }
    # The door of the other wings is a module of its own: this file holds a sentence.
    there -= {"__init__.py"} if name != "testing" else set()
    listed = [named(row[1]) for row in table(name, "to change", "go to")]
    assert sorted(each for names in listed for each in names) == sorted(there)


def test_the_top_readme_names_the_modules_beside_the_wings():
    assert set(re.findall(r"`(\w+\.py)`", prose("top"))) - {"app.py"} == {
        path.name for path in PACKAGE.glob("*.py")
    }


@pytest.mark.parametrize("name", PATHS)
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)]+)\)", prose(name)):
        address, _, anchor = " ".join(target.split()).partition("#")
        if address.startswith("https://"):
            continue
        path = (PATHS[name].parent / address).resolve() if address else PATHS[name]
        assert path.exists(), target
        if anchor:
            (readme,) = (each for each, known in PATHS.items() if known == path)
            assert anchor in anchors(readme), target


@pytest.mark.parametrize("name", PATHS)
def test_nothing_is_named_that_is_not_built(name):
    assert "celery" not in TEXTS[name].lower()


def test_the_change_log_speaks_of_this_version():
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


# core


@pytest.mark.parametrize(
    ("what", "known"),
    [("a row", rows.RowStatus), ("a mailbox", MailboxStatus), ("an import", ImportStatus)],
)
def test_the_statuses_are_told(what, known):
    assert names_in("core", f"status of {what}", "meaning") == [each.value for each in known]


def test_every_public_name_is_told():
    exceptions = names_in("core", "exception", "raised where")
    others = names_in("core", "name", "what it is")
    assert sorted(exceptions + others) == sorted(flask_mailbox_import.__all__)
    for name in exceptions:
        assert issubclass(getattr(flask_mailbox_import, name), Exception)


def test_the_providers_are_told():
    told = paragraph("core", "`providers.ini` has").partition("Known are ")[2]
    assert re.split(", | and ", told.removesuffix(".")) == [each.name for each in PROVIDERS]


# reading


def checked(cells: dict[str, str], *more: str, test_imap: bool = False) -> rows.CheckedRow:
    """Return what the reader makes of a good row with some other cells."""
    good = {
        "email": "ann@example.com",
        "password": "right",
        "smtphost": "smtp.example.com",
        "imaphost": "imap.example.com",
        "smtpport": "587",
        "smtpsecure": "false",
        "displayname": "Ann",
    }
    text = io.StringIO()
    csv.writer(text).writerows([good | cells, [*(good | cells).values(), *more]])
    options = ImportOptions(workspace_id="w1", test_imap=test_imap)
    config = Config.from_mapping(CONFIG)
    own = HostColumn(attribute="limit", names=("Daily limit",), kind=ColumnKind.INTEGER)
    data = text.getvalue().encode()
    (found,) = read_file(data, config, options, lambda _: set(), host_columns=(own,)).rows
    return found


ROW_CODES = table("reading", "code", "for example", "sentence", "hint")
DOUBLES = ("duplicate_login", "duplicate", "duplicate_in_file")


@pytest.mark.parametrize("told", ROW_CODES, ids=lambda told: told[0])
def test_a_code_of_a_row_is_what_its_example_gets(told):
    (code,) = named(told[0])
    if code in DOUBLES:
        assert EXPLANATIONS[Code(code)] == (told[2], told[3])
        return
    cell = re.match(r"`(\w+)=([^`]*)`", told[1])
    if cell is None:
        found = checked({}, "one more").failure
    else:
        value = "x" * 1025 if "1,025 characters" in told[1] else cell[2].replace("<TAB>", "\t")
        found = checked({cell[1]: value}, test_imap="`testImap`" in told[1]).failure
    assert found is not None
    assert (found.code.value, found.error, found.hint) == (code, told[2], told[3])


def test_every_code_is_told_once():
    others = names_in("probe", "code", "sentence", "hint")
    assert sorted([*others, *(named(told[0])[0] for told in ROW_CODES)]) == sorted(Code)


def test_the_columns_are_told():
    told = table("reading", "column", "needed", "default")
    assert [named(each[0])[0] for each in told] == list(rows.COLUMNS)
    assert [named(each[0])[0] for each in told if each[1] == "required"] == list(rows.REQUIRED)


def test_the_defaults_of_columns_are_told():
    told = {
        named(each[0])[0]: named(each[2])
        for each in table("reading", "column", "needed", "default")
    }
    mailbox = checked({"smtpport": "", "smtpsecure": ""}).mailbox
    for side, login in (("smtp", mailbox.smtp), ("imap", mailbox.imap)):
        assert told[f"{side}port"] == [str(login.port)]
        assert told[f"{side}secure"] == [str(login.security.value == "tls").lower()]
        assert told[f"{side}username"] == ["email"]
        assert login.username == mailbox.email
        assert told[f"{side}password"] == ["password"]
        assert login.password.reveal() == "right"


def test_the_words_for_encryption_are_true():
    told = paragraph("reading", "**The words for encryption.**")
    tls, _, rest = told.partition(" STARTTLS is ")
    starttls, _, others = rest.partition(". People")
    for word in named(tls):
        assert checked({"smtpsecure": word, "smtpport": "2525"}).mailbox.smtp.security == "tls"
    for word in named(starttls):
        assert checked({"smtpsecure": word, "smtpport": "2525"}).mailbox.smtp.security == "starttls"
    either, none = named(others)[:2]
    assert checked({"smtpsecure": either, "smtpport": "465"}).mailbox.smtp.security == "tls"
    assert checked({"smtpsecure": either, "smtpport": "587"}).mailbox.smtp.security == "starttls"
    assert checked({"smtpsecure": none}).failure.code is Code.INVALID_BOOLEAN


def test_the_encodings_are_told():
    told = prose("reading").partition("The names are:")[2].partition("\n\n")[0]
    assert named(told) == list(LABELS)


def test_the_limits_of_files_are_told():
    config = Config.from_mapping(CONFIG)
    numbers = [
        int(each[1].split()[-1].replace(",", ""))
        for each in table("reading", "limit on", "at most")
    ]
    assert numbers == [
        *(config.max_rows, config.max_file_size, rows.MAX_COLUMNS, MAX_HEADER_LENGTH),
        *(csv.field_size_limit(), MAX_LENGTHS["password"]),
    ]


def test_the_warnings_are_told():
    told = paragraph("reading", "The connection test adds two")
    assert {*names_in("reading", "code", "when"), *named(told)} == set(WARNINGS)


# probe


#: On a port that is not one of the usual ones, which the hints name; its name is not shown.
SOME_LOGIN = Login(
    protocol=Protocol.SMTP,
    host="mail",
    port=2525,
    security=Security.STARTTLS,
    username="a@x.com",
    password=Secret("pw"),
)


def test_the_codes_of_connection_tests_are_told_with_their_words():
    told = {
        named(each[0])[0]: (each[1], each[2])
        for each in table("probe", "code", "sentence", "hint")
        if not each[0].startswith("**")
    }
    for code, words in told.items():
        failure = failure_of_test(Finding(code=Code(code), stage=Stage.AUTH), SOME_LOGIN, None)
        assert (failure.error, failure.hint) == words


def test_the_causes_with_words_of_their_own_are_told():
    told = table("probe", "code of a cause", "sentence", "hint")
    refusals = [
        failure_of_test(Finding(code=code, stage=Stage.AUTH, refusals=5), SOME_LOGIN, None)
        for code in (Code.TOO_MANY_ATTEMPTS, Code.NOT_TESTED)
    ]
    elsewhere = {*(named(each[0])[0] for each in ROW_CODES), "wrong_protocol", "not_tested"}
    words = [
        (code.value, error, hint)
        for code, error, hint in VARIANTS.values()
        if code.value not in elsewhere
    ]
    words = [tuple(each % {"host": "smtp.exmaple.com"} for each in row) for row in words]
    words += [(each.code.value, each.error, each.hint) for each in refusals]
    assert [(*named(code), error, hint) for code, error, hint in told] == words


@pytest.mark.parametrize(
    ("begins", "codes"),
    [
        ("**Retried in the same import**", RETRIED),
        ("**Retryable**", RETRYABLE - RETRIED),
        ("**Counted as refused logins**", REFUSED_LOGIN),
    ],
)
def test_the_sets_of_codes_are_told(begins, codes):
    told = paragraph("probe", begins)
    assert {each for each in named(told) if each.islower()} == {each.value for each in codes}


# storage


def test_the_tables_are_told():
    models = models_for(SQLAlchemy(), None)
    told = {named(each[0])[0]: named(each[2])[0] for each in table("storage", "table", "holds")}
    assert told == {
        model.__tablename__: f"mailbox_import.models.{name}"
        for name, model in dataclasses.asdict(models).items()
        if isinstance(model, type)
    }


def test_the_columns_of_a_mailbox_are_told():
    model = models_for(SQLAlchemy(), None).mailbox
    assert issubclass(model, MailboxMixin)
    assert sorted(names_in("storage", "column", "meaning")) == sorted(
        model.__table__.columns.keys()
    )


# engine


def test_the_methods_of_the_importer_are_told():
    public = [each for each in vars(flask_mailbox_import.Importer) if not each.startswith("_")]
    assert sorted(names_in("engine", "method", "does")) == sorted(public)


def test_the_commands_are_told_with_all_their_options():
    told: dict[str, set[str]] = {}
    for each in names_in("engine", "command", "does"):
        command, *words = each.split()
        if command.startswith("--"):
            continue
        told.setdefault(command, set()).update(words)
    for cells in table("engine", "command", "does"):
        command, *more = named(cells[0])
        told[command.split()[0]].update(word for each in more for word in each.split())
    assert told.keys() == cli.group.commands.keys()
    for name, command in cli.group.commands.items():
        known = {
            option
            for param in command.params
            for option in (*param.opts, *param.secondary_opts)
            if param.param_type_name == "option"
        }
        known |= {
            param.name.upper() for param in command.params if param.param_type_name == "argument"
        }
        assert {each for each in told[name] if each.startswith("--")} == {
            each for each in known if each.startswith("--")
        }
        assert {each for each in known if each.isupper()} <= told[name]


SETTINGS = table("engine", "name", "default", "from, to", "meaning")


def test_the_settings_are_told():
    assert [named(told[0])[0].lower() for told in SETTINGS] == [
        field.name for field in dataclasses.fields(Config)
    ]


@pytest.mark.parametrize("told", SETTINGS, ids=lambda told: told[0])
def test_a_setting_is_told_with_its_default_and_its_bounds(told):
    (name,) = named(told[0])
    default = Config.__dataclass_fields__[name.lower()].metadata["default"]
    if told[1] == "required":
        with pytest.raises(ConfigError, match=f"{name} is not set"):
            Config.from_mapping({})
        return
    literal = ast.literal_eval(named(told[1])[0])
    assert literal == (list(default) if isinstance(default, tuple) else default)
    is_number = isinstance(literal, int | float) and not isinstance(literal, bool)
    assert bool(told[2]) is is_number
    if not is_number:
        return
    low, high = map(ast.literal_eval, told[2].split(", "))
    assert bounded(name, low)
    assert bounded(name, high)
    assert not bounded(name, low - (1 if isinstance(low, int) else 0.01))
    assert not bounded(name, high + 1)


def bounded(name: str, value: float) -> bool:
    try:
        Config.from_mapping({**CONFIG, PREFIX + name: value})
    except ConfigError:
        return False
    return True


def test_the_runners_are_told():
    (meaning,) = (told[3] for told in SETTINGS if told[0] == "`RUNNER`")
    for value in named(meaning):
        assert Config.from_mapping({**CONFIG, f"{PREFIX}RUNNER": value}).runner == value


#: What a signal tells that its call passes as ``**facts``.
STARRED = {
    "import_ended": {
        *("import_id", "workspace_id", "imported", "skipped", "failed", "ready"),
        *("run_seconds", "total_seconds"),
    },
    "password_opened": {"workspace_id", "mailbox_id", "field"},
    "seal_broken": {"workspace_id", "mailbox_id", "field"},
}


def facts_in_the_code() -> dict[str, set[str]]:
    """Return what each signal is sent with, out of every call of ``tell`` and ``_tell``."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for call in (n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)):
            name = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
            signal = getattr(call.args[-1], "id", "") if call.args else ""
            if name not in ("tell", "_tell") or signal not in signals.__all__:
                continue
            facts = found.setdefault(signal, set())
            facts |= {each.arg for each in call.keywords if each.arg}
            if name == "_tell":
                facts |= {"import_id", "workspace_id"}
            if any(each.arg is None for each in call.keywords):
                facts |= STARRED[signal]
    return found


def test_the_signals_are_told_with_their_facts_and_levels():
    told = {named(each[0])[0]: each for each in table("engine", "signal", "level", "facts")}
    assert {name: set(named(each[2])) for name, each in told.items()} == facts_in_the_code()
    known = {
        name for name in signals.__all__ if isinstance(getattr(signals, name), signals.NamedSignal)
    }
    assert told.keys() == known
    for name, each in told.items():
        assert logging.getLevelName(each[1]) == signals._LEVELS[name]


# web


def test_the_routes_of_the_api_are_told():
    told = names_in("web", "route of the API", "does")
    known = [f"{each.method} {each.path.replace('<import_id>', 'ID')}" for each in ROUTES]
    assert sorted(told) == sorted(known)


def test_the_pages_are_told(host):
    known = []
    for rule in host.app.url_map.iter_rules():
        if rule.endpoint.startswith("mailbox_import.") and ".api_" not in rule.endpoint:
            methods = " ".join(sorted(rule.methods - {"HEAD", "OPTIONS"}))
            address = rule.rule.replace("<import_id>", "ID").replace("<path:filename>", "FILE")
            known.append(f"{methods} {address}")
    assert sorted(names_in("web", "page", "shows")) == sorted(known)


def test_the_fields_are_told():
    assert sorted(names_in("web", "field", "meaning")) == sorted(["file", *FIELDS])


REFUSALS = {named(each[1])[0]: int(each[0]) for each in table("web", "status", "reason", "when")}
FILE_REASONS = names_in("reading", "reason", "when")


def test_every_reason_of_a_refusal_is_told_once():
    (known,) = (
        each["enum"]
        for name, each in document()["components"]["schemas"]["Error"]["properties"].items()
        if name == "reason"
    )
    assert sorted([*REFUSALS, *FILE_REASONS]) == sorted(known)
    for reason in FILE_REASONS:
        status = 413 if reason == "file_too_large" else 400
        assert refusal_of(FileError(reason, "")).status == status


def test_a_refusal_has_the_status_that_is_told(host):
    client, key, platform = (
        host.app.test_client(),
        host.create_key(),
        host.create_key("w1", "w2", platform=True),
    )
    call, one = "/v1/mailboxes/import/smtp", "/v1/mailboxes/imports"
    form = {"data": {"file": (io.BytesIO(Header.encode()), "m.csv"), "nonsense": "1"}}
    answers = [
        client.post(call, headers={"X-Api-Key": key}, data={"file": ""}, content_type=MULTIPART),
        client.post(call, headers={"X-Api-Key": key}, **form),
        client.get(one, headers={"X-Api-Key": platform}),
        client.get(one),
        client.get(one, headers={"X-Api-Key": "sk_wrong"}),
        client.get(one, headers={"X-Api-Key": key, "X-Workspace-Id": "w2"}),
        client.get(f"{one}/0", headers={"X-Api-Key": key}),
        client.put(one, headers={"X-Api-Key": key}),
        client.post(call, headers={"X-Api-Key": key}, json={}),
    ]
    found = {each.json["reason"]: each.status_code for each in answers}
    for fault in (
        *(ImportNotRunnable("0", ImportStatus.RUNNING), ZeroDivisionError()),
        *(TooManyRunning(""), TooManyWaiting(""), TooManyRefusedLogins("")),
    ):
        refusal = refusal_of(fault)
        found[refusal.reason] = refusal.status
    with host.app.test_request_context():
        found[refused(TooManyRequests()).json["reason"]] = 429
    assert found == REFUSALS


MULTIPART = "multipart/form-data"
TEMPLATES = PACKAGE / "web/templates/mailbox_import"


def test_the_templates_are_told():
    told = paragraph("web", "The pages are `upload`")
    pages, _, blocks = told.partition(" Each has the blocks ")
    assert sorted(named(pages)) == sorted(path.stem for path in TEMPLATES.glob("pages/*.html"))
    common, _, more = blocks.partition(";")
    for path in TEMPLATES.glob("pages/*.html"):
        known = set(re.findall(r"{% block (\w+) %}", path.read_text())) - {"mbi_error"}
        assert known == {*named(common), *(named(more)[1:] if path.stem == named(more)[0] else ())}
    pieces = {path.name for path in TEMPLATES.glob("_*.html")}
    assert set(named(paragraph("web", "**One piece**"))) - {"templates/mailbox_import/"} == pieces


def test_the_colours_are_told():
    sheet = (PACKAGE / "web/static/mailbox_import/mailbox_import.css").read_text()
    told = named(paragraph("web", "**Colours** are").partition(" (`light`")[0])
    assert sorted(told[1:]) == sorted(set(re.findall(r"(--mbi-[a-z-]+):", sheet)))


# testing


def test_the_settings_of_an_app_under_test_are_told():
    told = {PREFIX + each for each in names_in("testing", "setting", "value") if each.isupper()}
    assert told == settings().keys() - {"SECRET_KEY"}
