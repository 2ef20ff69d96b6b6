"""Every page in a real Chromium: it draws itself, from a cold deep link, and one click or drag changes the result."""

import os
import re
import time
from pathlib import Path

import pytest
from opened import served
from playwright.sync_api import expect

from vicreg.runs.folder import open_run
from vicreg.storage import paths

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.browser
PATIENCE = 60_000


@pytest.fixture(scope="module")
def server(cifar10_test, tmp_path_factory):
    """The app on a free port, with pictures; nobody has opened its front page before the tests do."""
    with served(tmp_path_factory.mktemp("server"), dict(os.environ)) as url:
        yield url


@pytest.fixture
def page(browser):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)
    yield page
    assert page.get_by_test_id("stException").count() == 0
    page.close()


def test_a_cold_deep_link_with_a_query_opens_that_page(page, server):
    page.goto(f"{server}/retrieval?query=21&metric=euclidean")
    page.get_by_role("heading", name="Which pictures look similar to the network?").wait_for()
    expect(page.get_by_label("Query: test picture")).to_have_value("21", timeout=PATIENCE)
    assert page.get_by_test_id("stSidebarNavLink").filter(has_text="Training curves").count() == 1
    assert "metric=euclidean" in page.url


def test_a_click_on_a_picture_makes_it_the_query(page, server):
    page.goto(f"{server}/retrieval")
    tile = page.get_by_role("button", name="test picture 3", exact=False).first
    tile.wait_for()
    label = page.get_by_role("group", name="Nearest pictures")
    label.wait_for()
    label.get_by_role("button").first.wait_for()
    before = label.get_by_role("button").first.get_attribute("aria-label")
    page.get_by_role("group", name="Pictures to pick a query from").get_by_role("button").nth(3).click()
    page.wait_for_function("() => new URL(location.href).searchParams.get('query') === '3'")
    query = page.get_by_role("group", name="The query").get_by_role("img").first
    expect(query).to_have_attribute("aria-label", re.compile("test picture 3$"), timeout=PATIENCE)
    expect(label.get_by_role("button").first).not_to_have_attribute("aria-label", before, timeout=PATIENCE)


def test_the_keyboard_picks_a_query_too(page, server):
    page.goto(f"{server}/retrieval")
    tile = page.get_by_role("group", name="Pictures to pick a query from").get_by_role("button").nth(5)
    tile.wait_for()
    deadline = time.monotonic() + 90
    while "query=5" not in page.url and time.monotonic() < deadline:  # a page still drawing itself may drop a key
        tile.focus()
        page.keyboard.press("Enter")
        page.wait_for_timeout(2_000)
    assert "query=5" in page.url


def maps_of_digits(page, server):
    page.goto(f"{server}/maps?data=coloured-digits")
    canvas = page.locator(".picture-map .over").first
    canvas.wait_for()
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    return canvas


def test_marked_pictures_are_listed_with_their_own_thumbnails_also_of_one_class_alone(page, server):
    canvas = maps_of_digits(page, server)
    page.get_by_role("button", name="Lasso").click()
    box = canvas.bounding_box()
    left, top, right, low = box["x"] + 5, box["y"] + 5, box["x"] + box["width"] - 5, box["y"] + box["height"] - 5
    page.mouse.move(left, top)
    page.mouse.down()
    for place in ((right, top), (right, low), (left, low)):
        page.mouse.move(*place, steps=3)
    page.mouse.up()
    page.get_by_text("1,000 pictures marked").wait_for()  # the loop was around all of them
    page.get_by_role("group", name="Class").get_by_role("button", name="3", exact=True).click()
    labels = open_run(paths.BUNDLED / "coloured-digits-vicreg").results("projections")["label"]
    wanted = labels.index[labels == 3].tolist()[:60]
    tiles = page.locator(".picture-map .gallery .tile")
    expect(tiles).to_have_count(len(wanted), timeout=PATIENCE)
    found = tiles.evaluate_all(
        "(tiles) => tiles.map((tile) => [tile.ariaLabel, tile.firstChild.style.backgroundPosition])"
    )
    assert found == [
        [f"3, test picture {i}", f"{-64 * (i % 100)}px {-64 * (i // 100)}px".replace("-0px", "0px")] for i in wanted
    ]


