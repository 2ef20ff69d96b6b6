"""Runs of one's own on the pages, beside bundled ones of the same name and beside each other."""

import json
import re
import shlex
import shutil

import numpy as np
import pytest
from opened import component, opened, specs, text

import ui
from ui import film
from ui.components import picture_tiles
from ui.live_training import training_charts
from ui.live_training.training_view import _links, _measured
from vicreg import charts, jobs
from vicreg.cli.evaluate import chosen_runs
from vicreg.cli.main import parser
from vicreg.evaluation.anomaly_score import KNOWN
from vicreg.evaluation.report import QUICK
from vicreg.presets import QUICK_IMAGES
from vicreg.runs.discovery import find_runs
from vicreg.runs.folder import open_run, update_run
from vicreg.storage.files import frame_bytes, to_json
from vicreg.storage.paths import BUNDLED

pytestmark = pytest.mark.usefixtures("page_world", "without_pictures")
OWN = "coloured-digits/vicreg (own)"
NAMES = ("coloured-digits-quick", "coloured-digits-trained")


@pytest.fixture
def own_runs(tmp_path, monkeypatch):
    """Two runs: one named as `vicreg train` names it, which is also the name of a bundled one."""
    for name, kept in (("coloured-digits-vicreg", "no-variance"), ("coloured-digits-second", "no-covariance")):
        shutil.copytree(BUNDLED / f"coloured-digits-{kept}", tmp_path / name)
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path))
    return tmp_path


TRAINED = ("snapshots", "snapshot_neighbours", "snapshot_spectra", "timeline")  # tables of a run that was only trained
SHORT = ("confusion", "fingerprints", "neighbours", "predictions", "spectrum")  # and those of a short evaluation


@pytest.fixture
def unmeasured_runs(tmp_path, monkeypatch):
    """Own runs as `--quick` and as `--skip-evaluation` leave them, on the first 2,560 train pictures."""
    for name, kept in (("quick", (*TRAINED, *SHORT)), ("trained", TRAINED)):
        folder = tmp_path / f"coloured-digits-{name}"
        shutil.copytree(BUNDLED / "coloured-digits-vicreg", folder)
        record = json.loads((folder / "config.json").read_text())
        record["data"]["train"]["images"] = QUICK_IMAGES
        (folder / "config.json").write_text(json.dumps(record))
        run = open_run(folder)
        tables = {file: file.split("/")[1].removesuffix(".parquet") for file in run.record["files"] if "/" in file}
        short = {section: run.metrics[section] for section in ("sources", *QUICK)}
        update_run(
            run,
            {"metrics.json": to_json(short)} if name == "quick" else {},
            without=[file for file, table in tables.items() if table not in kept]
            + ["metrics.json"] * (name != "quick"),
        )
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", ["quick", "trained"])
def test_a_run_that_was_measured_in_part_or_not_at_all_has_its_film(unmeasured_runs, name):
    app = opened("training_curves", data="coloured-digits", run=f"coloured-digits/{name} (own)")
    assert not app.warning
    panels = component(app, "film_maps")["panels"]
    assert panels[0]["title"].startswith(f"coloured-digits/{name} (own)")
    assert panels[0]["title"].endswith("12 epochs of 2560 pictures")
    assert "What does the loss do?" in text(app)
    assert "the first 2,560 training pictures vote" in text(app)
    quick = "--quick" if name == "quick" else "--images 2560"
    epochs = "--epochs 12 " if name == "quick" else ""  # not the six of a quick training
    assert app.code[0].value == (
        f"python -m vicreg train --preset vicreg --dataset coloured-digits {epochs}{quick} --name coloured-digits-{name}"
    )


@pytest.mark.parametrize("name", ["quick", "trained"])
@pytest.mark.parametrize("page", ["maps", "clusters"])
def test_a_run_without_maps_or_clusters_says_how_to_measure_them(unmeasured_runs, page, name):
    app = opened(page, data="coloured-digits", run=f"coloured-digits/{name} (own)")
    assert not app.warning
    (told,) = [info.value for info in app.info]
    assert f"python -m vicreg evaluate coloured-digits-{name}" in told


