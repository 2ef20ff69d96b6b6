"""A few figures on one axis, with their intervals and the number that they are compared with, as a small drawing.

It has no fixed width: horizontal positions are percentages, so that the text keeps its size on every screen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from vicreg.charts.colours import NO_CLASS_COLOUR, REFERENCE_COLOUR

ROW, TOP, BOTTOM = 38, 2, 20  # pixels: of a figure with its name, above the first, and of the axis with its ends
LEFT, RIGHT = 2.0, 98.0  # percent of the width between which the axis lies
Row = tuple[str, str, float, tuple[float, float] | None, str]


def axis_limits(numbers: Sequence[float]) -> tuple[float, float]:
    """The ends of the axis. It starts at zero, unless the numbers would then be too close to tell them apart."""
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


def figures_on_an_axis(
    rows: Sequence[Row],
    *,
    axis: str,
    bar: float | None = None,
    bar_label: str = "",
    seeds: Sequence[Sequence[float]] = (),
) -> str:
    """HTML: an SVG with a line for each figure, a dot at its value, a band over its interval; below it what the axis is.

    rows: name, colour (empty for grey), value, interval or None, value as text. axis: what it measures. bar: the number
    that the figures are compared with, with its label. seeds: for each row the values of other seeds, as ticks.
    """
    ticks = [list(values) for values in seeds] or [[] for _ in rows]
    ends = [end for *_, interval, _ in rows if interval for end in interval]
    others = [value for values in ticks for value in values]
    low, high = axis_limits([*(row[2] for row in rows), *ends, *others, *([] if bar is None else [bar])])

    def x(value: float) -> str:
        return f"{LEFT + (RIGHT - LEFT) * (value - low) / (high - low):.2f}%"

    words = axis + ("" if low == 0 else f" (the axis starts at {low:g})")
    held = "" if bar is None else f". Dashed: {bar_label}, {bar:.4g}"
    held += ". Band: 95 % interval over test pictures" if ends else ""
    held += ". Ticks: other seeds" if others else ""
    spoken = "; ".join(f"{name} {text}" for name, *_, text in rows)
    foot = TOP + ROW * len(rows)
    parts = [
        f'<svg width="100%" height="{foot + BOTTOM}" role="img" aria-label="{escape(spoken)}" font-size="13" '
        'fill="currentColor" style="font-family:inherit;display:block" xmlns="http://www.w3.org/2000/svg">'
    ]
    for number, (name, colour, value, interval, text) in enumerate(rows):
        top = TOP + ROW * number
        parts.append(_figure(name, colour or NO_CLASS_COLOUR, x, value, interval, text, top))
        parts += [
            f'<line class="seed" x1="{x(seed)}" x2="{x(seed)}" y1="{top + 19}" y2="{top + 35}" stroke="currentColor" '
            'stroke-width="2"/>'
            for seed in ticks[number]
        ]
        if bar is not None:
            parts.append(
                f'<line x1="{x(bar)}" x2="{x(bar)}" y1="{top + 17}" y2="{top + ROW}" stroke="{REFERENCE_COLOUR}" '
                'stroke-width="3" stroke-dasharray="4 2"/>'
            )
    parts.append(
        f'<line x1="{LEFT}%" x2="{RIGHT}%" y1="{foot}" y2="{foot}" stroke="currentColor" stroke-opacity=".5"/>'
        f'<text x="{LEFT}%" y="{foot + 15}">{low:g}</text><text x="{RIGHT}%" y="{foot + 15}" text-anchor="end">{high:g}</text>'
        f'</svg><div style="font-size:13px;line-height:1.3;padding:0 2%">{escape(words + held)}</div>'
    )
    return "".join(parts)


def _figure(
    name: str,
    colour: str,
    x: Callable[[float], str],
    value: float,
    interval: tuple[float, float] | None,
    text: str,
    top: int,
) -> str:
    """One figure: its name and its value above a line across, its interval as a band, its value as a dot."""
    line = top + 27
    band = ""
    if interval:
        band = (
            f'<line x1="{x(interval[0])}" x2="{x(interval[1])}" y1="{line}" y2="{line}" stroke="{colour}" '
            'stroke-width="9" stroke-opacity=".45"/>'
        )
    return (
        f'<text x="{LEFT}%" y="{top + 15}">{escape(name)}</text>'
        f'<text x="{RIGHT}%" y="{top + 15}" text-anchor="end" font-weight="600">{escape(text)}</text>'
        f'<line x1="{LEFT}%" x2="{RIGHT}%" y1="{line}" y2="{line}" stroke="currentColor" stroke-opacity=".2"/>{band}'
        f'<circle cx="{x(value)}" cy="{line}" r="5.5" fill="{colour}" stroke="currentColor" stroke-width="1"/>'
    )
