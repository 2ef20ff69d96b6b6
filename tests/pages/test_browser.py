"""What only a real browser does: clicks, keys, a lasso, an upload and the address. AppTest has the rest."""

import os
import re
import time
from pathlib import Path

import pytest
from opened import served, settled
from playwright.sync_api import expect

from ui.page_table import PAGES
from vicreg.runs.folder import open_run
from vicreg.storage import paths

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(cifar10_test, made_once, tmp_path_factory):
    """The app on a free port, with pictures; nobody has opened its front page before the tests do."""
    with served(tmp_path_factory.mktemp("server"), dict(os.environ), made_once) as url:
        yield url


CLICK_AT_ONCE_AND_HEAR_LATE = """
const listen = WebSocket.prototype.addEventListener, late = (act) => (event) => setTimeout(() => act(event), 400);
WebSocket.prototype.addEventListener = function (type, act, ...rest) {
  return listen.call(this, type, type === "message" ? late(act) : act, ...rest);
};
const look = () => {
  const roots = [...document.querySelectorAll("*")].map((element) => element.shadowRoot);
  const tiles = roots.map((root) => root?.querySelector("[aria-label='Pictures to pick a query from']")).find(Boolean);
  if (tiles?.children[3]) tiles.children[3].click();
  else requestAnimationFrame(look);
};
addEventListener("DOMContentLoaded", look);
"""


def test_a_click_before_the_server_knows_the_windows_width_is_not_lost_and_keys_pick_another_query(page, server):
    page.add_init_script(CLICK_AT_ONCE_AND_HEAR_LATE)
    page.goto(f"{server}/retrieval?query=21&metric=euclidean&data=cifar10")
    page.get_by_role("heading", name="Which pictures look similar to the network?").wait_for()
    assert page.get_by_test_id("stSidebarNavLink").count() == sum(len(entries) for entries in PAGES.values())
    assert "metric=euclidean" in page.url

    page.wait_for_function("() => new URL(location.href).searchParams.get('query') === '3'")
    settled(page)
    query = page.get_by_role("group", name="The query").get_by_role("img").first
    expect(query).to_have_attribute("aria-label", re.compile("test picture 3$"))
    expect(page.get_by_label("Query: test picture")).to_have_value("3")
    tiles = page.get_by_role("group", name="Pictures to pick a query from").get_by_role("button")

    def press() -> None:
        tiles.nth(5).focus()
        page.keyboard.press("Enter")

    until(page, press, lambda: "query=5" in page.url)


def until(page, act, holds) -> None:
    """Do something, and again while it changes nothing: a page that still draws itself may drop a click or a key."""
    deadline = time.monotonic() + 180
    while not holds():
        assert time.monotonic() < deadline
        act()
        for _ in range(20):
            if holds():
                return
            page.wait_for_timeout(100)