def test_a_finished_training_links_to_the_pages_that_can_show_its_run(unmeasured_runs):
    quick, trained = (_links(jobs.get(name), _measured(jobs.get(name))) for name in NAMES)
    assert [page for page in ("retrieval", "maps", "probe", "training_curves") if f"]({page}?" in quick] == [
        *("retrieval", "probe", "training_curves")
    ]
    assert re.findall(r"\]\((\w+)", trained) == ["training_curves"]


def test_the_command_to_measure_a_run_names_that_run_and_no_other(own_runs, tmp_path, monkeypatch):
    here, _ = find_runs()
    monkeypatch.chdir(BUNDLED.parent)
    for name in ("coloured-digits-vicreg", "coloured-digits-vicreg-own", "coloured-digits-second"):
        command = ui.evaluate_command(here[name], only="clusters")
        words = parser().parse_args(shlex.split(command)[3:])
        assert [run.folder.resolve() for run in chosen_runs(words.runs, here)] == [here[name].folder]
        assert words.only == ["clusters"]
    shutil.copytree(BUNDLED / "coloured-digits-vicreg", tmp_path / "hub" / "coloured-digits-vicreg")
    theirs = open_run(tmp_path / "hub" / "coloured-digits-vicreg")
    assert ui.evaluate_command(theirs) == ""
    assert "ask its owner to measure it" in ui.how_to_measure(theirs)
    assert ui.evaluate_command(theirs, here["coloured-digits-second"]).endswith("evaluate coloured-digits-second")


def test_a_run_that_was_measured_without_anomalies_is_not_offered_with_them(own_runs):
    run = open_run(own_runs / "coloured-digits-second")
    anomaly = run.metrics["anomaly"] | {"n_anomalies": 0}
    anomaly |= {name: {"column": score.column, "most": [0]} for name, score in KNOWN.items()}
    table = run.results("anomaly")
    files = {
        "metrics.json": to_json({**run.metrics, "anomaly": anomaly}),
        "results/anomaly.parquet": frame_bytes(table[~table["anomaly"]]),
    }
    update_run(run, files, without=["results/roc.parquet"])
    app = opened("anomalies", data="coloured-digits", run="coloured-digits/second (own)")
    assert not app.warning
    assert not [choice for choice in app.segmented_control if choice.label == "Among"]
    assert "The most and the least anomalous" in text(app)


def test_the_dashed_curves_are_of_the_run_that_is_in_the_folder_now(own_runs):
    folder = own_runs / "coloured-digits-second"
    before = training_charts.ghost(str(folder))
    shutil.rmtree(folder)
    shutil.copytree(BUNDLED / "coloured-digits-vicreg", folder)
    now = training_charts.ghost(str(folder))
    assert now.content != before.content
    assert now.terms["total"].tolist() != before.terms["total"].tolist()
    assert training_charts.ghost("") is None


def test_a_run_of_another_encoder_is_not_held_against_this_untrained_one(own_runs):
    folder = own_runs / "coloured-digits-second"
    record = json.loads((folder / "config.json").read_text())
    record["config"]["encoder"] = "lean"
    (folder / "config.json").write_text(json.dumps(record))
    other, bundled = open_run(folder), open_run(BUNDLED / "coloured-digits-vicreg")
    assert ui.untrained(bundled).name == "coloured-digits-untrained"
    assert ui.spaces_before(bundled) == ui.untrained(bundled).metrics["spaces"]
    assert ui.untrained(other) is None
    assert ui.spaces_before(other) is None
    baseline = open_run(BUNDLED / "coloured-digits-untrained")  # beside which only the ends of z are shown
    shown = film.before_and_after({"other": other, "bundled": bundled, "untrained": baseline})
    assert "Of `other`, only the end was kept." in shown.words
    moved = {title: (track.xy[0] != track.xy[-1]).any() for title, track in shown.tracks.items()}
    assert moved == {"other": False, "bundled": True, "untrained": False}
    app = opened("probe", data="coloured-digits", run="coloured-digits/second (own)")
    assert "untrained encoder already reaches" not in text(app)


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
