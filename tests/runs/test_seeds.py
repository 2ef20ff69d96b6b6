"""The figures of other seeds beside a run's own."""

import json
import shutil
from dataclasses import replace

import pytest

from vicreg.pipeline.measure_run import evaluate_run
from vicreg.runs.folder import open_run, write_run
from vicreg.runs.readme_tables import run_table
from vicreg.runs.seeds import apart, figures, from_a_bar, spread, with_seeds
from vicreg.storage.files import to_json
from vicreg.storage.paths import BUNDLED


def other(folder, seed, *, change=lambda metrics: None, **settings):
    """A bundled run, as if it had been trained from another seed."""
    run = open_run(BUNDLED / "coloured-digits-vicreg")
    metrics = json.loads((run.folder / "metrics.json").read_text())
    change(metrics)
    config = replace(run.config, seed=seed, **settings)
    record = {**run.record, "seed": seed, "config": config.to_dict()}
    files = {name: (run.folder / name).read_bytes() for name in run.record["files"]} | {
        "metrics.json": to_json(metrics)
    }
    return write_run(folder / f"seed-{seed}", files, {k: v for k, v in record.items() if k not in ("schema", "files")})


@pytest.fixture
def run(tmp_path):
    shutil.copytree(BUNDLED / "coloured-digits-vicreg", tmp_path / "kept")
    return open_run(tmp_path / "kept")


def test_a_spread_covers_the_runs_own_seed_and_the_others(run, tmp_path):
    def worse(metrics):
        metrics["probe"]["accuracy"] = 90.0
        metrics["attributes"]["ink"]["accuracy"] = 99.5

    found = with_seeds(run, [other(tmp_path, 2), other(tmp_path, 1, change=worse)])
    own = figures(run.metrics)
    assert spread(found.metrics, "probe") == (90.0, own["probe"], 3)
    assert spread(found.metrics, "ink") == (own["ink"], 99.5, 3)
    assert [entry["seed"] for entry in found.metrics["seeds"]["others"]] == [1, 2]
    assert f"| 3 | 90.0 to {own['probe']:.1f} |" in run_table("seeds", [found])
    assert spread(open_run(BUNDLED / "cifar10-vicreg").metrics, "probe") is None


def test_a_teacher_may_have_been_trained_with_the_same_seed(tmp_path):
    settings = {"positives": "neighbours", "teacher": "vicreg"}
    own = other(tmp_path, 0, **settings)
    found = with_seeds(own, [other(tmp_path, 1, **{**settings, "teacher": "vicreg-seed-1"})])
    assert "teacher" in found.metrics["seeds"]["protocol"]
    with pytest.raises(ValueError, match="teacher"):
        with_seeds(own, [other(tmp_path, 2, **{**settings, "teacher": "vicreg-seed-1"})])


def test_measuring_again_keeps_the_other_seeds(run, tmp_path):
    found = with_seeds(run, [other(tmp_path, 1)])
    assert evaluate_run(found, only=["spectrum"]).metrics["seeds"] == found.metrics["seeds"]


@pytest.mark.parametrize(
    ("settings", "change", "why"),
    [
        ({"seed": 1, "epochs": 3}, lambda metrics: None, "epochs"),
        ({"seed": 1}, lambda metrics: metrics.clear(), "not evaluated yet"),
        ({"seed": 1}, lambda metrics: metrics["sources"]["test"].update(file="else"), "different images"),
        ({"seed": 0}, lambda metrics: None, "different seed"),
    ],
)
def test_what_differs_in_more_than_the_seed_is_refused(run, tmp_path, settings, change, why):
    with pytest.raises(ValueError, match=why):
        with_seeds(run, [other(tmp_path, change=change, **settings)])
    assert open_run(run.folder).metrics == run.metrics


def seeded(own: float, *others: float) -> dict:
    """Metrics whose probe reads this, and so under other seeds."""
    run = json.loads((BUNDLED / "coloured-digits-pixels" / "metrics.json").read_text())
    listed = [{"seed": i, "figures": {"probe": value}} for i, value in enumerate(others, start=1)]
    probe = {**run["probe"], "accuracy": own}
    return {**run, "probe": probe} | ({"seeds": {"others": listed, "protocol": ""}} if listed else {})


@pytest.mark.parametrize(
    ("left", "right", "counts"),
    [
        ((50, 52), (60, 61), True),  # 10 apart, ranges 2 and 1
        ((50, 52), (51, 53), False),  # the ranges overlap
        ((50, 58), (60, 70), False),  # apart, but no more than the wider range
        ((50, 58), (62, 70), True),
        ((50, 52), (54.5,), True),  # one seed: from 52.5 to 56.5
        ((50, 52), (53,), False),
    ],
)
def test_a_difference_counts_where_it_is_more_than_the_seeds_make(left, right, counts):
    one, other = seeded(*left), seeded(*right)
    assert apart(one, other, "probe").counts is apart(other, one, "probe").counts is counts


def test_without_other_seeds_nothing_is_held_against_them():
    assert apart(seeded(50), seeded(60), "probe") is None
    assert from_a_bar(seeded(50), "probe", 40) is None


def test_a_fixed_number_must_lie_farther_away_than_the_range_is_wide():
    assert from_a_bar(seeded(50, 53), "probe", 46.9) == (pytest.approx(3.1), 3, 2, True)
    assert not from_a_bar(seeded(50, 53), "probe", 47).counts
    assert not from_a_bar(seeded(50, 53), "probe", 52).counts


def test_a_seed_on_other_images_in_another_precision_or_measured_otherwise_is_refused(run, tmp_path):
    one = other(tmp_path, 1)
    fewer = {**one.record, "data": {**one.record["data"], "train": {**one.record["data"]["train"], "images": 2_560}}}
    with pytest.raises(ValueError, match="was trained on 2,560 images, kept on"):
        with_seeds(run, [replace(one, record=fewer)])
    record = {**one.record, "precision": "bfloat16"}
    with pytest.raises(ValueError, match="seed-1 was trained in another precision than kept: bfloat16 and float32"):
        with_seeds(run, [replace(one, record=record)])
    quick = other(tmp_path, 2, change=lambda metrics: metrics["probe"].update(protocol="of 2,560 train images"))
    with pytest.raises(ValueError, match="measured differently"):
        with_seeds(run, [quick])
