"""When a difference between two runs counts, and when it is too close to call.

A difference counts where it is larger than its 95 %
interval: the two half-widths added in quadrature, as for independent measurements. Runs share their test images, so this
is on the cautious side. A smaller difference is too close to call. Where a figure has no interval, a fixed bar decides,
and the finding says so. If a run was also trained with other seeds, a difference must also be larger than the spread
over seeds (`vicreg.runs.seeds.apart`); otherwise it is too close to call.
"""

from __future__ import annotations

import math

from vicreg.claims.finding import CLOSE, FAILS, HOLDS
from vicreg.storage.json_values import JsonObject


def difference(a: float, a_interval: tuple[float, float], b: float, b_interval: tuple[float, float]) -> str:
    """Whether a is above b: HOLDS, FAILS (it is below) or CLOSE. (0, 0) stands for a figure without an interval."""
    half = math.hypot(_half(a_interval), _half(b_interval))
    return HOLDS if a - b > half else FAILS if b - a > half else CLOSE


def _half(interval: tuple[float, float]) -> float:
    return (interval[1] - interval[0]) / 2


def less(ratio: float) -> str:
    """How much smaller a quantity is than another, by their ratio: `39 % less` of 0.61, `4 % more` of 1.04."""
    return f"{100 * abs(1 - ratio):.0f} % {'more' if ratio > 1 else 'less'}"


def above(left: JsonObject, right: JsonObject, figure: str) -> str:
    """Whether a figure of one section of metrics is above another's. left, right: hold the figure and its `interval`."""
    return difference(left[figure], left["interval"], right[figure], right["interval"])
