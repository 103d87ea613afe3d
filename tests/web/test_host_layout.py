"""Our pages in a layout of the host's: no name of ours is in its way, nor one of its in ours."""

from __future__ import annotations

import re
from collections.abc import Iterator

import jinja2
import pytest
from flask import template_rendered
from jinja2 import nodes
from mailbox_files import ROW, Header
from page_imports import UPLOAD, csrf_token, upload

from flask_mailbox_import.web import blueprint

#: Without a prefix: every name that our templates have ever passed to a host's layout.
NAMES = (
    *("summary", "causes", "same", "first", "under_way", "shown", "rows", "cursor", "kept"),
    *("sent", "changed", "imports", "removed", "question", "address", "chosen", "workbooks"),
    *("error_at", "columns", "required", "example", "base_template", "error_text", "form"),
    *("limits", "linked", "token", "t", "n", "lang", "outcome", "rows_table", "mailboxes"),
    *("counts", "notices", "cause_list", "button", "tab", "input", "security", "when", "tested"),
    *("to_test", "numbers", "may_pass", "added", "page_of", "understood", "choices", "states"),
    *("choice", "message", "described", "reply_of", "waits", "boxes", "boxes_more"),
    *("texts", "lists", "only", "pending", "mailboxes_url", "host_columns", "is_saved"),
    *("field_id", "is_good", "doubles", "known", "box_title", "box_body", "remedy", "one_row"),
    *("row_list", "field", "words", "encryptions"),
)
SHOWN = "".join(f"<i id='{name}'>{{{{ {name} }}}}</i>" for name in NAMES)
LAYOUT = f"{SHOWN}{{% block content %}}{{% endblock %}}<footer>{SHOWN}</footer>"


def pages(client) -> Iterator[str]:
    """Yield every page: as it is at first, and with a fault."""
    yield client.get(UPLOAD).text
    yield client.post(UPLOAD, data={}).text
    yield upload(client, "mail,password\na@x.com,pw\n").text
    unclear = (Header + ROW.replace("pw", "pässwörd")).encode("cp1252")
    yield client.get(upload(client, unclear).location).text
    unnamed = upload(client, "address,secret,smtp,imap\na@x.com,pw,smtp.x.com,\n")
    yield client.get(unnamed.location).text if unnamed.location else unnamed.text
    check = upload(client, Header + ROW + "bad,,,,,\n", skipConnectionTest="true").location
    yield client.get(check).text
    form = {"csrf_token": csrf_token(client.get(check).text)}
    result = client.post(check, data=form).location
    yield client.get(result).text
    client.post(f"{result}/retry", data=form)
    yield client.get(result).text
    yield client.get(f"{result}?row=3").text
    yield client.get(f"{result}/progress").text
    yield client.get("/mailboxes/imports").text
    yield client.get(f"{UPLOAD}/none").text


@pytest.mark.parametrize("host", [{"BASE_TEMPLATE": "host.html"}], indirect=True)
def test_a_layout_has_its_own_names_to_itself(client, host):
    host.app.jinja_loader = jinja2.DictLoader({"host.html": LAYOUT})
    host.app.context_processor(lambda: {name: f"the host's {name}" for name in NAMES})
    passed: set[str] = set()

    def note(_app, template, context, **_):
        if template.name.startswith("mailbox_import/"):
            passed.update(context)

    with template_rendered.connected_to(note, host.app):
        found = list(pages(client))
    for page in found:
        assert "mbi-h1" in page or "mbi-error-text" in page
        # The part that the script fetches has no layout.
        times = 2 if "<footer>" in page else 0
        for name in NAMES:
            assert page.count(f"<i id='{name}'>the host&#39;s {name}</i>") == times
    assert sum("<footer>" in page for page in found) == len(found) - 1
    ours = passed - set(NAMES) - {"request", "session", "g"}
    assert ours
    assert {each for each in ours if not each.startswith("mbi_")} == set()


def defined(source: str) -> set[str]:
    """Return the names that a template defines outside of its macros and loops."""
    tree = jinja2.Environment(autoescape=True).parse(source)
    found: set[str] = set()

    def walk(node: nodes.Node) -> None:
        for each in node.iter_child_nodes():
            if isinstance(each, nodes.Macro):
                found.add(each.name)
            elif isinstance(each, nodes.For | nodes.CallBlock):
                continue
            elif isinstance(each, nodes.FromImport):
                found.update(name if isinstance(name, str) else name[1] for name in each.names)
            elif isinstance(each, nodes.Import):
                found.add(each.target)
            elif isinstance(each, nodes.Assign | nodes.AssignBlock):
                found.update(name.name for name in each.target.find_all(nodes.Name))
                found.update([each.target.name] if isinstance(each.target, nodes.Name) else [])
            else:
                walk(each)

    walk(tree)
    return found


def test_what_our_templates_define_begins_with_our_prefix():
    loader = jinja2.PackageLoader(blueprint.__package__)
    names: set[str] = set()
    for template in loader.list_templates():
        source, *_ = loader.get_source(jinja2.Environment(autoescape=True), template)
        names |= defined(source)
        # A layout of the host's extends what it likes.
        assert not re.search(r"extends (?!mbi_)\w", source)
    assert "mbi_outcome" in names
    assert {each for each in names if not each.startswith("mbi_")} == set()
