"""All claims in the study's order, each judged on the metrics of runs."""

from __future__ import annotations

from vicreg.claims import anomalies, classes, neighbours, probes
from vicreg.claims.finding import UNKNOWN, Claim, Finding, Metrics

CLAIMS: tuple[Claim, ...] = (
    classes.T_SNE_OVER_PCA,
    classes.ENTANGLED_PAIRS,
    probes.PROBE,
    probes.NO_VARIANCE_PROBE,
    probes.NO_VARIANCE_RANK,
    probes.NEIGHBOUR_VIEWS,
    probes.LAPLACIAN,
    neighbours.SHARE_CLASS,
    neighbours.SHARE_COLOUR,
    neighbours.FARTHEST_REPEAT,
    anomalies.MNIST,
    anomalies.SAME_ANOMALIES,
    anomalies.ANOMALIES_ALIKE,
    classes.CLUSTERS,
)


def findings(metrics: Metrics) -> list[tuple[Claim, Finding]]:
    """Every claim with its finding on these runs, in the study's order."""
    return [(claim, judge(claim, metrics)) for claim in CLAIMS]


def judge(claim: Claim, metrics: Metrics) -> Finding:
    """One claim's finding; what is missing, where a run or one of its figures is."""
    missing = [name for name in claim.needs if name not in metrics]
    if missing:
        return Finding(UNKNOWN, "", f"Needs the run{'s' if len(missing) > 1 else ''} {', '.join(missing)}.")
    try:
        return claim.check(metrics)
    except KeyError as error:
        return Finding(
            UNKNOWN, "", f"A run was measured without {error.args[0]!r}: evaluate it again, with all pictures at hand."
        )