def test_the_keyboard_chooses_and_marks_a_picture_on_a_map(page, server):
    canvas = maps_of_digits(page, server)
    page.get_by_role("button", name="Whole map").focus()
    page.keyboard.press("Tab")
    expect(canvas).to_be_focused(timeout=PATIENCE)
    who = page.locator(".picture-map .who")
    for key in ("+", "ArrowRight", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
        page.keyboard.press("Enter")  # the picture in the middle, if there is one
        if who.count():
            break
    expect(who).to_have_text(re.compile(r"^\d, test picture "), timeout=PATIENCE)
    page.keyboard.press("Space")
    page.get_by_text("marked", exact=False).first.wait_for()
    page.keyboard.press("Escape")
    expect(who).to_have_count(0, timeout=PATIENCE)


def test_a_film_is_played_and_scrubbed_by_keys_and_its_parts_move_together(page, server):
    page.goto(f"{server}/training_curves?data=coloured-digits")
    maps, where = page.locator(".picture-map").first, page.locator(".player .where")
    maps.wait_for()
    for wanted, key in (("epoch 12", "End"), ("before the first step", "Home"), ("epoch 3", "ArrowRight")):
        page.locator(".player .at").press(key)
        expect(where).to_have_text(wanted, timeout=PATIENCE)
    expect(maps).to_have_attribute("data-frame", "1", timeout=PATIENCE)
    shot = open_run(paths.BUNDLED / "coloured-digits-vicreg").results("snapshots").iloc[1]
    knn = page.locator(".film-figures figure").nth(1)
    expect(knn.locator(".values span").nth(1)).to_have_text(f"{100 * shot['knn_accuracy']:.1f} %", timeout=PATIENCE)
    page.locator(".player .at").press("Space")
    expect(page.locator(".player .word")).to_have_text("Pause", timeout=PATIENCE)
    expect(where).to_have_text("epoch 12", timeout=PATIENCE)
    expect(maps).to_have_attribute("data-frame", "4", timeout=PATIENCE)


def test_a_lecturers_room_goes_from_the_code_to_the_reveal(page, server):
    page.goto(f"{server}/lesson")
    page.get_by_role("button", name="Open a room").click()
    page.get_by_role("dialog").get_by_role("img", name="QR code").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("of 0 have voted").wait_for()
    page.get_by_role("button", name="Show the votes").click()
    page.get_by_text("0 of 0 (0 %)").first.wait_for()
    page.get_by_role("button", name="Reveal the answer").click()
    page.get_by_text("Why not the others?").wait_for()


def test_the_logarithmic_switch_redraws_the_curves(page, server):
    page.goto(f"{server}/training_curves")
    chart = page.get_by_test_id("stVegaLiteChart").first
    chart.locator("canvas, svg.marks").first.wait_for()
    page.wait_for_timeout(1_000)
    before = chart.screenshot()
    page.get_by_text("Logarithmic scale").click()
    page.wait_for_function("() => location.search.includes('log=true')")
    deadline = time.monotonic() + 90
    while (after := chart.screenshot()) == before and time.monotonic() < deadline:
        page.wait_for_timeout(300)
    assert after != before


def test_new_views_are_drawn_at_a_click(page, server):
    page.goto(server)
    images = page.locator("svg image")
    images.nth(2).wait_for(state="attached")
    before = [images.nth(i).get_attribute("href") for i in range(3)]
    page.get_by_role("button", name="Draw new views").click()
    deadline = time.monotonic() + 90
    while images.nth(1).get_attribute("href") == before[1] and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    after = [images.nth(i).get_attribute("href") for i in range(3)]
    assert after[0] == before[0]
    assert after[2] != before[2]


def test_a_click_on_the_confusion_matrix_shows_that_cells_pictures(page, server):
    page.goto(f"{server}/probe")
    page.get_by_role("heading", name=re.compile("Most wrong")).wait_for()
    chart = page.get_by_test_id("stVegaLiteChart").nth(1)
    cell = chart.locator("path[aria-roledescription='rect mark'], .mark-rect path").nth(3 * 10 + 5)
    cell.wait_for()
    deadline = time.monotonic() + 90
    heading = page.get_by_role("heading", name=re.compile("(predicted as|predicted correctly)"))
    while heading.count() == 0 and time.monotonic() < deadline:  # a page still drawing itself may drop a click
        cell.click(force=True)
        page.wait_for_timeout(2_000)
    assert heading.count() == 1


def test_the_threshold_moves_with_the_keyboard(page, server):
    page.goto(f"{server}/anomalies")
    words = page.get_by_text(re.compile("of the normal pictures and .*%")).last
    words.wait_for()
    before = words.inner_text()
    slider = page.get_by_role("slider", name=re.compile("Threshold"))
    deadline = time.monotonic() + 90
    while words.inner_text() == before and time.monotonic() < deadline:
        slider.focus()
        for _ in range(20):
            page.keyboard.press("ArrowRight")
        page.wait_for_timeout(2_000)
    assert words.inner_text() != before
    page.get_by_role("group", name="Above: raised").get_by_role("img").first.wait_for()


def test_another_cluster_shows_other_pictures(page, server):
    page.goto(f"{server}/clusters")
    members = page.get_by_role("group", name=re.compile("Pictures of cluster"))
    members.get_by_role("img").first.wait_for()
    before = members.get_attribute("aria-label")
    box = page.get_by_test_id("stSelectbox").filter(has_text="Cluster").get_by_role("combobox").last
    deadline = time.monotonic() + 90
    while members.get_attribute("aria-label") == before and time.monotonic() < deadline:
        box.focus()
        for key in ("ArrowDown", "ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        page.wait_for_timeout(2_000)
    expect(members).not_to_have_attribute("aria-label", before, timeout=PATIENCE)


def test_another_setting_gets_another_verdict_and_is_in_the_address(page, server):
    page.goto(f"{server}/ablations")
    page.get_by_role("heading", name="Complete collapse").wait_for()
    page.get_by_text("no covariance", exact=True).first.click()
    page.wait_for_function("() => location.search.includes('setting=no+covariance')")
    page.get_by_role("heading", name="Dimensional collapse").wait_for()


def test_a_claim_leads_to_the_page_that_shows_it(page, server):
    page.goto(f"{server}/claims")
    page.get_by_text("Do the study's findings hold here?").wait_for()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="See it on the page Retrieval").first.click()
    opened.value.get_by_role("heading", name="Which pictures look similar to the network?").wait_for()
    opened.value.get_by_role("group", name=re.compile("Nearest pictures under.*neighbour-views")).wait_for()
    opened.value.close()


def test_a_link_compares_two_runs_on_the_same_pictures(page, server):
    page.goto(f"{server}/retrieval?query=21&second=cifar10/no-variance")
    for name in ("Nearest pictures under", "Farthest pictures under"):
        page.get_by_role("group", name=re.compile(f"{name}.*no-variance")).get_by_role("button").nth(7).wait_for()


def test_a_picture_of_ones_own_becomes_the_query_and_can_be_put_away(page, server, tmp_path):
    import numpy as np
    from PIL import Image

    Image.fromarray(np.full((200, 300, 3), (20, 160, 60), np.uint8)).save(tmp_path / "green.jpg")
    page.goto(f"{server}/retrieval?data=coloured-digits&query=7")
    query = page.get_by_role("group", name="The query").get_by_role("img").first
    expect(query).to_have_attribute("aria-label", re.compile("test picture 7$"), timeout=PATIENCE)
    page.get_by_role("button", name="Your picture").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "green.jpg")
    expect(query).to_have_attribute("aria-label", re.compile("your picture"), timeout=PATIENCE)
    page.keyboard.press("Escape")
    page.get_by_role("group", name="Nearest pictures").get_by_role("button").nth(7).wait_for()
    page.get_by_role("button", name="Remove picture").click()
    expect(query).to_have_attribute("aria-label", re.compile("test picture 7$"), timeout=PATIENCE)


def test_the_data_set_is_chosen_in_the_sidebar_and_stays_in_the_link_and_on_the_next_page(page, server):
    page.goto(f"{server}/training_curves")
    box = page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").get_by_role("combobox").last
    deadline = time.monotonic() + 90
    while "data=cifar10" not in page.url and time.monotonic() < deadline:  # a page still drawing may drop a key
        box.focus()
        for key in ("ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)
        page.wait_for_timeout(2_000)
    assert "data=cifar10" in page.url
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Retrieval").click()
    page.get_by_role("group", name="Nearest pictures").get_by_role("button").nth(7).wait_for()
    assert "data=cifar10" in page.url
