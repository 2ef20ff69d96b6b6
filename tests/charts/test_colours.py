"""A colour means one thing: terms, presets, classes and groups draw from four sets that nobody takes for each other."""

import itertools
import tomllib
from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt
from pathlib import Path

import numpy as np
import pytest

from vicreg import charts
from vicreg.data.catalogue import class_names
from vicreg.evaluation.mean_colour import mean_lab

SETS = {
    "terms": charts.TERM_COLOURS,
    "presets": {
        **charts.PRESET_COLOURS,
        **dict(zip(("own", "another own"), charts.OWN_COLOURS, strict=True)),
        "reference": charts.REFERENCE_COLOUR,
    },
    "classes": dict(zip(class_names("cifar10"), charts.CLASS_COLOURS, strict=True)),
    "clusters": dict(enumerate(charts.UNNAMED_COLOURS)),
    "groups": charts.GROUP_COLOURS,
}
APART = 11  # CIEDE2000, of colours of two sets


def lab(colour: str) -> np.ndarray:
    return mean_lab(np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.uint8).reshape(1, 1, 1, 3))[0]


def ciede2000(left, right) -> float:
    """The difference of two colours in Lab (Sharma, Wu and Dalal 2005); about 2 can just be seen."""
    (l1, a1, b1), (l2, a2, b2) = left, right
    mean_chroma = (hypot(a1, b1) + hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * sqrt(mean_chroma**7 / (mean_chroma**7 + 25**7))
    (c1, h1), (c2, h2) = (
        (hypot(stretch * a, b), degrees(atan2(b, stretch * a)) % 360) for a, b in ((a1, b1), (a2, b2))
    )
    turn = (h2 - h1 + 180) % 360 - 180
    lightness, chroma, hue = (l1 + l2) / 2, (c1 + c2) / 2, (h1 + turn / 2) % 360
    t = 1 - 0.17 * cos(radians(hue - 30)) + 0.24 * cos(radians(2 * hue))
    t += 0.32 * cos(radians(3 * hue + 6)) - 0.2 * cos(radians(4 * hue - 63))
    dl = (l2 - l1) / (1 + 0.015 * (lightness - 50) ** 2 / sqrt(20 + (lightness - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = 2 * sqrt(c1 * c2) * sin(radians(turn / 2)) / (1 + 0.015 * chroma * t)
    rotation = -2 * sqrt(chroma**7 / (chroma**7 + 25**7)) * sin(radians(60 * exp(-(((hue - 275) / 25) ** 2))))
    return sqrt(dl**2 + dc**2 + dh**2 + rotation * dc * dh)


def test_the_difference_is_that_of_the_papers_examples():
    assert ciede2000((50, 2.6772, -79.7751), (50, 0, -82.7485)) == pytest.approx(2.0425, abs=1e-4)
    assert ciede2000((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387)) == pytest.approx(1.2644, abs=1e-4)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(SETS, 2)))
def test_no_colour_means_two_things(one, other):
    apart = {
        (name, its): ciede2000(lab(colour), lab(theirs))
        for name, colour in SETS[one].items()
        for its, theirs in SETS[other].items()
    }
    nearest = min(apart, key=apart.get)
    assert apart[nearest] >= APART, (nearest, apart[nearest])


def test_the_scale_of_kept_neighbours_is_no_other_colour_and_falls_in_lightness():
    others = [lab(colour) for colours in SETS.values() for colour in colours.values()]
    assert min(ciede2000(lab(step), other) for step in charts.KEPT_COLOURS for other in others) >= APART
    lightness = [lab(step)[0] for step in charts.KEPT_COLOURS]
    assert min(one - other for one, other in itertools.pairwise(lightness)) >= 12


@pytest.mark.parametrize("palette", SETS)
def test_colours_of_a_set_differ(palette):
    for (one, left), (other, right) in itertools.combinations(SETS[palette].items(), 2):
        assert ciede2000(lab(left), lab(right)) >= 17, (one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("cat", "dog"), ("deer", "horse"), ("airplane", "ship"), ("automobile", "truck")),
        *(("cat", "ship"), ("dog", "horse")),
    ],
)
def test_classes_that_are_taken_for_each_other_differ_at_a_glance(one, other):
    assert ciede2000(lab(SETS["classes"][one]), lab(SETS["classes"][other])) >= 35


# Machado, Oliveira and Fernandes 2009, table 1, severity 1: on linear RGB
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def seen(colour: str, sight: str) -> np.ndarray:
    """A colour in Lab, as an eye of that sight sees it."""
    part = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.array(SIGHTS[sight]) @ np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    linear = linear.clip(0, 1)
    back = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return lab("#" + "".join(f"{round(255 * value):02x}" for value in back))


@pytest.mark.parametrize(("sight", "least"), [("deuteranopia", 16), ("protanopia", 16), ("normal", 21)])
def test_any_two_classes_differ_in_every_sight_and_from_both_backgrounds(sight, least):
    backgrounds = {"light": "#ffffff", "dark": "#16141a"}
    apart = {
        (one, other): ciede2000(seen(left, sight), seen(right, sight))
        for (one, left), (other, right) in itertools.combinations({**SETS["classes"], **backgrounds}.items(), 2)
    }
    nearest = min(apart, key=apart.get)
    assert apart[nearest] >= least, (nearest, apart[nearest])


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("palette", ["PRESET_COLOURS", "CLASS_COLOURS", "TERM_COLOURS", "HUE_COLOURS"])
def test_colours_stay_apart_for_colour_blind_readers(palette, sight):
    colours = getattr(charts, palette)
    colours = [colours[term] for term in charts.TERMS] if palette == "TERM_COLOURS" else colours
    places = [seen(colour, sight) for colour in (colours.values() if isinstance(colours, dict) else colours)]
    assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(places, 2)) > 9


@pytest.mark.parametrize("background", ["#ffffff", "#16141a"])
def test_terms_can_be_read_and_marks_be_seen_on_both_themes(background):
    def luminance(colour: str) -> float:
        lightness = lab(colour)[0]
        return ((lightness + 16) / 116) ** 3 if lightness > 8 else lightness / 903.3

    def contrast(colour: str) -> float:
        darker, lighter = sorted(luminance(one) for one in (colour, background))
        return (lighter + 0.05) / (darker + 0.05)

    assert min(map(contrast, charts.TERM_COLOURS.values())) >= 3  # large text, and lines (WCAG 2.2, AA)
    assert min(contrast(colour) for name in ("presets", "groups") for colour in SETS[name].values()) >= 2


def test_charts_of_streamlits_own_take_the_classes_colours():
    file = Path(__file__).parents[2] / ".streamlit" / "config.toml"
    theme = tomllib.loads(file.read_text("utf-8"))["theme"]
    assert set(theme["chartCategoricalColors"]) == set(charts.CLASS_COLOURS)
