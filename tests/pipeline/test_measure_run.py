"""Measuring a run again: all of it, or some sections of its report."""

import json
import shutil

import pytest

from tests.pipeline.test_train_run import _small, contents, measured, trained, unmeasured  # noqa: F401
from vicreg.evaluation import encode
from vicreg.pipeline import measure_run
from vicreg.pipeline.measure_run import evaluate_run
from vicreg.runs.folder import open_run, update_run
from vicreg.storage.files import to_json


@pytest.fixture
def copied(measured, tmp_path):  # noqa: F811
    shutil.copytree(measured.folder, tmp_path / measured.name)
    return open_run(tmp_path / measured.name)


def test_only_the_named_sections_are_measured_and_the_order_is_kept(copied):
    before, metrics = contents(copied), json.loads((copied.folder / "metrics.json").read_text())
    kept = {name: section for name, section in metrics.items() if name != "spaces"}
    kept["probe"] = {**kept["probe"], "accuracy": 1.5}
    run = evaluate_run(update_run(copied, {"metrics.json": to_json(kept)}), only=["spaces"])
    assert contents(run) == before  # the probe of y, which `spaces` shows beside the one of z, was measured again


def test_what_a_section_quotes_and_does_not_measure_is_kept(copied):
    metrics = json.loads((copied.folder / "metrics.json").read_text())
    kept = {**metrics, "knn": {**metrics["knn"], "accuracy": 1.5}}
    run = evaluate_run(update_run(copied, {"metrics.json": to_json(kept)}), only=["spectrum"])
    assert run.metrics["knn"]["accuracy"] == 1.5


def test_a_section_is_measured_again_with_as_many_train_images_as_the_others(copied):
    metrics = json.loads((copied.folder / "metrics.json").read_text())
    metrics["sources"]["train"]["images"] = 40
    run = evaluate_run(update_run(copied, {"metrics.json": to_json(metrics)}), only=["knn"])
    assert " 40 train" in run.metrics["knn"]["protocol"]


def test_sections_of_other_pictures_are_not_mixed(copied):
    metrics = json.loads((copied.folder / "metrics.json").read_text())
    metrics["sources"]["test"]["sha256"] = "0" * 64
    other = update_run(copied, {"metrics.json": to_json(metrics)})
    before = contents(other)
    with pytest.raises(ValueError, match="test images"):
        evaluate_run(other, only=["spectrum"])
    assert contents(other) == before


def test_what_no_chosen_section_needs_is_not_made(copied, monkeypatch):
    def unneeded(*_: object, **__: object) -> None:
        raise AssertionError("made, and not needed")

    before = contents(copied)
    monkeypatch.setattr(encode, "embed", unneeded)
    monkeypatch.setattr(measure_run, "anomaly_set", unneeded)
    monkeypatch.setattr(measure_run, "other_sets", unneeded)
    assert contents(evaluate_run(copied, only=["spectrum"])) == before
    for section in ("spaces", "anomaly", "anomaly_sets"):
        with pytest.raises(AssertionError, match="not needed"):
            evaluate_run(copied, only=[section])


def test_unknown_sections_and_unmeasured_runs_are_refused(copied, unmeasured):  # noqa: F811
    with pytest.raises(ValueError, match="no section maps"):
        evaluate_run(copied, only=["maps"])
    with pytest.raises(ValueError, match="never been evaluated"):
        evaluate_run(unmeasured, only=["spectrum"])
