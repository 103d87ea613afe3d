"""A visit in a real browser: it hears every complaint, and judges what is seen."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

#: The marks of every file of tests in a browser.
IN_A_BROWSER = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's package chromium"),
]

_OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
#: What the browser itself logs of an answer that is a refusal.
_REFUSAL = r"Failed to load resource: the server responded with a status of 4\d\d"
#: What it logs besides where there is no server.
NO_SERVER = r"Failed to load resource: net::ERR_"

_WIDTHS = (1280, 640, 320)
_TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll("body *")]
        .filter((each) => each.getBoundingClientRect().right > width + 0.5)
        .filter((each) => !each.closest(".mbi-scroll") || each.matches(".mbi-scroll"))
        .map((each) => each.outerHTML.slice(0, 120)).concat(["wider than the page"]);
}"""
_FOCUS = """() => {
    const each = document.activeElement;
    const style = getComputedStyle(each);
    const box = each.getBoundingClientRect();
    return {
        words: (each.labels?.[0] ?? each).textContent.trim().replace(/\\s+/g, " "),
        tag: each.tagName.toLowerCase(),
        outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1,
        seen: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    };
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the machine's Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_OPTIONS)
        yield browser
        browser.close()


@contextmanager
def visit(
    browser: Browser, address: str, workspace: str, *, ignored: str = _REFUSAL, **options: object
) -> Iterator[Page]:
    """Sign in and open the upload page; in the end nothing may have been complained about.

    Whatever breaks the policy of a page is complained about too.
    """
    context = browser.new_context(**options)
    context.set_default_timeout(20_000)
    page = context.new_page()
    complaints: list[str] = []
    # Advice for developers is of other kinds.
    page.on(
        "console",
        lambda message: message.type in ("error", "warning") and complaints.append(message.text),
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in = urljoin(address, "/sign-in")
    context.request.post(sign_in, form={"workspace": workspace}, max_redirects=0)
    page.goto(address)
    try:
        yield page
        heard = [each for each in complaints if not re.match(ignored, each)]
        assert not heard, heard
    finally:
        context.close()


def upload(page: Page, file: Path) -> None:
    """Choose a file and send it, from any page of the host."""
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_label("Mailbox file", exact=True).set_input_files(file)
    page.get_by_role("button", name="Check file").click()


def heading(page: Page, words: str) -> None:
    """Wait until the page's own heading is as the pattern says."""
    page.get_by_role("heading", level=1, name=re.compile(words)).wait_for()


def numbers_on(page: Page) -> tuple[int, ...]:
    """Return how many are imported, skipped, failed."""
    names = ("imported", "skipped", "failed")
    return tuple(int(page.locator(f"#count-{name}").inner_text()) for name in names)


def wait_for_count(page: Page, name: str, least: int) -> None:
    """Wait until one of the numbers on the page is as high."""
    page.wait_for_function(
        "([id, least]) => Number(document.getElementById(id)?.textContent) >= least",
        arg=[f"count-{name}", least],
    )


def focus(page: Page) -> dict:
    """Return what has the focus, and whether somebody can see that."""
    return page.evaluate(_FOCUS)


def tab_to(page: Page, words: str) -> None:
    """Press Tab until the focus is at what is called so; it has to be visible all the way."""
    passed = []
    for _ in range(80):
        page.keyboard.press("Tab")
        now = focus(page)
        passed.append(now["words"])
        assert now["outlined"], f"no outline at {now}"
        assert now["seen"], f"out of sight: {now}"
        if re.match(words, now["words"]):
            return
    raise AssertionError(f"{words!r} is not among {passed}")


def judge(page: Page) -> None:
    """Fail for what axe finds in this state of the page, light and dark, and what is too wide."""
    from axe_playwright_python.sync_playwright import Axe

    axe = Axe()
    # Of all that axe looks at, only contrast depends on the scheme.
    for scheme, options in (("dark", {"runOnly": ["color-contrast"]}), ("light", {})):
        page.emulate_media(color_scheme=scheme)
        found = axe.run(page, options={"resultTypes": ["violations"], **options})
        assert found.violations_count == 0, f"{scheme}: {found.generate_report()}"
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(_TOO_WIDE) == [], f"at {width} pixels"
    page.set_viewport_size({"width": 1280, "height": 800})
