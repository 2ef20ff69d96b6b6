"""The verdict on real runs: each bundled preset collapses the way that its missing term lets it, and healthy ones do not."""

import json

import pytest

from vicreg.evaluation.collapse_verdict import LEAST_RANK, LEAST_SPREAD, verdict
from vicreg.storage.paths import BUNDLED

EXPECTED = {
    "vicreg": "healthy",
    "neighbour-views": "healthy",
    "no-variance": "complete collapse",
    "no-covariance": "dimensional collapse",
    "no-invariance": "worse than untrained",
}


def bundled(name: str) -> dict:
    return json.loads((BUNDLED / name / "metrics.json").read_text())["spaces"]


@pytest.mark.parametrize("dataset", ["cifar10", "coloured-digits"])
@pytest.mark.parametrize(("preset", "expected"), EXPECTED.items())
def test_every_bundled_preset_gets_the_verdict_of_its_missing_term(dataset, preset, expected):
    assert verdict(bundled(f"{dataset}-{preset}"), untrained=bundled(f"{dataset}-untrained")) == expected


def test_the_rule_turns_at_its_thresholds():
    spaces = {
        "y": {"probe": {"interval": [50.0, 52.0]}},
        "z": {"std": {"most": LEAST_SPREAD}, "effective_rank": LEAST_RANK * 100, "dimensions": 100},
    }
    assert verdict(spaces) == "healthy"
    assert verdict(spaces, gamma=1.01) == "complete collapse"
    assert verdict({**spaces, "z": {**spaces["z"], "dimensions": 101}}) == "dimensional collapse"
    assert verdict(spaces, untrained={"y": {"probe": {"interval": [52.0, 54.0]}}}) == "healthy"
    assert verdict(spaces, untrained={"y": {"probe": {"interval": [52.1, 54.0]}}}) == "worse than untrained"
    assert verdict({"y": spaces["y"]}) is None
