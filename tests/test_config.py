"""Configs are values: they survive JSON, and refuse what makes no sense with a sentence."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
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


def test_numpys_numbers_and_lists_become_plain_values_that_can_be_saved_and_compared():
    views = ViewConfig(size=np.uint8(20), hue=np.float64(0.25), crop_scale=[Fraction(1, 2), 1])
    given = {"expander": [np.int64(8), 8, 4], "seed": np.int64(3), "gamma": np.float32(0.5), "views": views}
    config = Config(preset=np.str_("mine"), variance_weight=50, **given)
    plain = ViewConfig(size=20, hue=0.25, crop_scale=(0.5, 1.0))
    assert config == Config(preset="mine", variance_weight=50.0, expander=(8, 8, 4), seed=3, gamma=0.5, views=plain)
    assert hash(config) == hash(Config.from_dict(json.loads(json.dumps(config.to_dict()))))
    types = [
        type(value) for value in (*config.expander, config.seed, config.gamma, config.variance_weight, config.preset)
    ]
    assert types == [int, int, int, int, float, float, str]
    assert [type(value) for value in (config.views.size, config.views.hue, *config.views.crop_scale)] == [
        int,
        *3 * [float],
    ]


@pytest.mark.fault("a setting of the wrong type", "a sentence names it before training starts")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": 3.0}, "seed must be of type int, got 3.0"),
        ({"seed": True}, "seed must be of type int, got True"),
        ({"epochs": "ten"}, "epochs must be of type int, got 'ten'"),
        ({"learning_rate": "fast"}, "learning_rate must be of type float"),
        ({"learning_rate": True}, "learning_rate must be of type float"),
        ({"gamma": 10**400}, "gamma must be a number that a float can hold"),
        ({"expander": (8, 8)}, "expander must be a list of 3 numbers"),
        ({"expander": (8, 8, 4.5)}, "expander must be of type int, got 4.5"),
        ({"preset": 7}, "preset must be of type str, got 7"),
        ({"views": {"size": 24}}, "views must be a ViewConfig"),
    ],
)
def test_a_config_made_in_python_has_the_types_of_a_saved_one(values, message):
    with pytest.raises(ValueError, match=message):
        Config(**values)


def test_a_view_made_in_python_has_the_types_of_a_saved_one():
    for values in ({"crop": 1}, {"size": 24.0}, {"crop_scale": 0.5}):
        with pytest.raises(ValueError, match=f"{next(iter(values))} must be"):
            ViewConfig(**values)
