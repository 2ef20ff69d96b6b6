"""Maps under other settings: what is counted as kept, and two measures of how honest a map is."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from vicreg.evaluation import map_choices as choices


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    return rng.standard_normal((90, 8)) + 4 * np.eye(8)[labels], labels


def test_trustworthiness_is_scikit_learns_and_continuity_is_it_with_roles_swapped(points):
    space, _ = points
    plane = space[:, :2]
    found = choices.honesty(choices.ranks(space), choices.ranks(plane), k=15)
    assert found["trustworthiness"] == pytest.approx(trustworthiness(space, plane, n_neighbors=15), abs=1e-9)
    assert found["continuity"] == pytest.approx(trustworthiness(plane, space, n_neighbors=15), abs=1e-9)


def test_a_map_that_is_the_space_keeps_every_neighbour(points):
    space, labels = points
    section = choices.map_choices(space[:, :2], labels, drawn={"same": space[:, :2]})
    assert (section.tables["map_choices"]["same_kept"] == 15).all()
    figures = section.metrics["map_choices"]["maps"]["same"]
    assert figures == {"trustworthiness": 1.0, "continuity": 1.0, "kept": 15.0}


def test_seeds_place_the_same_images_elsewhere(points):
    section = choices.map_choices(*points)
    table, figures = section.tables["map_choices"], section.metrics["map_choices"]["maps"]
    assert set(figures) == {f"p{p}_s{s}" for p in (5, 30, 100) for s in (0, 1)}
    one, other = (table[[f"p30_s{seed}_x", f"p30_s{seed}_y"]].to_numpy(float) for seed in (0, 1))
    assert np.abs(one - other).max() > 3_000  # of 32,000
    assert min(entry["trustworthiness"] for entry in figures.values()) > 0.8
    assert {str(kind) for kind in table.filter(regex="_[xy]$").dtypes} == {"int16"}


def test_neighbours_are_the_nearest_others(points):
    table = choices.map_choices(*points).tables["map_choices"]
    space, _ = points
    away = np.linalg.norm(space[:, None] - space, axis=2)
    np.fill_diagonal(away, np.inf)
    assert table[[f"n{i}" for i in range(15)]].to_numpy().tolist() == away.argsort(axis=1)[:, :15].tolist()


def test_one_point_has_no_map():
    assert choices.map_choices(np.ones((60, 4)), np.zeros(60, int)) == ({}, {})
