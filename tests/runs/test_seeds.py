"""The figures of other seeds beside a run's own."""

import json
import shutil
from dataclasses import replace

import pytest

from vicreg.pipeline.measure_run import evaluate_run
from vicreg.runs.folder import open_run, write_run
from vicreg.runs.readme_tables import run_table
from vicreg.runs.seeds import figures, spread, with_seeds
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
