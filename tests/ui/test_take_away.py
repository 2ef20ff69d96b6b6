"""What a visitor takes home: tables as CSV, names and captions of figures."""

import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from ui import page_figures
from ui.components import svg_drawing
from ui.finished_charts import finished
from ui.picture_map import Colouring, Panel
from ui.picture_map.component import points_table
from ui.take_away.caption import LONGEST_PROTOCOL, caption
from ui.take_away.panel import name_of, source
from ui.take_away.tables import csv_of, table_of
from vicreg.charts import alt


def test_no_cell_of_a_csv_begins_like_a_formula_and_numbers_stay_numbers():
    table = pd.DataFrame({"=run": ["=1+1", "@cmd", "-x", "+x", "vicreg"], "value": [-1.5, 2, 3, 4, 5]})
    lines = csv_of(table).splitlines()
    assert lines[0] == "'=run,value"
    assert [line.split(",")[0] for line in lines[1:]] == ["'=1+1", "'@cmd", "'-x", "'+x", "vicreg"]
    assert lines[1].split(",")[1] == "-1.5"


def test_a_charts_table_holds_what_all_its_layers_draw_without_pictures():
    dots = pd.DataFrame({"x": [1, 2], "image": ["data:image/png;base64,AA", "data:image/png;base64,BB"]})
    line = pd.DataFrame({"y": [0.5]})
    drawn = finished(alt.Chart(dots).mark_point() | (alt.Chart(line).mark_rule() + alt.Chart(dots).mark_text()))
    found = pd.read_csv(io.StringIO(csv_of(table_of(drawn.tables.values()))))
    assert found.columns.tolist() == ["table", "x", "y"]
    assert found["table"].tolist() == [1, 1, 2]
    assert csv_of(table_of(drawn.tables.values())).splitlines()[1] == "1,1,"  # a whole number beside a missing one


def test_the_points_of_a_film_have_a_row_for_each_moment():
    film = Panel("t-SNE", np.arange(8.0).reshape(2, 2, 2))
    colouring = Colouring("Class", ["cat", "dog"], ["#000", "#fff"], np.array([1, 0]))
    table = points_table([film], numbers=np.array([7, 9]), colourings=[colouring], moments=["epoch 0", "epoch 5"])
    assert table.iloc[2].tolist() == ["t-SNE", "epoch 5", 7, 4.0, 5.0, "dog"]
    assert len(table) == 4


def test_a_figure_is_called_by_what_stands_before_its_numbers():
    assert name_of("Probe accuracy of every run: vicreg 70 %; pixels 50 %.") == "Probe accuracy of every run"
    assert len(name_of("word " * 50)) <= 90


def test_a_caption_names_runs_data_and_whole_sentences_of_the_protocol():
    protocol = "**Exact** search (Bardes et al. 2022). " + "It is long. " * 60
    runs, measured = caption(
        page_figures.Shown(runs={"a/b, 3 epochs": "digits", "a/c, 3 epochs": "digits"}, protocol=protocol)
    )
    assert runs == "Runs: a/b, 3 epochs; a/c, 3 epochs. Data: digits."
    assert measured.startswith("Measured: Exact search (Bardes et al. 2022). It is long.")
    assert measured.endswith("long.")
    assert len(measured) <= LONGEST_PROTOCOL + len("Measured: ")


PAGE = """<div class="stApp"><div class="st-key-diagram"><div data-testid="stBidiComponentRegular"></div></div>
<div id="panel"><div class="take-away"></div></div></div>"""
# window.draw(svg) is what Streamlit does when a page draws its diagram, for the first time or anew.
START = """async ([panel, drawing]) => {
  const load = (text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  const [{ default: list }, { default: show }] = await Promise.all([panel, drawing].map(load));
  list({ data: { figures: [], lines: [], table: null }, parentElement: document.querySelector("#panel") });
  const place = document.querySelector("[data-testid]").attachShadow({ mode: "open" });
  place.innerHTML = "<div class='drawing'></div>";
  window.draw = (svg) => show({ data: { svg }, parentElement: place });
}"""


@pytest.mark.browser
def test_a_drawing_is_taken_away_as_it_was_drawn_last_also_if_it_came_after_the_list(page):
    page.set_content(PAGE)
    page.evaluate(START, [source(), svg_drawing.JS.read_text("utf-8")])
    assert page.get_by_role("button").count() == 0
    for width in (120, 240):
        page.evaluate(f"draw('<svg width={width} height=60 aria-label=Diagram><text y=20>{width}</text></svg>')")
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG: Diagram").click()
    figure = ElementTree.fromstring(download.value.path().read_bytes())
    drawn = figure.find("{http://www.w3.org/2000/svg}svg")
    assert (drawn.get("width"), drawn.get("height")) == ("240", "60")
    assert "".join(drawn.itertext()) == "240"
