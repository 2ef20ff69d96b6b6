"""Every page in a real Chromium, on a phone, a desk and a projector, light and dark: all can use it, and nothing is cut."""

import json
import re
import time
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from opened import settled
from playwright.sync_api import Page

import ui

pytestmark = pytest.mark.browser
NAMES = [name for entries in ui.PAGES.values() for name, *_ in entries]
LAYOUT = Path(__file__).with_name("layout.js").read_text("utf-8")
# width, colours, whether axe-core looks: each width and each theme once, since no layout depends on the theme and no colour on
# the width. 640 is what a visitor sees of a screen of 1280 at a zoom of 200 %.
SCREENS = (
    (1280, "light", True),
    (640, "light", False),
    (390, "dark", True),
    (1920, "dark", False),
)
# words that a page explains if it uses them: key of the glossary -> how it reads on a page
EXPLAINED = {
    **{word: rf"\b{word}\b" for word in ("VICReg", "kNN", "AUROC", "NMI", "t-SNE", "PCA")},
    **{word: rf"(?i)\b{word}\b" for word in ("linear probe", "effective rank", "silhouette", "trustworthiness")},
}
NOT_OURS = [
    "[data-testid='stSidebarNavItems']",  # Streamlit's list of pages: groups are <div> between <ul> and <li>
    "[data-testid='stHeader']",  # Streamlit's bar: its Stop button fades in while a page is drawn anew
    ".katex-display",  # Streamlit lets every formula scroll, by 2 pixels where it fits; layout.js finds what does not fit
    ".vega-embed g[role='graphics-symbol']:empty",  # Vega's place for marks, in a layer that has none now
]
CELLS = ".vega-embed .mark-rect > :nth-child(n + 20)"  # of thousands of equal cells of a chart, the first are looked at


def found_by_axe(page: Page) -> list[str]:
    """What axe-core calls serious or critical, outside what is not ours. Removes what it does not look at."""
    page.evaluate("(cells) => document.querySelectorAll(cells).forEach((cell) => cell.remove())", CELLS)
    if not page.evaluate("() => 'axe' in window"):  # the window stays from page to page
        page.evaluate(AXE_SCRIPT)
    violations = page.evaluate(
        """(exclude) => axe.run({ exclude }, { resultTypes: ["violations"] })
             .then((report) => JSON.stringify(report.violations))""",
        [[part] for part in NOT_OURS],
    )
    return [
        f"{found['impact']}: {found['id']} at {node['target']}: {node['html'][:200]}"
        for found in json.loads(violations)
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


def words_without_explanation(page: Page) -> list[str]:
    """The technical words that are on the page, as text or in a chart, but not behind its button."""
    used = page.evaluate(
        """() => {
          const read = (root) => [...root.querySelectorAll("*")].flatMap((e) => [
            ...(e.shadowRoot ? read(e.shadowRoot) : []),
            ...[...e.childNodes].filter((n) => n.nodeType === 3 && !e.matches("style, script")).map((n) => n.data),
          ]);
          return read(document.querySelector(".stMain")).join(" \\n ");
        }"""
    )
    page.get_by_role("button", name="Glossary").click(timeout=30_000)
    told = page.get_by_test_id("stPopoverBody").inner_text()
    page.keyboard.press("Escape")
    return [
        f"{word} is not explained" for word, way in EXPLAINED.items() if re.search(way, used) and f"{word}:" not in told
    ]


def does_not_fit(page, seconds=10):
    """What LAYOUT still finds after these seconds: the server draws charts anew once it is told the new width."""
    until = time.monotonic() + seconds
    while (found := page.evaluate(LAYOUT)) and time.monotonic() < until:
        settled(page)
    return found


@pytest.fixture(scope="module")
def visit(context, plain_server):
    """One visitor's window, who goes from page to page: to load the app anew takes a processor seconds."""
    page = context.new_page()
    page.set_viewport_size({"width": 1280, "height": 844})
    page.goto(plain_server)
    settled(page)
    yield page
    page.close()


def turn_to(page: Page, name: str) -> None:
    link = page.get_by_test_id("stSidebarNavLink").and_(page.locator(f"[href$='/{'' if name == 'start' else name}']"))
    if link.get_attribute("aria-current") == "page":
        return
    before = page.get_by_test_id("stHeading").first.inner_text()
    link.click()
    page.wait_for_function(
        "(before) => ![before, undefined].includes(document.querySelector('[data-testid=stHeading]')?.innerText)",
        arg=before,
    )
    settled(page)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_fits_every_screen_and_can_be_used_by_everybody(name, visit):
    page = visit
    turn_to(page, name)
    assert page.get_by_test_id("stAlert").count() == 0
    assert page.get_by_test_id("stException").count() == 0
    wrong = words_without_explanation(page)
    screens = SCREENS if page.viewport_size["width"] == SCREENS[0][0] else SCREENS[::-1]
    for number, (width, colours, look) in enumerate(screens):
        if number:  # the first is as it was left
            page.emulate_media(color_scheme=colours)
            page.set_viewport_size({"width": width, "height": 844})
            settled(page)
        found = does_not_fit(page) + (found_by_axe(page) if look else [])
        wrong += [f"{width} {colours}: {one}" for one in dict.fromkeys(found)]
        if name == "maps":
            assert page.locator(".picture-map .over").first.bounding_box()["y"] < 0.7 * 844  # on the first screen
    assert not wrong, "\n".join(wrong)
