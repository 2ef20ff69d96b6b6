"""Films: every run on one clock and on the same axes, and what snapshots did not keep is said."""

import numpy as np
import pytest

from ui import film
from ui.film.figures import curves, lines, spectra
from ui.film.moments import ENDS_REACH, on_the_clock
from vicreg.runs.folder import open_run
from vicreg.storage.paths import BUNDLED

pytestmark = pytest.mark.usefixtures("page_world")


def pair(dataset: str) -> dict:
    return {name: open_run(BUNDLED / f"{dataset}-{name}") for name in ("vicreg", "no-variance")}


def width(xy: np.ndarray) -> float:
    return float(xy.std(axis=0).mean())


def test_points_move_straight_between_snapshots_and_stay_after_the_last():
    places = np.array([[[0.0, 0.0]], [[2.0, 4.0]]])  # at epochs 0 and 4
    found = on_the_clock(np.array([0.0, 1.0, 4.0, 8.0]), np.array([0.0, 4.0]), places)
    assert found[:, 0].tolist() == [[0, 0], [0.5, 1], [2, 4], [2, 4]]


@pytest.mark.parametrize("dataset", ["cifar10", "coloured-digits"])
def test_z_starts_as_one_spot_for_both_and_only_the_full_method_spreads_it(dataset):
    runs = pair(dataset)
    shown = film.filmed(runs, "embedding z")
    first, last = ({name: width(track.xy[at]) for name, track in shown.tracks.items()} for at in (0, -1))
    assert first["vicreg"] == pytest.approx(first["no-variance"], rel=0.01)
    assert first["vicreg"] < 0.01 * shown.reach
    assert last["vicreg"] > 0.1 * shown.reach
    assert last["no-variance"] < 0.01 * shown.reach
    assert shown.clock == tuple(runs["vicreg"].results("timeline")["epoch"].unique())


def test_beside_a_baseline_only_the_ends_of_z_are_shown_with_the_variance_terms_ring():
    shown = film.before_and_after({name: open_run(BUNDLED / f"cifar10-{name}") for name in ("vicreg", "untrained")})
    assert (shown.reach, shown.ring) == (ENDS_REACH, 1)
    assert "only the start (an untrained network of the same kind) and the end were kept" in shown.words
    assert film.filmed(pair("cifar10"), "embedding z").ring is None


def test_a_longer_run_sets_the_clock_and_the_shorter_one_stays():
    runs = {name: open_run(BUNDLED / f"cifar10-{name}") for name in ("vicreg", "vicreg-long")}
    shown = film.filmed(runs, "PCA of y")
    assert shown.clock[-1] == 72
    at = shown.clock.index(16)
    assert (shown.tracks["vicreg"].xy[at:] == shown.tracks["vicreg"].xy[at]).all()
    share = film.before_and_after(runs)
    assert (share.labels[0], share.labels[-1]) == ("before training", "after training")


def test_neighbours_are_those_of_the_snapshot():
    kept = film.filmed({"vicreg": open_run(BUNDLED / "cifar10-vicreg")}, "t-SNE of y").tracks["vicreg"]
    table = open_run(BUNDLED / "cifar10-vicreg").results("snapshot_neighbours")
    wanted = table[(table["epoch"] == 3) & (table["index"] == 7)].sort_values("rank")["nearest"]
    assert kept.neighbours[3, 7].tolist() == wanted.tolist()


def test_the_curves_are_what_the_runs_measured_from_zero():
    runs = pair("coloured-digits")
    spread, knn = lines(runs)
    history = runs["no-variance"].history
    tested = history[history["split"] == "test"]
    assert spread["lines"][1]["y"] == pytest.approx((1 - tested["variance"]).tolist())
    assert knn["lines"][0]["y"] == pytest.approx((100 * runs["vicreg"].results("snapshots")["knn_accuracy"]).tolist())
    table = curves([spread, knn])
    assert table[table["run"] == "vicreg"].iloc[-1]["value"] == pytest.approx(knn["lines"][0]["y"][-1])
    assert (spread["rule"], knn["rule"], knn["top"]) == (1, 10, 100)


def test_a_spectrum_is_a_share_of_its_largest_value_in_powers_of_ten():
    runs = pair("coloured-digits")
    drawn = spectra(runs)["runs"][0]
    table = runs["vicreg"].results("snapshot_spectra")
    values = table[table["epoch"] == 6]["singular_value"].to_numpy()
    place = drawn["directions"].index(2)
    assert drawn["values"][drawn["x"].index(6)][place] == pytest.approx(np.log10(values[1] / values[0]), abs=1e-3)
    assert all(value <= 0 for row in drawn["values"] for value in row)


def test_a_run_that_kept_nothing_of_its_z_is_left_out():
    runs = {name: open_run(BUNDLED / f"cifar10-{name}") for name in ("no-variance", "pixels")}
    assert list(film.before_and_after(runs).tracks) == ["no-variance"]
    assert film.before_and_after({"pixels": runs["pixels"]}) is None
