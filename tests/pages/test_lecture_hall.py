"""What a lecturer does in a browser: present by keys, and take charts and links away. On coloured digits only."""

import io
import re
import xml.etree.ElementTree as ElementTree

import pytest
from opened import settled
from PIL import Image
from playwright.sync_api import expect

from vicreg.lessons import bundled, read

pytestmark = pytest.mark.browser
PLACE, RUNS = ".vicreg-presenter .place", ".vicreg-presenter .runs"
SIZES = """() => [...document.querySelectorAll("[data-present=exhibit] svg.marks text")]
    .filter((text) => text.textContent.trim() && text.getBoundingClientRect().height > 0)
    .map((text) => parseFloat(getComputedStyle(text).fontSize)
        * parseFloat(text.closest("[data-present]").style.getPropertyValue("--zoom")))"""


@pytest.fixture
def page(page):
    page.set_viewport_size({"width": 1024, "height": 768})
    return page


def turn_to(page, screen: str) -> None:
    """To a screen of the page, such as "2 of "."""
    for _ in range(8):  # what is higher than the screen is scrolled first
        if page.locator(PLACE).inner_text().startswith(screen):
            break
        page.keyboard.press("PageDown")
    expect(page.locator(PLACE)).to_have_text(re.compile(f"^{screen}"))


def test_a_screen_is_one_exhibit_with_text_of_18_pixels_and_its_runs_in_sight(page, plain_server):
    page.goto(f"{plain_server}/probe?present=1")
    expect(page.locator(PLACE)).to_have_text(re.compile("^1 of"))
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(page.locator(RUNS)).to_contain_text("coloured-digits/vicreg, 12 epochs")
    assert page.locator(RUNS).evaluate("(element) => parseFloat(getComputedStyle(element).fontSize)") >= 24
    for screen in ("1 of ", "2 of ", "3 of "):  # the fourth are pictures
        turn_to(page, screen)
        page.wait_for_function(
            f"() => {{ const sizes = ({SIZES})(); return sizes.length && Math.min(...sizes) >= 18; }}"
        )
        assert page.locator(".stMain .stVegaLiteChart:visible").count() == 1


def test_keys_turn_pages_and_escape_leaves(page, plain_server):
    page.goto(f"{plain_server}/lab?present=1")
    question = page.locator(".vicreg-presenter .question")
    expect(question).to_have_text("What happens if you switch a term off?")
    page.wait_for_function("() => document.querySelector('.st-key-present_next a')")
    page.keyboard.press("PageDown")
    expect(question).to_have_text("What do you expect to happen?")
    page.wait_for_function("() => new URL(location.href).searchParams.get('present') === '1'")
    page.wait_for_function("() => document.querySelector('.st-key-present_back a')")
    page.keyboard.press("ArrowLeft")
    expect(question).to_have_text("What happens if you switch a term off?")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    page.wait_for_function("() => !new URL(location.href).searchParams.has('present')")


def test_the_speakers_window_follows_the_lesson(page, plain_server):
    first, second = (step.question.split("{")[0] for step in read(bundled()["20-minutes"]).steps[:2])
    page.goto(f"{plain_server}/lesson?lesson=20-minutes&step=1")
    page.get_by_role("heading", name=first).wait_for()
    notes = page.context.new_page()
    notes.goto(f"{plain_server}/lesson?notes=1")
    notes.get_by_role("heading", name=first).wait_for()  # it asked for the step
    page.get_by_role("button", name="Next").click()
    notes.get_by_role("heading", name=second).wait_for()
    notes.close()


def test_a_chart_is_taken_away_as_svg_with_a_caption_as_png_of_twice_its_size_and_as_csv(page, plain_server):
    page.goto(f"{plain_server}/clusters?cluster_map=PCA")
    page.get_by_text("Download figures", exact=True).click()
    row = page.locator(".take-away .row").filter(has_text="Silhouette and NMI")
    row.wait_for()
    page.locator(".stVegaLiteChart svg.marks").first.wait_for()
    settled(page)  # charts are drawn again when the width of the page is known
    taken = {}
    for kind in ("SVG", "PNG", "CSV", "CSV"):
        with page.expect_download() as download:
            row.get_by_role("button", name=kind).click()
        assert download.value.suggested_filename == f"vicreg-clusters-scores.{kind.lower()}"
        taken[kind] = download.value.path().read_bytes()
    svg = ElementTree.fromstring(taken["SVG"])
    words = " ".join("".join(text.itertext()) for text in svg.iter("{http://www.w3.org/2000/svg}text"))
    for part in (
        "Silhouette and NMI of every",
        "Run: coloured-digits/vicreg, 12 epochs",
        "Measured:",
        "cluster_map=PCA",
    ):
        assert part in words
    assert Image.open(io.BytesIO(taken["PNG"])).size == (2 * int(svg.get("width")), 2 * int(svg.get("height")))
    assert taken["CSV"].decode().startswith("run,silhouette,nmi")


def test_the_link_is_copied_without_how_the_visitor_looks_at_it(page, plain_server):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{plain_server}/retrieval?query=21")
    page.get_by_role("button", name="Copy link to exactly this view").click()
    page.get_by_text("Copied.").wait_for()
    assert re.fullmatch(rf"{plain_server}/retrieval\?query=21", page.evaluate("navigator.clipboard.readText()"))


def test_a_link_opens_a_map_with_its_chosen_and_marked_pictures_and_ignores_what_does_not_fit(page, plain_server):
    marked = "g" + "A" * 165 + "A"  # 167 letters: the bits of 1,000 points, of which number 7 alone is marked
    page.goto(f"{plain_server}/maps?on_maps=c12~k1~k99~m{marked}")
    expect(page.locator(".picture-map .who")).to_have_text(re.compile(r"^\d, test picture 12"))
    page.get_by_text("1 picture marked").wait_for()
    assert page.get_by_role("group", name="Coloured by").locator("[aria-pressed=true]").inner_text() == "Ink"
    page.get_by_role("button", name="Close").click()
    page.wait_for_function(f"() => new URL(location.href).searchParams.get('on_maps') === 'k1~m{marked}'")


def test_a_map_follows_the_windows_height_and_has_its_own_size_again_after_presenter_mode(page, plain_server):
    page.goto(f"{plain_server}/clusters?present=1")
    expect(page.locator(PLACE)).to_have_text(re.compile("^1 of"))
    turn_to(page, "2 of ")
    fits = """([share, least]) => {
        const map = [...document.querySelectorAll("*")].map((one) => one.shadowRoot?.querySelector(".glass")).find(Boolean);
        const given = getComputedStyle(map).getPropertyValue("--map-share") !== "", high = map.clientHeight;
        return given === share && high > least && map.querySelector("canvas").height === high && high;
    }"""
    before = page.wait_for_function(fits, arg=[True, 200]).json_value()
    page.set_viewport_size({"width": 1024, "height": 1500})
    page.wait_for_function(fits, arg=[True, before + 100])
    turn_to(page, "3 of ")
    page.keyboard.press("Escape")
    page.wait_for_function(fits, arg=[False, 200])
