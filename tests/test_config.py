"""Configs are values: they survive JSON, and refuse what makes no sense with a sentence."""

import json
from dataclasses import replace

import pytest

from vicreg.config import DATASETS, Config, ViewConfig
from vicreg.presets import ABLATIONS, PRESETS, presets


def test_a_config_survives_json():
    config = Config(views=ViewConfig(size=20, blur=False), expander=(8, 8, 4), seed=3)
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize(("name", "change"), ABLATIONS.items(), ids=ABLATIONS)
def test_a_preset_is_one_value_away_from_vicreg(name, change, dataset):
    assert presets(dataset)[name] == replace(presets(dataset)["vicreg"], preset=name, **change)
    assert len(change) == (name != "vicreg")


def test_neighbour_views_differ_by_their_positives():
    assert ABLATIONS["neighbour-views"] == {"positives": "neighbours"}


def test_every_preset_has_a_run_of_its_own_name():
    for name, config in PRESETS.items():
        assert (config.preset, config.run_name) == (name, f"cifar10-{name}")


def test_digits_are_never_flipped_and_train_the_smallest_encoder():
    for name, config in presets("coloured-digits").items():
        assert (config.run_name, config.encoder) == (f"coloured-digits-{name}", "tiny")
        assert not config.views.flip


def test_an_unknown_data_set_is_named_with_those_there_are():
    for make in (presets, lambda name: Config(dataset=name)):
        with pytest.raises(ValueError, match="data set must be one of cifar10, coloured-digits, got 'svhn'"):
            make("svhn")


def test_a_config_from_before_there_were_neighbours_has_views_as_positives():
    older = Config(seed=3).to_dict()
    del older["positives"]
    assert Config.from_dict(older) == Config(seed=3, positives="views")


def test_the_defaults_are_the_papers():
    config = PRESETS["vicreg"]
    # the paper's eq. 6 sums the variance of both views, our loss averages it: mu = 25 there is 50 here
    assert (config.invariance_weight, config.variance_weight / 2, config.covariance_weight) == (25.0, 25.0, 1.0)
    assert (config.gamma, config.eps) == (1.0, 1e-4)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"encoder": "vit"}, "lean, resnet18, got 'vit'"),
        ({"optimiser": "sgd"}, "muon, adamw, lars, got 'sgd'"),
        ({"batch_size": 1}, "at least 2 .* got 1"),
        ({"epochs": 0}, "at least 1, got 0"),
        ({"variance_weight": -1.0}, "must not be negative, got -1"),
        ({"learning_rate": 0.0}, "must be positive, got 0"),
        ({"expander": [8, 0, 4]}, "three widths"),
        ({"epochs": "ten"}, r"epochs .*got 'ten'"),
        ({"epochs": True}, r"epochs .*got True"),
        ({"positives": "both"}, r"positives .*got 'both'"),
        ({"positives": 1}, r"positives .*got 1"),
        ({"colour": 1}, "unknown Config settings: colour"),
        ({"views": {"zoom": 2}}, "unknown ViewConfig settings: zoom"),
        ({"views": {"crop_scale": [0.2]}}, "list of 2 numbers"),
        ({"views": {"crop_scale": [0.9, 0.2]}}, "0 < least <= most <= 1"),
        ({"views": 3}, "must be an object, got int"),
        ("text", "must be an object, got str"),
    ],
)
def test_a_config_from_elsewhere_is_checked(values, message):
    with pytest.raises(ValueError, match=message):
        Config.from_dict(values)
