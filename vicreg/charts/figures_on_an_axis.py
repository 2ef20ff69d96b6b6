"""A few figures on one axis, with their intervals and the number that they are held against, as a small SVG.

It has no width of its own: positions across are percentages, so that the text keeps its size on every screen. A pure function.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from vicreg.charts.colours import NO_CLASS_COLOUR, REFERENCE_COLOUR

ROW, TOP, BOTTOM = 38, 4, 40  # pixels: of a figure with its name, above the first, and of the axis with its words
LEFT, RIGHT = 2.0, 98.0  # percent of the width between which the axis lies
Row = tuple[str, str, float, tuple[float, float] | None, str]


def axis_limits(numbers: Sequence[float]) -> tuple[float, float]:
    """Where the axis begins and ends: at zero, but closer where numbers lie too near each other to be told apart there."""
    low, high = min(numbers), max(numbers)
    if low < 0 or high - low > 0.12 * high or high == low:
        step = _round_step(high - min(0, low) or 1)
        return math.floor(min(0, low) / step) * step, math.ceil(high / step + 0.2) * step
    step = _round_step(high - low)
    return (math.floor(low / step - 0.5) * step, math.ceil(high / step + 0.5) * step)


def _round_step(span: float) -> float:
    """A round number, about a fifth of the span."""
    power = 10 ** math.floor(math.log10(span / 5))
    return power * next(factor for factor in (1, 2, 5, 10) if factor * power >= span / 5)


def figures_on_an_axis(rows: Sequence[Row], *, axis: str, bar: float | None = None, bar_label: str = "") -> str:
    """An SVG: a line for each figure with its name, a dot at its value, a band over its interval.

    rows: name, colour (empty for grey), value, interval or None, and the value in words. axis: what it measures. bar: the
    number that the figures are held against, with its label.
    """
    ends = [end for *_, interval, _ in rows if interval for end in interval]
    low, high = axis_limits([*(row[2] for row in rows), *ends, *([] if bar is None else [bar])])

    def x(value: float) -> str:
        return f"{LEFT + (RIGHT - LEFT) * (value - low) / (high - low):.2f}%"

    foot = TOP + ROW * len(rows)
    spoken = f"{axis}: " + "; ".join(f"{name} {text}" for name, *_, text in rows)
    if bar is not None:
        spoken += f"; the line at {bar:g} is {bar_label}"
    parts = [
        f'<svg width="100%" height="{foot + BOTTOM}" role="img" aria-label="{escape(spoken)}" font-size="13" '
        'fill="currentColor" style="font-family:inherit;display:block" xmlns="http://www.w3.org/2000/svg">'
    ]
    if bar is not None:
        parts.append(
            f'<line x1="{x(bar)}" x2="{x(bar)}" y1="{TOP}" y2="{foot}" stroke="{REFERENCE_COLOUR}" stroke-width="3" '
            'stroke-dasharray="5 3"/>'
        )
    for number, (name, colour, value, interval, text) in enumerate(rows):
        parts.append(_figure(name, colour or NO_CLASS_COLOUR, x, value, interval, text, TOP + ROW * number))
    parts.append(
        f'<line x1="{LEFT}%" x2="{RIGHT}%" y1="{foot}" y2="{foot}" stroke="currentColor" stroke-opacity=".5"/>'
        f'<text x="{LEFT}%" y="{foot + 16}">{low:g}</text><text x="{RIGHT}%" y="{foot + 16}" text-anchor="end">{high:g}</text>'
        f'<text x="{LEFT}%" y="{foot + 34}">{escape(axis)}</text>'
    )
    if bar is not None:
        share = (bar - low) / (high - low)
        anchor = "start" if share < 0.3 else "end" if share > 0.7 else "middle"
        parts.append(
            f'<text x="{x(bar)}" y="{foot + 16}" text-anchor="{anchor}" font-weight="600">{escape(bar_label)}: {bar:.4g}</text>'
        )
    return "".join(parts) + "</svg>"


def _figure(name: str, colour: str, x, value: float, interval: tuple[float, float] | None, text: str, top: int) -> str:
    """One figure: its name and its value above a line across, its interval as a band, its value as a dot."""
    line = top + 27
    band = ""
    if interval:
        band = (
            f'<line x1="{x(interval[0])}" x2="{x(interval[1])}" y1="{line}" y2="{line}" stroke="{colour}" '
            'stroke-width="9" stroke-opacity=".45" stroke-linecap="butt"/>'
        )
    return (
        f'<text x="{LEFT}%" y="{top + 15}">{escape(name)}</text>'
        f'<text x="{RIGHT}%" y="{top + 15}" text-anchor="end" font-weight="600">{escape(text)}</text>'
        f'<line x1="{LEFT}%" x2="{RIGHT}%" y1="{line}" y2="{line}" stroke="currentColor" stroke-opacity=".2"/>{band}'
        f'<circle cx="{x(value)}" cy="{line}" r="5.5" fill="{colour}" stroke="currentColor" stroke-width="1"/>'
    )
