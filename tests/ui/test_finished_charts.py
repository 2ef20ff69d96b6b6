"""Finished charts: made once for all visitors, never out of date, and nobody can change another visitor's."""

import pandas as pd
import streamlit as st

from ui.finished_charts import drawn, finished
from ui.run_picker import results
from vicreg.charts import alt, spectra
from vicreg.charts.lettering import lettered
from vicreg.runs.folder import open_run
from vicreg.storage.paths import BUNDLED

FRAME = pd.DataFrame({"dimension": [1, 2], "singular_value": [2.0, 1.0]})
MADE = []


def points(frame: pd.DataFrame, *, width: int = 100) -> alt.Chart:
    MADE.append(width)
    return alt.Chart(frame).mark_point().encode(x="dimension:Q").properties(width=width)


def test_a_chart_is_made_once_for_equal_content_and_again_for_other_content():
    st.cache_resource.clear()
    MADE.clear()
    first = drawn(points, FRAME)
    assert drawn(points, FRAME.copy()) is first
    other = drawn(points, FRAME.assign(singular_value=[2.0, 1.5]))
    wider = drawn(points, FRAME, width=200)
    assert len(MADE) == 3
    assert other.spec()["datasets"] != first.spec()["datasets"]
    assert wider.spec()["width"] == 200


def test_what_a_page_does_to_its_chart_no_other_visitor_sees():
    mine = drawn(points, FRAME).spec()
    mine["encoding"]["x"]["title"] = "changed"
    mine["datasets"].clear()
    theirs = drawn(points, FRAME).spec()
    assert "title" not in theirs["encoding"]["x"]
    [table] = theirs["datasets"].values()
    assert table.to_pandas().equals(FRAME)


def test_a_finished_chart_draws_what_altair_would():
    frame = FRAME.assign(singular_value=[2.0, float("nan")])
    chart = spectra({"run": frame}, {"run": "#123456"})
    spec, wanted = finished(chart).spec(), lettered(chart).to_dict()
    assert [table.to_pylist() for table in spec.pop("datasets").values()] == list(wanted.pop("datasets").values())
    assert {key: spec[key] for key in wanted} == wanted


def test_what_a_page_does_to_a_runs_table_no_other_visitor_sees():
    run = open_run(BUNDLED / "coloured-digits-vicreg")
    mine = results(run, "snapshots")
    before = mine["epoch"].tolist()
    mine.loc[:, "epoch"] = -1
    mine["more"] = 0
    theirs = results(run, "snapshots")
    assert theirs["epoch"].tolist() == before
    assert "more" not in theirs
