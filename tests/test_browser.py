"""The demo in a real browser: the same numbers as curl's, with and without JavaScript."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium")

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