def test_a_map_marks_pictures_by_lasso_and_keyboard_and_lists_them_with_their_own_thumbnails(page, server):
    lost = []  # the first request for a strip of pictures: while a page is drawn anew, the server may not have it
    page.route("**/media/*.jpg", lambda route: route.continue_() if lost else lost.append(1) or route.abort())
    page.goto(f"{server}/maps?data=coloured-digits")
    canvas = page.locator(".picture-map .over").first
    canvas.wait_for()
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
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
    expect(tiles).to_have_count(len(wanted))
    found = tiles.evaluate_all(
        "(tiles) => tiles.map((tile) => [tile.ariaLabel, tile.firstChild.style.backgroundPosition])"
    )
    assert found == [
        [f"3, test picture {i}", f"{-64 * (i % 100)}px {-64 * (i // 100)}px".replace("-0px", "0px")] for i in wanted
    ]

    assert lost
    page.unroute("**/media/*.jpg")
    asked = []  # of the server: pages to draw
    page.on("websocket", lambda socket: socket.on("framesent", lambda told: asked.append(told)))
    page.reload()
    canvas.wait_for()
    settled(page)
    assert len(asked) == 1  # the window's width came with the first
    page.get_by_role("group", name="Class").get_by_role("button", name="3", exact=True).click()  # all digits again
    page.get_by_role("button", name="Whole map").focus()
    page.keyboard.press("Tab")
    expect(canvas).to_be_focused()
    page.evaluate("document.addEventListener('keydown', ({ key }) => (window.heard = `${window.heard ?? ''} ${key}`))")
    who = page.locator(".picture-map .who")
    for key in ("+", "ArrowRight", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
        page.keyboard.press("Enter")  # the picture in the middle, if there is one
        page.wait_for_timeout(200)
        if who.count():
            break
    expect(who).to_have_text(re.compile(r"^\d, test picture "))
    assert "Arrow" not in str(page.evaluate("window.heard"))  # in a lesson, they would leave the step
    page.keyboard.press("Space")
    page.get_by_text("marked", exact=False).first.wait_for()
    page.locator(".picture-map .chosen .tile").first.press("Enter")
    expect(page.locator(".picture-map .chosen :focus")).to_have_count(1)
    canvas.press("Escape")
    expect(who).to_have_count(0)


def test_a_film_is_played_and_scrubbed_by_keys_and_its_parts_move_together(page, server):
    page.goto(f"{server}/training_curves?data=coloured-digits")
    maps, where = page.locator(".picture-map").first, page.locator(".player .where")
    maps.wait_for()
    for wanted, key in (("epoch 12", "End"), ("before the first step", "Home"), ("epoch 3", "ArrowRight")):
        page.locator(".player .at").press(key)
        expect(where).to_have_text(wanted)
    expect(maps).to_have_attribute("data-frame", "1")
    shot = open_run(paths.BUNDLED / "coloured-digits-vicreg").results("snapshots").iloc[1]
    knn = page.locator(".film-figures figure").nth(1)
    expect(knn.locator(".values span").nth(1)).to_have_text(f"{100 * shot['knn_accuracy']:.1f} %")
    page.locator(".player .at").press("Space")
    expect(page.locator(".player .word")).to_have_text("Pause")
    expect(where).to_have_text("epoch 12")
    expect(maps).to_have_attribute("data-frame", "4")


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


def test_a_click_on_the_confusion_matrix_shows_that_cells_pictures(page, server):
    page.goto(f"{server}/probe")
    page.get_by_role("heading", name=re.compile("Worst errors")).wait_for()
    chart = page.get_by_test_id("stVegaLiteChart").nth(1)
    cell = chart.locator("path[aria-roledescription='rect mark'], .mark-rect path").nth(3 * 10 + 5)
    cell.wait_for()
    heading = page.get_by_role("heading", name=re.compile("(predicted as|predicted correctly)"))
    until(page, lambda: cell.click(force=True), lambda: heading.count() == 1)


def test_a_picture_of_ones_own_becomes_the_query_and_can_be_put_away(page, server, tmp_path):
    import numpy as np
    from PIL import Image

    Image.fromarray(np.full((200, 300, 3), (20, 160, 60), np.uint8)).save(tmp_path / "green.jpg")
    page.goto(f"{server}/retrieval?data=coloured-digits&query=7")
    query = page.get_by_role("group", name="The query").get_by_role("img").first
    expect(query).to_have_attribute("aria-label", re.compile("test picture 7$"))
    page.get_by_role("button", name="Your picture").click()
    page.locator("input[type=file]").set_input_files(tmp_path / "green.jpg")
    expect(query).to_have_attribute("aria-label", re.compile("your picture"))
    page.keyboard.press("Escape")
    page.get_by_role("group", name="Nearest pictures").get_by_role("button").nth(7).wait_for()
    page.get_by_role("button", name="Remove picture").click()
    expect(query).to_have_attribute("aria-label", re.compile("test picture 7$"))


def test_the_data_set_is_chosen_in_the_sidebar_stays_on_the_next_page_and_takes_the_maps_choice_away(page, server):
    page.goto(f"{server}/clusters?on_cluster_maps=c6")
    expect(page.locator(".picture-map .who").first).to_have_text(re.compile(r"^\d, test picture 6"))
    box = page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").get_by_role("combobox").last

    def choose() -> None:
        box.focus()
        for key in ("ArrowDown", "ArrowDown", "Enter"):
            page.keyboard.press(key)

    until(page, choose, lambda: "data=cifar10" in page.url)
    expect(page.locator(".picture-map .who")).to_have_count(0)  # number 6 is another picture there
    page.wait_for_function("() => !location.search.includes('on_cluster_maps')")
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Retrieval").click()
    page.get_by_role("group", name="Nearest pictures").get_by_role("button").nth(7).wait_for()
    assert "data=cifar10" in page.url
