"""What the study found, each finding as a check with a number on our own runs.

`finding` says what a claim and a finding are and when a difference counts. Each claim stands with its check in the file of
what it is about: `classes`, `probes`, `neighbours`, `anomalies`. `judging` lists them and judges them; `family` chooses the
runs to judge.

A finding that does not hold here is not thereby wrong: runs, encoder and epochs differ. That is a lesson too.

The study: github.com/AsafShul/VICReg_selfsupervised_representation_learning, its README.
"""

from vicreg.claims.comparable_runs import family
from vicreg.claims.finding import (
    CLOSE,
    FAILS,
    HOLDS,
    UNKNOWN,
    Claim,
    Figure,
    Finding,
    Metrics,
    Picture,
    Place,
    difference,
)
from vicreg.claims.judging import CLAIMS, findings, judge

__all__ = [
    "CLAIMS",
    "CLOSE",
    "FAILS",
    "HOLDS",
    "UNKNOWN",
    "Claim",
    "Figure",
    "Finding",
    "Metrics",
    "Picture",
    "Place",
    "difference",
    "family",
    "findings",
    "judge",
]
