"""What is drawn of y and z: half a covariance, and centred points."""

import numpy as np

from vicreg.evaluation.space_tables import SHOWN, covariances, embedding_points
from vicreg.runs.result_tables import TABLES

Y = np.random.default_rng(0).standard_normal((90, 5)).astype(np.float32)
POINT = np.full((90, 64), 0.25, np.float32)


def test_the_drawn_tables_hold_half_a_covariance_and_centred_points():
    table, points = covariances({"y": Y, "z": POINT}), embedding_points(POINT)
    y = table[table["space"] == "y"]
    wanted = np.cov(Y, rowvar=False, bias=True)
    assert len(y) == 5 * 6 / 2
    np.testing.assert_allclose(y["covariance"], wanted[y["row"], y["column"]], rtol=1e-3, atol=1e-2)
    z = table[table["space"] == "z"]
    assert len(z) == SHOWN * (SHOWN + 1) / 2
    assert not z["covariance"].any()
    assert not points[["z_1", "z_2"]].to_numpy().any()
    for name, frame in {"covariances": table, "embedding_points": points}.items():
        assert set(frame) == set(TABLES[name].columns)
