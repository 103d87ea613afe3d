"""The demo in a real browser: the same numbers as curl's, with and without JavaScript."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium"),
]

OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def expected(demo) -> tuple[int, int, int]:
    """The numbers of the curl call that the demo prints."""
    command = [*shlex.split(demo.curl), "-sS"]
    answer = subprocess.run(command, check=True, capture_output=True, timeout=60)
    data = json.loads(answer.stdout)["data"]
    return data["imported"], data["skipped"], data["failed"]


def numbers_on(page) -> tuple[int, ...]:
    names = ("imported", "skipped", "failed")
    return tuple(int(page.locator(f"#count-{name}").inner_text()) for name in names)


@pytest.mark.parametrize("javascript", [True, False])
def test_the_sample_file_gives_the_numbers_of_the_curl_call(demo, expected, browser, javascript):
    context = browser.new_context(java_script_enabled=javascript)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(demo.page)
    page.get_by_label("Workspace").fill(f"browser {javascript}")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_role("button", name="Check file").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Mailbox file", exact=True).set_input_files(demo.sample)
    page.get_by_label("Tag").fill("from the browser")
    page.get_by_role("button", name="Check file").click()
    page.get_by_role("button", name="Test and import").click(timeout=60_000)
    page.wait_for_selector("#count-imported")
    assert numbers_on(page) == expected
    assert page.title().startswith(f"{expected[0]} mailboxes imported, {expected[2]} failed")
    page.get_by_role("link", name="Mailboxes", exact=True).click()
    assert page.get_by_role("cell", name="from the browser").count() == expected[0]
    # The browser itself logs the answer to the form that was sent without a file.
    assert [each for each in complaints if "status of 422" not in each] == []
    context.close()


def test_a_file_in_another_encoding_is_asked_about(demo, browser, tmp_path):
    text = "E-Mail;Passwort;SMTP-Server;IMAP-Server;Name\nz@x.test;Größe;smtp.x.test;;Zoë Müller\n"
    file = tmp_path / "windows.csv"
    file.write_bytes(text.encode("cp1252"))
    page = browser.new_page()
    page.goto(demo.page)
    page.get_by_label("Workspace").fill("encodings")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_label("Mailbox file", exact=True).set_input_files(file)
    page.get_by_role("button", name="Check file").click()
    page.get_by_role("heading", name="Which letters look right?").wait_for()
    assert page.get_by_role("radio", name="Zoë Müller").first.is_checked()
    page.get_by_role("group", name="Which letters look right?").get_by_text("None of these").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Test and import 1 mailbox").wait_for()
