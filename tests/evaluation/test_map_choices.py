"""Maps under other settings: what is counted as kept, and two measures of how honest a map is."""

import numpy as np
import pandas as pd
import pytest
from sklearn.manifold import trustworthiness

from vicreg.evaluation.map_settings import MAP_CHOICES
from vicreg.evaluation.neighbours import nearest
from vicreg.evaluation.report_sections import map_choices as choices


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    labels = np.arange(301) % 3
    return rng.standard_normal((301, 8)) + 4 * np.eye(8)[labels], labels


def test_trustworthiness_is_scikit_learns_and_continuity_is_it_with_roles_swapped(points):
    space, _ = points
    plane = space[:, :2]
    found = choices.honesty(space, plane, k=15)
    assert found["trustworthiness"] == pytest.approx(trustworthiness(space, plane, n_neighbors=15), abs=1e-9)
    assert found["continuity"] == pytest.approx(trustworthiness(plane, space, n_neighbors=15), abs=1e-9)


def test_a_map_that_is_the_space_keeps_every_neighbour(points):
    space, _ = points
    true = nearest(space, space, k=15, metric="euclidean", exclude_self=True).indices
    assert (choices.kept_of(true, 3 * space) == 15).all()
    assert choices.honesty(space, 3 * space, k=15) == {"trustworthiness": 1.0, "continuity": 1.0}


def test_the_table_holds_every_choice_and_judges_maps_that_there_are(points, monkeypatch):
    assert set(MAP_CHOICES) == {f"p{p}_s{s}" for p in (5, 30, 100) for s in (0, 1)}
    tried = {name: MAP_CHOICES[name] for name in ("p30_s0", "p30_s1")}
    monkeypatch.setattr(choices, "MAP_CHOICES", tried)
    space, labels = points
    projections = pd.DataFrame({"pca_x": space[:, 0], "pca_y": space[:, 1]})
    section = choices.map_choices(space, labels, drawn=choices.coordinates(projections))
    table, figures = section.tables["map_choices"], section.metrics["map_choices"]["maps"]
    assert set(figures) == {"pca", *tried}
    assert {column for column in table if column.endswith("_x")} == {f"{name}_x" for name in tried}
    assert table["pca_kept"].mean() == pytest.approx(figures["pca"]["kept"])

    away = np.linalg.norm(space[:, None] - space, axis=2)
    np.fill_diagonal(away, np.inf)
    assert table[[f"n{i}" for i in range(15)]].to_numpy().tolist() == away.argsort(axis=1)[:, :15].tolist()

    one, other = (table[[f"p30_s{seed}_x", f"p30_s{seed}_y"]].to_numpy(float) for seed in (0, 1))
    assert np.abs(one - other).max() > 3_000  # of 32,000: another seed puts the same images elsewhere
    assert min(entry["trustworthiness"] for entry in figures.values()) > 0.7


@pytest.mark.parametrize("representations", [np.ones((400, 4)), np.eye(300)])
def test_one_point_has_no_map_and_300_images_are_too_few(representations):
    assert choices.map_choices(representations, np.zeros(len(representations), int)) == ({}, {})
