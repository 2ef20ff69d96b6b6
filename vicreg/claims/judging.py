"""All claims in the study's order, judged on the metrics of runs and, if there are any, on those of other seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

from vicreg.claims import anomalies, classes, neighbours, probes
from vicreg.claims.finding import CLOSE, FAILS, HOLDS, UNKNOWN, Claim, Finding, Metrics, Picture
from vicreg.config import BASELINES
from vicreg.runs import seeds

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
    """One claim's finding. If a run or one of its figures is missing, the finding says which."""
    missing = [name for name in claim.needs if name not in metrics]
    if missing:
        return Finding(UNKNOWN, "", _how_to_get(missing))
    try:
        return against_seeds(claim, claim.check(metrics), metrics)
    except KeyError as error:
        return Finding(
            UNKNOWN,
            "",
            f"A run was measured without {error.args[0]!r}: run `python -m vicreg evaluate` on a machine that has all "
            "pictures.",
        )


def _how_to_get(missing: Sequence[str]) -> str:
    """Which runs a claim needs, and the commands that make them."""
    commands = [
        f"`python -m vicreg {'baseline' if name in BASELINES else 'train --preset'} {name}`" for name in missing
    ]
    runs, them = ("runs", "them") if len(missing) > 1 else ("run", "it")
    return f"Needs the {runs} {', '.join(missing)}. To make {them}: {', '.join(commands)}."


def against_seeds(claim: Claim, finding: Finding, metrics: Metrics) -> Finding:
    """The finding with the figures of other seeds; too close to call if what decides is within their spread."""
    if not claim.by or finding.picture is None:
        return finding
    known = tuple(
        dataclasses.replace(figure, seeds=tuple(seeds.others(metrics[figure.run], claim.by)))
        for figure in finding.picture.figures
    )
    picture = dataclasses.replace(finding.picture, figures=known)
    finding = dataclasses.replace(finding, picture=picture)
    held = _compared(claim.by, picture, metrics, verdict=finding.verdict)
    if finding.verdict == FAILS and any(one.counts for one in held):
        return finding  # one difference the wrong way is enough
    within = next((one for one in held if not one.counts), None)
    if within is None or finding.verdict not in (HOLDS, FAILS):
        return finding
    why = (
        f"The deciding difference, {within.difference:.3g}, is within the spread of {within.seeds} seeds "
        f"({within.width:.3g} wide), so it is not a finding. {finding.why}"
    )
    return dataclasses.replace(finding, verdict=CLOSE, why=why)


def _compared(by: str, picture: Picture, metrics: Metrics, *, verdict: str) -> list[seeds.Apart]:
    """The deciding differences compared with the seeds: the first figure and the bar, or each figure and the next.

    If the claim holds, figures fall from top to bottom. If it fails, the pairs that rise decide.
    """
    if picture.bar is not None:
        first = picture.figures[0]
        held = [seeds.from_a_bar(metrics[first.run], by, picture.bar)]
    else:
        pairs = [(a, b) for a, b in pairwise(picture.figures) if verdict != FAILS or a.value < b.value]
        held = [seeds.apart(metrics[a.run], metrics[b.run], by) for a, b in pairs]
    return [one for one in held if one is not None]
