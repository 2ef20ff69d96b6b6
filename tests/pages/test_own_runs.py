"""Runs of one's own on the pages, beside bundled ones of the same name and beside each other."""

import json
import shutil

import numpy as np
import pytest
from opened import component, opened, specs

import ui
from ui.components import picture_tiles
from vicreg import charts
from vicreg.runs.folder import open_run
from vicreg.storage.paths import BUNDLED

pytestmark = pytest.mark.usefixtures("page_world", "without_pictures")
OWN = "coloured-digits/vicreg (own)"


@pytest.fixture
def own_runs(tmp_path, monkeypatch):
    """Two runs: one named as `vicreg train` names it, which is also the name of a bundled one."""
    for name, kept in (("coloured-digits-vicreg", "no-variance"), ("coloured-digits-second", "no-covariance")):
        shutil.copytree(BUNDLED / f"coloured-digits-{kept}", tmp_path / name)
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path))
    return tmp_path


def test_an_own_run_with_the_name_of_a_bundled_one_is_another_run_on_start(own_runs):
    app = opened("start", data="coloured-digits", run="coloured-digits/vicreg", second=OWN)
    first, second = (component(app, key)["svg"] for key in ("diagram", "diagram_second"))
    assert first != second
    assert "vicreg (own)" in component(app, "embeddings")["svg"]


def test_an_own_run_with_the_name_of_a_bundled_one_has_its_own_row_and_pictures_on_digit_or_colour(own_runs):
    app = opened("digit_or_colour", data=None, networks="vicreg (own)")
    rows = {row for spec in specs(app) for row in json.dumps(spec).split('"') if row.startswith("vicreg")}
    assert {"vicreg, 12 epochs", "vicreg (own), 12 epochs"} <= rows


def test_two_own_runs_have_two_colours_and_neither_is_a_presets(own_runs):
    colours = [ui.colour(open_run(folder)) for folder in own_runs.iterdir()]
    assert sorted(colours) == sorted(charts.OWN_COLOURS)


def test_a_link_to_the_film_opens_the_runs_that_are_shown(own_runs):
    app = opened("ablations", data="coloured-digits", compared=OWN)
    links = [text.value for text in app.markdown if "as a film" in text.value]
    assert len(links) == 1
    assert "run=coloured-digits/" in links[0]


def test_a_visitors_picture_is_not_kept(monkeypatch):
    shown = []
    monkeypatch.setattr(picture_tiles, "_TILES", lambda **told: shown.append(told["data"]["sprite"]))
    for grey in (0, 200):
        picture = np.full((1, 32, 32, 3), grey, np.uint8)
        picture_tiles.tiles(picture, key="yours", label="Your picture", alts=["yours"], stored=False)
    monkeypatch.setattr(picture_tiles, "_SENT", None)
    picture_tiles.tiles(picture, key="yours", label="Your picture", alts=["yours"], stored=False)
    assert shown[0] != shown[1] == shown[2]


def test_charts_that_are_kept_follow_an_own_runs_colour(own_runs):
    for colour, other in (charts.OWN_COLOURS[::-1], charts.OWN_COLOURS):
        app = opened("ablations", data="coloured-digits", compared=OWN)
        found = json.dumps(specs(app))
        assert colour in found
        assert other not in found
        shutil.rmtree(own_runs / "coloured-digits-second", ignore_errors=True)  # now it is the only one
