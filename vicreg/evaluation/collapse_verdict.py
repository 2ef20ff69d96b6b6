"""Collapsed or healthy? A verdict on a run's embeddings, from figures in its metrics.

    complete collapse      all standard deviations of z are below gamma / 10: all images are nearly one point
    dimensional collapse   the effective rank of z is below a tenth of its dimensions
    worse than untrained   z is spread out, but a probe of y is worse than one of the untrained encoder's y
    healthy                none of these

The variance term requires a standard deviation of gamma of every dimension. The thresholds are our choice; bundled runs are
far from them (largest deviation 0.01 against 0.9 and more; rank 1 % of the dimensions against 27 % and more).
"""

from __future__ import annotations

from typing import Literal

from vicreg.storage.json_values import JsonObject

Verdict = Literal["complete collapse", "dimensional collapse", "worse than untrained", "healthy"]
LEAST_SPREAD = 0.1  # times gamma: below it, even the dimension of z with the largest spread has collapsed
LEAST_RANK = 0.1  # times the dimensions of z


def verdict(spaces: JsonObject, *, gamma: float = 1.0, untrained: JsonObject | None = None) -> Verdict | None:
    """The verdict on a trained run; None if it has no embeddings.

    spaces: the section `spaces` of its metrics. gamma: of its loss. untrained: the same section of the untrained encoder;
    without it, the verdict says nothing about learning. Two probes differ if their 95 % intervals do not overlap.
    """
    z = spaces.get("z")
    if z is None:
        return None
    if z["std"]["most"] < LEAST_SPREAD * gamma:
        return "complete collapse"
    if z["effective_rank"] < LEAST_RANK * z["dimensions"]:
        return "dimensional collapse"
    if untrained is not None and spaces["y"]["probe"]["interval"][1] < untrained["y"]["probe"]["interval"][0]:
        return "worse than untrained"
    return "healthy"
