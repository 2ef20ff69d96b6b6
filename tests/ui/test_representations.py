"""Searches among the representations of runs."""

import numpy as np
import pytest

from ui.representations import _gallery

pytestmark = pytest.mark.usefixtures("page_world")


def test_two_runs_beside_each_other_keep_their_galleries():
    images = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    first, second = (_gallery(run, "cosine", images) for run in ("first", "second"))
    assert _gallery("first", "cosine", images) is first
    assert _gallery("second", "cosine", images) is second
