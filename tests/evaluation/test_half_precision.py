"""Half to single precision: what NumPy gives, for every number that half precision has."""

import numpy as np

from vicreg.evaluation import half_precision


def test_every_half_becomes_the_same_single_as_in_numpy(monkeypatch):
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    monkeypatch.setattr(half_precision, "ROWS", 100)  # some parts have infinities, most have none
    for half in (every.reshape(512, 128), every.reshape(512, 128)[:, ::2], every, every[:0]):
        found = half_precision.single(half)
        np.testing.assert_array_equal(found, half.astype(np.float32))
        finite = np.isfinite(found)
        np.testing.assert_array_equal(found[finite].view(np.int32), half.astype(np.float32)[finite].view(np.int32))
        assert found.dtype == np.float32
