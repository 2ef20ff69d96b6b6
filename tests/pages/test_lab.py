"""The lab's page under AppTest: what it needs, what it sends, and where its links lead."""

from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from opened import component, opened, read, text

import ui
from ui.lab.component import LINKS, drawings, source
from vicreg.charts import TERM_COLOURS
from vicreg.charts.embedding_bars import embedding_bars, embedding_scale

pytestmark = pytest.mark.usefixtures("page_world")


def test_the_lab_opens_cold_without_pictures_and_asks_a_question(without_pictures):
    app = opened("lab", data=None)
    assert not app.warning
    assert not app.info
    assert app.title[0].value.endswith("?")


def test_the_lab_is_second_in_the_navigation_and_linked_from_starts_first_sentence(without_pictures):
    assert [name for name, *_ in ui.PAGES["Learn"]][:2] == ["start", "lab"]
    first = next(
        one.value for one in read("start").markdown if not one.value.startswith("- **VICReg**")
    )  # the glossary
    assert "](lab)" in first


def test_what_is_sent_is_the_same_for_every_state_in_the_address(without_pictures):
    plain, asked = read("lab"), opened("lab", mu="0", seed="7", dimensions="8")
    assert component(plain, "lab") == component(asked, "lab")


def test_it_is_sent_every_drawing_and_the_one_colour_of_each_term(without_pictures):
    from sklearn.datasets import load_digits

    (sent,) = component(read("lab"), "lab")
    found = load_digits()
    assert [ord(letter) - ord("A") for letter in sent["drawings"]] == found.images.ravel().tolist()
    assert [int(digit) for digit in sent["labels"]] == found.target.tolist()
    assert sent["colours"]["terms"] == {term: TERM_COLOURS[term] for term in ("variance", "invariance", "covariance")}
    assert not [colour for colour in TERM_COLOURS.values() if colour in source()]  # they stand in one place
    assert len(drawings()[0]) < 120_000


@pytest.mark.parametrize("name", LINKS)
def test_a_challenges_link_opens_a_page_in_the_state_that_it_names(name, without_pictures):
    parts = urlsplit(LINKS[name])
    page = parts.path.strip("./") or "start"
    assert page in [entry for entries in ui.PAGES.values() for entry, *_ in entries]
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    app = opened(page, **({"data": None} | query))
    for key in ("run", "second"):
        if key in query:
            assert app.selectbox(key=key).value == query[key]
    if "setting" in query:
        assert app.get("button_group")[0].value == query["setting"]


def test_starts_embeddings_have_one_scale_so_that_a_collapsed_run_looks_collapsed(without_pictures):
    app = opened("start", run="cifar10/vicreg", second="cifar10/no-variance")
    svg = component(app, "embeddings")["svg"]
    assert svg.count("<image ") == 16
    assert "vicreg: largest" in svg
    assert "no-variance: largest 0.0" in svg
    assert "one scale" in text(app)


def test_a_collapsed_run_has_flat_bars_even_alone():
    collapsed = np.full((1, 2, 24), 0.02)
    assert embedding_scale(collapsed) == 2
    svg = embedding_bars([("data:,", "data:,")], [("run", "#000000", collapsed)], scale=2)
    heights = [float(part.split('"')[0]) for part in svg.split(' height="')[1:]]
    assert max(heights[-24:]) < 1  # of boxes that are 64 high


def test_bars_beyond_the_scale_are_cut_at_the_box():
    svg = embedding_bars([("data:,", "data:,")], [("run", "#000000", np.full((1, 2, 24), 9.0))], scale=2)
    heights = [float(part.split('"')[0]) for part in svg.split(' height="')[1:]]
    assert max(heights[-24:]) == 32
