"""An import while it runs: by the keyboard, without a network, with servers that come and go."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import ExitStack

import pytest
from browsing import (
    IN_A_BROWSER,
    NO_SERVER,
    Gate,
    focus,
    heading,
    numbers_on,
    tab_to,
    upload,
    visit,
    wait_for_count,
)
from conftest import Header, row
from sites import Server, Site

pytestmark = IN_A_BROWSER

#: Keeps all that a screen reader is told, in its order.
RECORD_SAID = """() => {
    const status = document.getElementById("mbi-status");
    window.said = [status.textContent];
    new MutationObserver(() => window.said.push(status.textContent))
        .observe(status, {childList: true, characterData: true, subtree: true});
}"""


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.let()


@pytest.fixture
def mail(mail_server, gate):
    return mail_server(replies={"AUTH": gate})


@pytest.fixture
def site(tmp_path, ca_file, mail) -> Site:
    return Site(tmp_path, ca_file, mail.port, CONCURRENCY=4, TIMEOUT=60)


@pytest.fixture
def serve(site, gate):
    """Start servers on the site's database; none survives the test."""
    with ExitStack() as stack:
        yield lambda port=0: stack.enter_context(Server(site, port))
        gate.let()


@pytest.fixture
def file(tmp_path, mail):
    """Ten mailboxes that work."""
    path = tmp_path / "mailboxes.csv"
    path.write_text(Header + "".join(row(f"u{each}@x.test", "pw", mail.port) for each in range(10)))
    return path


def run(page, file) -> None:
    upload(page, file)
    page.get_by_role("button", name=re.compile("^Test and import")).click()
    heading(page, "Waiting|Importing")


def test_by_the_keyboard_alone(serve, browser, gate, mail, tmp_path):
    file = tmp_path / "mailboxes.csv"
    good = "".join(row(f"u{each}@x.test", "pw", mail.port) for each in range(6))
    file.write_text(Header + good + row("wrong@x.test", "no", mail.port))
    with visit(browser, serve().page, "keyboard") as page:
        press = page.keyboard.press
        tab_to(page, "Check file")
        press("Enter")
        page.wait_for_function("document.activeElement.id === 'mbi-error'")
        assert focus(page)["outlined"]
        tab_to(page, "Select the file")
        press("Enter")
        page.wait_for_function("document.activeElement.id === 'file'")
        assert focus(page)["outlined"]
        with page.expect_file_chooser() as chooser:
            press("Enter")
        chooser.value.set_files(file)
        page.locator("#mbi-chosen", has_text="mailboxes.csv").wait_for()
        tab_to(page, "Check file")
        press("Enter")
        heading(page, "Check your mailboxes")
        tab_to(page, "Test and import 7")
        press("Space")
        heading(page, "Waiting|Importing")
        tab_to(page, "Stop the import")
        gate.let(2)
        # The part with the button is another by now.
        wait_for_count(page, "imported", 2)
        assert focus(page) == {
            "words": "Stop the import",
            "tag": "button",
            "outlined": True,
            "seen": True,
        }
        gate.let()
        heading(page, "6 mailboxes imported, 1 failed")
        # The button is gone: what follows its place is the new heading.
        assert focus(page)["tag"] == "h1"
        tab_to(page, "Correct row 8")
        press("Enter")
        tab_to(page, "Password")
        page.keyboard.type("pw")
        tab_to(page, "Test row 8 again")
        press("Enter")
        heading(page, "7 mailboxes imported$")
        assert numbers_on(page) == (7, 0, 0)
        tab_to(page, "All imports")
        press("Enter")
        heading(page, "^Imports$")


def test_a_lost_network(serve, browser, gate, file):
    with visit(browser, serve().page, "network", ignored=NO_SERVER) as page:
        run(page, file)
        page.evaluate(RECORD_SAID)
        lost = page.locator("#mbi-lost")
        with page.expect_event("requestfailed"):
            page.route("**/progress", lambda route: route.abort())
        lost.get_by_text("Connection lost. The import goes on at the server.").wait_for()
        # Again, twice: it is not said again.
        for _ in range(2):
            with page.expect_event("requestfailed"):
                page.get_by_role("button", name="Check now").click()
        gate.let(3)
        page.unroute("**/progress")
        page.get_by_role("button", name="Check now").focus()
        page.keyboard.press("Enter")
        lost.wait_for(state="hidden")
        # The button that had the focus is gone with the news.
        assert focus(page)["tag"] == "h1"
        wait_for_count(page, "imported", 3)
        said = page.evaluate("window.said")
        assert sum(each.startswith("Connection lost") for each in said) == 1, said
        assert sum(each.startswith("Connected again. ") for each in said) == 1, said
        gate.let()
        heading(page, "10 mailboxes imported")
        page.wait_for_function("window.said.at(-1) === '10 mailboxes imported'")


def test_two_servers_on_one_database(serve, browser, gate, mail, file):
    first, second = serve(), serve()
    with visit(browser, first.page, "two servers") as page:
        run(page, file)
        page.goto(page.url.replace(first.address, second.address))
        gate.let(2)
        wait_for_count(page, "imported", 2)
        page.get_by_role("button", name="Stop the import").click()
        heading(page, "Stopping the import")
        # Between two batches that are saved the run has seen that it is to end.
        for count in (3, 4):
            gate.let(1)
            wait_for_count(page, "imported", count)
        gate.let()
        heading(page, "Import stopped")
        # Those that were under test counted: as many as are tested at once.
        imported = numbers_on(page)[0]
        assert 4 <= imported <= 3 + 4
        page.get_by_role("button", name=f"Test the remaining {10 - imported}").click()
        heading(page, "10 mailboxes imported")
        page.goto(page.url.replace(second.address, first.address))
        heading(page, "10 mailboxes imported")
        page.get_by_role("link", name="Mailboxes", exact=True).click()
        assert page.get_by_role("cell", name="@x.test").count() == 10
    assert Counter(user for user, _ in mail.logins) == {f"u{each}@x.test": 1 for each in range(10)}


def test_a_killed_server(site, serve, browser, gate, mail, file):
    server = serve()
    with visit(browser, server.page, "killed", ignored=NO_SERVER) as page:
        run(page, file)
        page.evaluate(RECORD_SAID)
        gate.let(3)
        wait_for_count(page, "imported", 3)
        server.kill()
        page.get_by_text("Connection lost.").locator("visible=true").first.wait_for()
        gate.close()
        serve(server.port)
        page.get_by_role("button", name="Check now").click()
        page.locator("#mbi-lost").wait_for(state="hidden")
        assert page.evaluate("window.said.at(-1)").startswith("Connected again. 3 of 10 tested")
        # Nobody knows yet that nobody runs it: that takes 20 seconds.
        heading(page, "Importing mailboxes")
        site.sql("UPDATE mailbox_import_import SET heartbeat_at = '2001-01-01 00:00:00.000000'")
        heading(page, "The import stopped before its end")
        page.wait_for_function("document.title.startsWith('The import stopped before its end')")
        assert numbers_on(page) == (3, 0, 0)
        gate.let()
        page.get_by_role("button", name="Test the remaining 7").click()
        heading(page, "10 mailboxes imported")
    saved = site.sql("SELECT email FROM mailbox_import_mailbox ORDER BY email")
    assert saved == [(f"u{each}@x.test",) for each in range(10)]
    logins = Counter(user for user, _ in mail.logins)
    assert logins.keys() == {email for (email,) in saved}
    # Only those that were under test at its end are tested again.
    assert sum(logins.values()) <= 10 + 4
