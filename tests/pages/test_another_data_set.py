"""A data set is one entry of the catalogue and a recipe: with both, and nothing else, the library and the app know it."""

import numpy as np
import pytest
from conftest import digit_images, write_parquet
from opened import opened, text

from ui.live_training import training_time
from vicreg import config
from vicreg.cli.main import main
from vicreg.data import loading
from vicreg.data.catalogue import CATALOGUE, HubFile, Spec
from vicreg.pipeline.make_baseline import make_baseline
from vicreg.presets import presets

SVHN = Spec(
    title="SVHN",
    classes=("zero", "one", "two", "three", "four", "five", "six", "seven"),  # eight, so that guessing is not 10 %
    train_images=64,
    repo="ufldl-stanford/svhn",
    splits={
        "train": HubFile("cropped_digits/train-00000-of-00001.parquet", 120_000),
        "test": HubFile("cropped_digits/test-00000-of-00001.parquet", 64_000),
    },
    column="image",
    anomalies=("photo-crops", 520),
)


@pytest.fixture
def svhn(page_world, monkeypatch, tmp_path):
    """The entry, the recipe, made-up pictures laid out as on the Hub, and a measured run."""
    monkeypatch.setitem(CATALOGUE, "svhn", SVHN)
    monkeypatch.setitem(config.RECIPES, "svhn", {"encoder": "tiny", "epochs": 2})
    monkeypatch.setenv("VICREG_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("VICREG_RUNS", str(tmp_path / "runs"))
    made = {}
    for split, count, first in (("train", 64, 0), ("test", 48, 1000)):
        images, labels = made[split] = digit_images(count, first)
        labels %= len(SVHN.classes)
        write_parquet(tmp_path / "data" / SVHN.repo / SVHN.splits[split].path, images, labels, column=SVHN.column)
    make_baseline("untrained", tmp_path / "runs", dataset="svhn")
    return made


def test_one_entry_and_a_recipe_make_a_data_set(svhn, capsys, monkeypatch):
    found = loading.load("svhn", "test")
    np.testing.assert_array_equal(found.images, svhn["test"][0])
    np.testing.assert_array_equal(found.labels, svhn["test"][1])
    assert found.classes == SVHN.classes
    assert presets("svhn")["no-variance"].run_name == "svhn-no-variance"
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    assert "svhn" in capsys.readouterr().out

    app = opened("maps", data="svhn")
    choice = app.selectbox(key="data")
    assert choice.value == "svhn"
    assert {"svhn", *config.RECIPES} == set(choice.options)
    assert "SVHN" in choice.help
    shown = text(app)
    assert "svhn/untrained" in shown
    assert "Guessing gives 12.5 %." in shown

    monkeypatch.setattr(training_time, "_seconds_a_step", lambda config: 0.1)
    app = opened("train", data=None)
    assert "svhn" in app.selectbox(key="train_data").options


def test_a_data_set_to_train_on_names_its_anomalies():
    with pytest.raises(ValueError, match="anomalies"):
        Spec(title="SVHN", classes=SVHN.classes, train_images=64)
