"""The study's findings, each as a check on our own runs that gives a number.

`finding` says what a claim and a finding are and when a difference counts. Each claim and its check are in the file of
its topic: `classes`, `probes`, `neighbours`, `anomalies`. `judging` lists and judges them; `family` chooses the runs to
judge.

A finding that does not hold here need not be wrong: runs, encoder and epochs differ. That is a lesson, too.

The study: the README of `vicreg.study_results.STUDY`.
"""

from vicreg.claims.comparable_runs import family
from vicreg.claims.differences import difference
from vicreg.claims.finding import CLOSE, FAILS, HOLDS, UNKNOWN, Claim, Figure, Finding, Metrics, Picture, Place
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
