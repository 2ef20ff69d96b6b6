"""The map of pictures as it is sent: places on one scale, one script of all modules, pictures in strips."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from ui.map_data import kept_scale, stepped
from ui.picture_map import Colouring, Panel, picture_map
from ui.picture_map.atlas import COLUMNS, ROWS, strip
from ui.picture_map.component import FOLDER, MODULES, on_the_unit_square, packed, source


def test_both_axes_have_one_scale_and_stay_in_the_middle():
    found = on_the_unit_square(np.array([[-2.0, 1.0], [2.0, 2.0]]))
    assert found.tolist() == [[0, 0.375], [1, 0.625]]


def test_two_films_within_the_same_bounds_compare():
    collapsed, spread = np.full((3, 2), 0.1), np.array([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]])
    box = (-1, -1, 1, 1)
    assert np.ptp(on_the_unit_square(spread, box)) == 1
    assert np.ptp(on_the_unit_square(collapsed, box), axis=0).tolist() == [0, 0]
    assert on_the_unit_square(np.array([[9.0, 0.0]]), box).tolist() == [[1, 0.5]]  # at the edge


def test_the_script_has_every_module_once_and_no_imports():
    assert {file.name for file in FOLDER.glob("*.js")} == set(MODULES)
    script = source()
    assert "\nimport " not in script
    assert script.count("export ") == 1


def test_numbers_are_packed_as_the_browser_reads_them():
    assert np.frombuffer(base64.b64decode(packed(np.array([0.6, 65_535]), "<u2")), "<u2").tolist() == [1, 65_535]


def test_arrays_that_do_not_fit_are_refused():
    colouring = Colouring("Class", ["one"], ["#112233"], np.zeros(4))
    more = {"key": "map", "numbers": np.arange(4), "colourings": [colouring], "atlas": None, "alt": "A map."}
    with pytest.raises(ValueError, match=r"xy must be \(4, 2\) or \(F, 4, 2\), got \(3, 2\)"):
        picture_map([Panel("t-SNE", np.zeros((3, 2)))], **more)
    with pytest.raises(ValueError, match="numbers below 4"):
        picture_map([Panel("t-SNE", np.zeros((4, 2)), neighbours=np.full((4, 2), 4))], **more)


def test_a_picture_lies_in_its_own_place_of_the_strip_and_bleeds_into_no_other():
    shades = np.arange(230, dtype=np.uint8)
    images = np.repeat(shades, 32 * 32 * 3).reshape(-1, 32, 32, 3)
    pictures = type("Here", (SimpleNamespace,), {"__getitem__": lambda _, i: images[i], "__len__": lambda _: 230})()
    found = np.asarray(Image.open(io.BytesIO(strip(0, pictures)))).astype(int)
    assert found.shape == (3 * 32, COLUMNS * 32, 3)
    assert COLUMNS * ROWS == 2_500
    for i in (0, 99, 100, 229):
        tile = found[32 * (i // COLUMNS) :, 32 * (i % COLUMNS) :][:32, :32]
        assert abs(tile - int(shades[i])).max() <= 3


def test_the_scale_of_kept_neighbours_counts_every_number_once():
    scale = kept_scale(15)
    assert scale.names == ["0 to 2 of 15", "3 to 5 of 15", "6 to 8 of 15", "9 to 11 of 15", "12 to 15 of 15"]
    assert stepped(np.arange(16) / 15).tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 4
